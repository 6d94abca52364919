import type { NatsConnection } from '@nats-io/transport-node';
import {
  consumers,
  streamOf,
  subjectMatches,
  subjects,
  type AgentOperationName,
  type AgentReplyOf,
  type AgentRequestOf,
} from '@slipway/contracts';
import type { OperationName, ReplyOf, RequestOf } from '@slipway/contracts';
import {
  connectNats,
  createAgentRequests,
  createPublisher,
  createRequests,
  hostParts,
  readAnchors,
  type AgentRequests,
  type Hosting,
  type Inbound,
  type Requests,
  type ServiceParts,
} from '@slipway/messaging';
import type { AnyTable } from '@slipway/persistence';
import { systemIds, type Log } from '@slipway/runtime';
import { silentLog, startNats, type TestNats } from '@slipway/testkit';
import type { ServiceDeps } from '@slipway/hosting';
import { createPolicy } from '../../services/policy/src/parts.js';
import { tables as policyTables } from '../../services/policy/src/tables.js';
import { createRegistry } from '../../services/registry/src/parts.js';
import { tables as registryTables } from '../../services/registry/src/tables.js';
import { createScheduler } from '../../services/scheduler/src/parts.js';
import { tables as schedulerTables } from '../../services/scheduler/src/tables.js';
import { openRecord, type RecordKind, type ServiceRecord } from './record.js';

/*
 * The running services for the cases: registry, policy and scheduler on a real nats-server and a record in PostgreSQL or memory, with a clock that
 * only moves when a case moves it. One mesh serves many cases, one after the other: each begins with the same tables and services made anew.
 */

export const AGENT = 'conny';
export const POOL = 'hosts';
/** Nothing that a case waits for takes longer than this, in real time. */
const SETTLE_DEADLINE_MS = 20_000;
/** What an agent has begun it keeps for as long as a case lasts: leases are the simulation's business. */
const LEASE_MS = 400 * 86_400_000;
const NAMES = ['registry', 'policy', 'scheduler'] as const;
type ServiceName = (typeof NAMES)[number];

const TABLES: Record<ServiceName, readonly AnyTable[]> = { registry: registryTables, policy: policyTables, scheduler: schedulerTables };
const noCredentials = {
  mintAgent: () => Promise.resolve(''),
  mintEnrolment: () => Promise.resolve(''),
  revoke: () => Promise.resolve(),
  servers: () => [],
  makeSecret: () => 'secret',
};

/** One service: what lasts over the cases, and the parts of the case at hand. */
interface Service {
  name: ServiceName;
  record: ServiceRecord;
  hosting?: Hosting;
  parts: ServiceParts;
  deps: ServiceDeps;
  nudged: boolean;
}

export class ConformanceMesh {
  now = 0;
  /** Errors that services logged in the case at hand. */
  readonly complaints: string[] = [];
  private readonly services = new Map<ServiceName, Service>();
  private readonly people = new Map<string, Promise<Requests>>();
  private readonly agent: { nc?: NatsConnection; requests?: AgentRequests } = {};
  private ci: NatsConnection | undefined;
  private caseNumber = 0;
  /** Messages that a consumer has not handled yet, and those that it has: `EVT/policy id`. */
  private readonly awaited = new Set<string>();
  private readonly handled = new Set<string>();
  private changed: () => void = () => undefined;

  private constructor(
    private readonly nats: TestNats,
    private readonly kind: RecordKind,
  ) {}

  static async start(kind: RecordKind): Promise<ConformanceMesh> {
    const mesh = new ConformanceMesh(await startNats(), kind);
    for (const name of NAMES) await mesh.open(name);
    mesh.ci = await mesh.nats.connect('ci');
    mesh.agent.nc = await mesh.nats.connectAgent(AGENT, [`${POOL}_command`, `${POOL}_verify`]);
    mesh.agent.requests = createAgentRequests(mesh.agent.nc, AGENT);
    return mesh;
  }

  async stop(): Promise<void> {
    for (const { hosting } of this.services.values()) await hosting?.close();
    for (const { record } of this.services.values()) await record.close();
    await this.nats.stop();
  }

  /** The tables as they were when `remember` was called, services made anew that know only what stands there; it is `at`. */
  async begin(at: number): Promise<void> {
    this.now = at;
    this.caseNumber += 1;
    this.complaints.length = 0;
    this.awaited.clear();
    this.handled.clear();
    await Promise.all([...this.services.values()].map(({ record }) => record.restore()));
    for (const service of this.services.values()) Object.assign(service, { parts: this.create(service.name, service.deps), nudged: true });
    await this.settle();
  }

  /** What is recorded now is what every case begins with. */
  async remember(): Promise<void> {
    await Promise.all([...this.services.values()].map(({ record }) => record.remember()));
  }

  /** As the registry tells of the one agent. */
  async enrol(): Promise<void> {
    const { record } = this.services.get('registry')!;
    const body = { agent: AGENT, pool: POOL, executors: ['command', 'verify'], verb: 'enrolled', at: this.now };
    await record.store.transaction((tx) => tx.send([{ subject: subjects.inventory('agent', AGENT, 'enrolled'), id: 'enrolled', body }]));
    await this.settle();
  }

  /** It is `at`, and everything that is due by then is done. */
  async passTo(at: number): Promise<void> {
    if (at < this.now) throw new Error(`time does not go back from ${new Date(this.now).toISOString()} to ${new Date(at).toISOString()}`);
    if (at === this.now) return;
    this.now = at;
    for (const service of this.services.values()) service.nudged = true;
    await this.settle();
  }

  /** Wait until nothing is on its way any more. */
  async settle(): Promise<void> {
    const end = performance.now() + SETTLE_DEADLINE_MS;
    for (;;) {
      const services = [...this.services.values()];
      await Promise.all(services.map((service) => this.wake(service)));
      if (services.some(({ nudged }) => nudged)) continue;
      if (this.awaited.size === 0 && !services.some(({ record }) => record.isBehind())) return;
      if (performance.now() > end)
        throw new Error(`nothing came to rest; still awaited: ${[...this.awaited].join(', ')}; ${this.complaints.join('; ')}`);
      await this.something();
    }
  }

  /** Ask as a person, signed, over the wire. */
  async ask<N extends OperationName>(
    operation: N,
    request: RequestOf<N>,
    who: { by: string; groups: string[] } = ADMIN,
  ): Promise<ReplyOf<N>> {
    const reply = await (await this.person(who)).ask(operation, request);
    await this.settle();
    return reply;
  }

  /** As `ask`, where nothing follows from it. */
  async look<N extends OperationName>(operation: N, request: RequestOf<N>): Promise<ReplyOf<N>> {
    return (await this.person(ADMIN)).ask(operation, request);
  }

  async askAsAgent<N extends AgentOperationName>(operation: N, request: AgentRequestOf<N>): Promise<AgentReplyOf<N>> {
    const reply = await this.agent.requests!.ask(operation, request);
    await this.settle();
    return reply;
  }

  /** Publish as CI or as the agent, and wait until all that follows has happened. */
  async publish(as: 'ci' | 'agent', ...messages: { subject: string; body: object }[]): Promise<void> {
    const nc = as === 'ci' ? this.ci! : this.agent.nc!;
    for (const { subject, body } of messages) {
      const receipt = (await nc.request(subject, JSON.stringify(body), { timeout: SETTLE_DEADLINE_MS })).json<{
        stream?: string;
        seq?: number;
      }>();
      if (receipt.stream === undefined) throw new Error(`${subject} was not stored: ${JSON.stringify(receipt)}`);
      this.expect(subject, `${receipt.stream}:${receipt.seq}`);
    }
    await this.settle();
  }

  private async open(name: ServiceName): Promise<void> {
    const nc = await this.nats.connect(name, this.log);
    const publisher = createPublisher(nc, { source: name, now: Date.now });
    const record = await openRecord(this.kind, {
      ...{ tables: TABLES[name], log: this.log, changed: () => this.changed() },
      // Ids are of a case: the server must not take those of the next one for repeats.
      publish: async (messages) => {
        const own = messages.map((message) => ({ ...message, id: `${this.caseNumber}:${message.id}` }));
        for (const { subject, id } of own) this.expect(subject, id);
        await publisher.publish(own);
      },
    });
    const deps: ServiceDeps = {
      ...{ store: record.store, ids: systemIds, log: this.log, clock: { now: () => this.now } },
      requests: createRequests(nc, { now: Date.now }),
      nudge: () => this.nudge(service),
    };
    const service: Service = { name, record, deps, parts: this.create(name, deps), nudged: false };
    this.services.set(name, service);
    const parts = {
      consumers: this.consumersOf(service),
      operations: delegates(service, 'operations'),
      agentRequests: delegates(service, 'agentRequests'),
    };
    service.hosting = await hostParts(nc, parts, {
      ...{ service: name, version: '0.0.0', log: this.log, now: Date.now },
      anchors: () => readAnchors(this.nats.keysDir),
    });
  }

  private create(name: ServiceName, deps: ServiceDeps): ServiceParts {
    if (name === 'registry') return createRegistry({ ...deps, credentials: noCredentials, queues: { ensure: () => Promise.resolve() } });
    return name === 'policy' ? createPolicy(deps) : createScheduler({ ...deps, leaseMs: LEASE_MS });
  }

  private consumersOf(service: Service): Record<string, { handler: (batch: readonly Inbound[]) => Promise<never> }> {
    const handlers = Object.keys(service.parts.consumers).map((consumer) => [
      consumer,
      {
        handler: async (batch: readonly Inbound[]) => {
          const settlements = (await service.parts.consumers[consumer]!(batch)) as never;
          for (const { id } of batch) {
            this.handled.add(`${consumer} ${id}`);
            this.awaited.delete(`${consumer} ${id}`);
          }
          this.changed();
          return settlements;
        },
      },
    ]);
    return Object.fromEntries(handlers) as never;
  }

  private async wake(service: Service): Promise<void> {
    while (service.nudged) {
      service.nudged = false;
      await service.parts.wake(this.now);
    }
  }

  /** Every consumer that this message is for must have handled it before the mesh is at rest. */
  private expect(subject: string, id: string): void {
    const stream = streamOf(subject);
    for (const { stream: of, name, filters } of consumers) {
      const key = `${of}/${name} ${id}`;
      if (of === stream && filters.some((filter) => subjectMatches(filter, subject)) && !this.handled.has(key)) this.awaited.add(key);
    }
  }

  private nudge(service: Service): void {
    service.nudged = true;
    this.changed();
  }

  /** Until something happens, or a moment has passed. */
  private something(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 1_000);
      this.changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private person({ by, groups }: { by: string; groups: string[] }): Promise<Requests> {
    const key = `${by} ${groups.join(' ')}`;
    let requests = this.people.get(key);
    if (!requests) this.people.set(key, (requests = this.enter(by, groups)));
    return requests;
  }

  private async enter(name: string, groups: string[]): Promise<Requests> {
    const { creds = '' } = await this.nats.trust.mintUser({
      role: 'person',
      name,
      tags: ['role:admin', ...groups.map((group) => `group:${group}`)],
    });
    const nc = this.nats.adopt(await connectNats({ servers: this.nats.url, creds: { text: creds }, name, log: silentLog }));
    return createRequests(nc, { now: Date.now, sign: { text: creds } });
  }

  private readonly log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (message, fields) => void this.complaints.push(`${message} ${String((fields?.['error'] as Error | undefined)?.stack ?? '')}`),
  };
}

const ADMIN = { by: 'ops', groups: [] as string[] };

/** The handlers of whatever parts the service has when it is asked. */
function delegates<K extends 'operations' | 'agentRequests'>(service: Service, kind: K): ServiceParts[K] {
  type Handler = (...given: unknown[]) => Promise<unknown>;
  const names = Object.keys(service.parts[kind]);
  return Object.fromEntries(
    names.map((name) => [name, (...given: unknown[]) => (service.parts[kind] as Record<string, Handler>)[name]!(...given)]),
  ) as never;
}
