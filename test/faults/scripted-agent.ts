import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects, type ClaimAnswer, type RenewReply } from '@slipway/contracts';
import { connectNats, createAgentRequests, type AgentRequests } from '@slipway/messaging';
import { silentLog } from '@slipway/testkit';
import { enrol } from '../../agents/src/enrolment.js';
import { AgentHome } from '../../agents/src/home.js';
import type { FaultMesh } from './fault-mesh.js';

/** An agent that is really enrolled, with its own key and credential, and then says whatever the test makes it say. */
export class ScriptedAgent {
  private constructor(
    readonly name: string,
    private readonly nc: NatsConnection,
    private readonly requests: AgentRequests,
  ) {}

  static async enrol(mesh: FaultMesh, name: string, pool: string): Promise<ScriptedAgent> {
    const { token } = await mesh.ask('registry.inviteAgent', { agent: name, pool, executors: ['command'] });
    const home = new AgentHome(join(mesh.directory, 'scripted', name));
    await enrol(home, token, Date.now(), silentLog);
    const nc = mesh.nats.adopt(await connectNats({ servers: mesh.nats.url, creds: { file: home.credentialsFile }, name, log: silentLog }));
    return new ScriptedAgent(name, nc, createAgentRequests(nc, name));
  }

  /** Say hello, and which pool it claims to be in; answered by nothing. */
  async beat(mesh: FaultMesh, pool: string): Promise<void> {
    const beat = {
      agent: this.name,
      pool,
      at: Date.now(),
      version: '1',
      state: 'online',
      labels: {},
      executors: ['command'],
      capacity: 1,
      jobs: [],
    };
    this.nc.publish(subjects.agentHeartbeat(this.name), JSON.stringify(beat));
    await mesh.come(`${this.name} is heard of in ${pool}`, async () =>
      (await mesh.ask('scheduler.agents', {})).agents.some((agent) => agent.agent === this.name && agent.pool === pool),
    );
  }

  async claim(job: string, attempt: number): Promise<ClaimAnswer | undefined> {
    return (await this.requests.ask('claim', { jobs: [{ job, attempt }] })).jobs[0];
  }

  async renew(job: string, epoch: number): Promise<RenewReply['jobs'][number] | undefined> {
    return (await this.requests.ask('renew', { jobs: [{ job, epoch }] })).jobs[0];
  }

  /** Report, with an id of its own each time, so that only the scheduler can know what is new; resolves when it is stored. */
  async report(job: string, verb: string, said: { epoch: number; n: number; [field: string]: unknown }): Promise<void> {
    const body = JSON.stringify({ verb, at: Date.now(), ...said });
    const receipt = await this.nc.request(subjects.agentReport(this.name, job, verb), body, { timeout: 5_000 });
    if (receipt.json<{ stream?: string }>().stream !== 'REPORTS') throw new Error(`the report was not stored: ${receipt.string()}`);
  }
}
