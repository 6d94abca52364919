import { jobConsumer, jobReportSchema, heartbeatSchema, subjects, type ClaimAnswer, type RenewRequest } from '@slipway/contracts';
import type { JobReport, JobSpec } from '@slipway/core';
import { startNats, type TestNats } from '@slipway/testkit';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { isFinal } from '../../../agents/src/journal.js';
import type { Grant } from '../../../agents/src/ports.js';
import { grantOf } from '../../../agents/test/scratch-run.js';

export const POOL = 'kit';
/** Short, so that a story sees renewals; long enough for a slow machine. */
export const LEASE_MS = 6_000;
const RENEW_MS = 2_000;

/** One job as the scheduler has it. */
export interface KitJob {
  id: string;
  spec: JobSpec;
  grant: Partial<Grant>;
  /** Refuse whoever claims it. */
  refused?: boolean;
  go: 'on' | 'cancel' | 'stop';
  epoch: number;
  claimedAt: number | undefined;
  renewedAt: number[];
  /** When an agent was told to stop. */
  stoppedAt: number | undefined;
  heard: { agent: string; report: JobReport; at: number }[];
  problems: string[];
  /** Asked when it is claimed: nothing may have begun before. */
  begun: () => number;
}

/** The controller's part on a real server with real accounts: invites, grants, renews, and listens. */
export class Controller {
  readonly jobs = new Map<string, KitJob>();
  readonly beats: { agent: string; at: number }[] = [];
  readonly problems: string[] = [];

  private constructor(
    readonly nats: TestNats,
    private readonly executor: string,
    private readonly scheduler: NatsConnection,
    private readonly manager: JetStreamManager,
  ) {}

  static async start(executor: string): Promise<Controller> {
    const nats = await startNats();
    const scheduler = await nats.connect('scheduler');
    const manager = await jetstreamManager(await nats.connect('registry'), { checkAPI: false });
    for (const queue of [executor, 'verify']) {
      const { name, filters, ackWaitMs } = jobConsumer(POOL, queue);
      await manager.consumers.add('JOBS', {
        durable_name: name,
        filter_subject: filters[0] ?? '',
        ack_policy: 'explicit',
        ack_wait: ackWaitMs * 1e6,
      });
    }
    const controller = new Controller(nats, executor, scheduler, manager);
    await controller.listen(await nats.connect('ops'));
    return controller;
  }

  /** A credentials file's text, as enrolment gives it: for this name, and the queue of the executor. */
  async credentials(agent: string): Promise<string> {
    const queues = [this.executor, 'verify'].map((queue) => `queue:${POOL}_${queue}`);
    return (await this.nats.trust.mintUser({ role: 'agent', name: agent, tags: queues })).creds ?? '';
  }

  add(job: Pick<KitJob, 'id' | 'spec' | 'grant' | 'begun'> & { refused?: boolean }): KitJob {
    const whole: KitJob = {
      ...job,
      ...{ go: 'on', epoch: job.grant.epoch ?? 0, claimedAt: undefined, renewedAt: [], stoppedAt: undefined, heard: [], problems: [] },
    };
    this.jobs.set(job.id, whole);
    return whole;
  }

  async invite(job: KitJob): Promise<void> {
    const { kind, deployment, environment, resource, version } = grantOf(job.id);
    const invitation = { job: job.id, attempt: 1, kind, deployment, environment, resource, version };
    await jetstream(this.scheduler).publish(subjects.jobQueue(POOL, this.executor, job.id), JSON.stringify(invitation));
  }

  command(job: KitJob, go: KitJob['go'], agent: string): void {
    job.go = go;
    this.scheduler.publish(subjects.agentNudge(agent), '{}');
  }

  /** Invitations that were given out and not settled. */
  async unsettled(): Promise<number> {
    return (await this.manager.consumers.info('JOBS', jobConsumer(POOL, this.executor).name)).num_ack_pending;
  }

  private async listen(ops: NatsConnection): Promise<void> {
    const answer = (operation: 'claim' | 'renew', reply: (asked: never) => object): void => {
      this.scheduler.subscribe(`slipway.agt.*.rpc.${operation}`, {
        callback: (_error, message) => void message.respond(JSON.stringify({ ok: reply(message.json<never>()) })),
      });
    };
    answer('claim', (asked: { jobs: { job: string }[] }) => ({ jobs: asked.jobs.map(({ job }) => this.claim(job)) }));
    answer('renew', (asked: RenewRequest) => this.renew(asked));
    ops.subscribe('slipway.agt.*.job.>', { callback: (_error, message) => this.hear(message) });
    ops.subscribe('slipway.agt.*.hb', { callback: (_error, message) => this.beat(message) });
    await ops.flush();
    await this.scheduler.flush();
  }

  private claim(id: string): ClaimAnswer {
    const job = this.jobs.get(id);
    if (!job || job.refused) return { job: id, granted: false, because: 'it is not to be run', code: 'job.claim.over' };
    // Within its lease whoever asks again gets the same grant: only the answer may have been lost.
    if (job.claimedAt === undefined) {
      if (!job.grant.observeFirst && job.begun() > 0) job.problems.push('it was begun before it was claimed');
      job.epoch++;
      job.claimedAt = Date.now();
    }
    return grantOf(id, { spec: job.spec, leaseMs: LEASE_MS, renewMs: RENEW_MS, runMs: 600_000, ...job.grant, epoch: job.epoch });
  }

  private renew(asked: RenewRequest): object {
    const jobs = asked.jobs.flatMap(({ job: id, epoch }) => {
      const job = this.jobs.get(id);
      if (!job || epoch !== job.epoch) return [{ job: id, go: 'stop', leaseMs: 0 }];
      job.renewedAt.push(Date.now());
      if (job.go === 'stop') job.stoppedAt ??= Date.now();
      return [{ job: id, go: job.go, leaseMs: LEASE_MS }];
    });
    return { jobs, agent: 'on' };
  }

  private beat(message: Msg): void {
    const agent = message.subject.split('.')[2] ?? '';
    const parsed = heartbeatSchema.safeParse(readJson(message));
    if (!parsed.success)
      this.problems.push(
        `a heartbeat of ${agent} cannot be read: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`,
      );
    this.beats.push({ agent, at: Date.now() });
  }

  private hear(message: Msg): void {
    const [, , agent = '', , id = '', verb = ''] = message.subject.split('.');
    const job = this.jobs.get(id);
    if (!job) return void this.problems.push(`a report came for a job that there is not: ${message.subject}`);
    const parsed = jobReportSchema.safeParse(readJson(message));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return void job.problems.push(`the report ${message.subject} cannot be read: ${issue?.path.join('.')} ${issue?.message}`);
    }
    const report = parsed.data;
    if (report.verb !== verb) job.problems.push(`the subject says ${verb} and the report ${report.verb}`);
    if (job.claimedAt === undefined) job.problems.push(`${verb} was reported before the job was claimed`);
    if (report.epoch !== job.epoch) job.problems.push(`${verb} has the epoch ${report.epoch}; it was granted as ${job.epoch}`);
    job.problems.push(...judgeNumber(job, report));
    job.heard.push({ agent, report, at: Date.now() });
  }
}

/** Numbers go up by one; what is said again after a lost receipt is the same, under the same number. */
function judgeNumber(job: KitJob, report: JobReport): string[] {
  const before = job.heard.filter(({ report: { epoch } }) => epoch === report.epoch).map(({ report: said }) => said);
  const same = before.find(({ n }) => n === report.n);
  if (same) return same.verb === report.verb ? [] : [`the number ${report.n} was given to ${same.verb} and to ${report.verb}`];
  const final = before.find(isFinal);
  if (final) return [`after the final report (${final.verb}) came another (${report.verb})`];
  const next = Math.max(0, ...before.map(({ n }) => n)) + 1;
  return report.n === next ? [] : [`the report ${report.verb} has the number ${report.n}; right would be ${next}`];
}

function readJson(message: Msg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
