import { createScheduler } from '../src/parts.js';
import { tables } from '../src/tables.js';
import { subjects, type ClaimAnswer, type Heartbeat, type RenewReply, type ReplyOf } from '@slipway/contracts';
import type {
  DecisionGroup,
  GradualRolloutRule,
  InventoryItem,
  JobReport,
  Measurement,
  MetricSpec,
  NumberedDecision,
  Obligations,
  Version,
  InventoryChange,
} from '@slipway/core';
import { createMemoryStore, type MemoryStore, type Store } from '@slipway/persistence';
import type { Caller, Inbound, OperationHandler, ServiceParts, Settlement } from '@slipway/messaging';
import type { OperationName, ParsedRequestOf } from '@slipway/contracts';

export const ada: Caller = { name: 'user:ada', groups: ['releasers'], role: 'admin' };
export const START = Date.UTC(2026, 10, 22, 12);

export type Grant = Extract<ClaimAnswer, { granted: true }>;
export type Denial = Extract<ClaimAnswer, { granted: false }>;
type RolloutView = ReplyOf<'scheduler.rollouts'>['rollouts'][number];
type JobView = ReplyOf<'scheduler.jobs'>['jobs'][number] & { attempt: number; rollback: boolean; message?: string; held?: string };

export const health: MetricSpec = {
  name: 'health',
  provider: { type: 'http', url: 'http://{{ resource.config.address }}/health' },
  intervalMs: 1_000,
  count: 3,
  initialDelayMs: 0,
  successCondition: 'result.status == 200',
  failureLimit: 0,
  inconclusiveLimit: 0,
  errorLimit: 4,
  onNoData: 'inconclusive',
  dryRun: false,
};

export const allAtOnce: GradualRolloutRule = {
  kind: 'gradualRollout',
  across: { type: 'allAtOnce' },
  order: ['resource.identifier'],
  failureBudget: { count: 0 },
  bakeMs: 0,
};
export const canaryThenRest: GradualRolloutRule = {
  ...allAtOnce,
  across: {
    type: 'waves',
    waves: [
      { name: 'canary', targets: { count: 1 }, holdMs: 0, verify: true, approve: false },
      { name: 'all', targets: { percent: 100 }, holdMs: 0, verify: true, approve: false },
    ],
  },
};

export const obliged = (more: Partial<Obligations> = {}): Obligations => ({
  gradualRollout: allAtOnce,
  verification: [],
  retry: { attempts: 1, on: ['failed'], backoff: 'constant', delayMs: 5_000, maxDelayMs: 60_000, jitter: 0 },
  concurrency: [],
  timeouts: { pickupMs: 3_600_000, runMs: 3_600_000, silenceMs: 120_000 },
  spokenBy: {},
  ...more,
});

export interface MeshOptions {
  hosts?: number;
  verification?: MetricSpec[];
  store?: Store;
  executor?: Record<string, unknown> & { type: string };
}

/** A scheduler with an inventory, decisions and agents written by the test: everything it hears and says goes by the contracts. */
export class Mesh {
  now = START;
  /** What the policy service says of freezes and pins when it is asked. */
  standing: ReplyOf<'policy.standing'> = { facts: [], revision: 0 };
  readonly store: Store;
  parts: ServiceParts;
  /** Agents that were told to renew now. */
  readonly nudged: string[] = [];
  private readonly changes: InventoryChange[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly hosts: string[];
  private readonly enrolled = new Set<string>();
  private serial = 0;
  private versions = 0;

  constructor(private readonly options: MeshOptions = {}) {
    this.store = options.store ?? createMemoryStore(tables);
    this.hosts = Array.from(
      { length: options.hosts ?? 3 },
      (_, at) => `host-${String(at + 1).padStart(options.hosts && options.hosts > 99 ? 5 : 1, '0')}`,
    );
    this.parts = this.start();
  }

  /** A new process on the same store: what the old one held in memory is gone. */
  restart(): void {
    this.parts = this.start();
  }

  private start(): ServiceParts {
    return createScheduler({
      store: this.store,
      clock: { now: () => this.now },
      ids: { next: () => `id-${String((this.serial += 1)).padStart(8, '0')}`, random: () => 0.5 },
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      requests: {
        ask: (async (operation: string, { since }: { since: number }) =>
          operation === 'policy.standing'
            ? this.standing
            : {
                changes: this.changes.filter((c) => c.revision > since).slice(0, 1_000),
                revision: this.changes.length,
              }) as never,
      },
      nudge: () => undefined,
      nudgeAgent: (agent) => void this.nudged.push(agent),
    });
  }

  /** System, environment, deployment, hosts and targets, and the first wake. */
  async begin(): Promise<this> {
    const { verification = [], executor = { type: 'command', run: ['install', '{{ version.tag }}', '{{ resource.config.address }}'] } } =
      this.options;
    await this.inventory({ kind: 'system', name: 'shop', doc: { name: 'shop' } });
    await this.inventory({
      kind: 'environment',
      name: 'production',
      doc: { name: 'production', system: 'shop', resources: 'true', metadata: {} },
    });
    const deployment = {
      name: 'checkout',
      system: 'shop',
      resources: 'true',
      pool: 'eu',
      executor,
      variables: { port: { type: 'integer', default: 8080 } },
      verification,
      metadata: {},
    };
    await this.inventory({ kind: 'deployment', name: 'checkout', doc: deployment as never });
    await this.inventory(
      ...this.hosts.map((name): InventoryItem => ({
        kind: 'resource',
        name,
        doc: { identifier: name, name, kind: 'host', version: 'v1', metadata: {}, config: { address: name }, variables: {} },
      })),
      {
        kind: 'targets',
        name: 'checkout/production',
        doc: { deployment: 'checkout', environment: 'production', added: this.hosts, removed: [] },
      },
    );
    await this.wake();
    return this;
  }

  async inventory(...items: InventoryItem[]): Promise<void> {
    const changes = items.map((item, at) => ({ revision: this.changes.length + at + 1, at: this.now, item }));
    this.changes.push(...changes);
    await this.hear(changes.map((change) => this.inbound(`slipway.evt.${change.item.kind}.x.applied`, change)));
  }

  /** The registry commits a change; its event is on its way. */
  commit(item: InventoryItem): InventoryChange {
    const change = { revision: this.changes.length + 1, at: this.now, item };
    this.changes.push(change);
    return change;
  }

  private async hear(messages: Inbound[]): Promise<void> {
    await this.parts.consumers['EVT/scheduler']?.(messages);
  }

  private inbound(subject: string, body: unknown, attempt = 1): Inbound {
    this.serial += 1;
    return { id: `m${this.serial}`, subject, body, headers: {}, attempt, sequence: this.serial };
  }

  async publish(tag: string, status: Version['status'] = 'ready', sequence = (this.versions += 1)): Promise<Version> {
    const version: Version = {
      id: `v-${tag}`,
      deployment: 'checkout',
      tag,
      name: tag,
      status,
      sequence,
      config: {},
      metadata: {},
      dependsOn: [],
      createdAt: this.now,
    };
    await this.inventory({ kind: 'version', name: tag, doc: version });
    return version;
  }

  decision(
    tag: string,
    verdict: 'allowed' | 'waiting' | 'denied' = 'allowed',
    more: Partial<Obligations> = {},
    group: Partial<DecisionGroup> = {},
  ): NumberedDecision {
    const number = (this.numbers.get(tag) ?? 0) + 1;
    this.numbers.set(tag, number);
    const sentence = { rule: 'approval', verdict, sentence: '0 of 1 from releasers' };
    const groups: DecisionGroup[] = [
      {
        resources: [],
        rest: true,
        size: this.hosts.length,
        verdict,
        standing: [],
        policies: [{ policy: 'p', verdict, rules: [sentence] }],
        obligations: obliged(more),
        ...group,
      },
    ];
    const names = { deployment: 'checkout', environment: 'production', versionId: `v-${tag}`, version: tag };
    return {
      ...names,
      verdict,
      targets: this.hosts.length,
      because: verdict === 'allowed' ? [] : ['approval: 0 of 1'],
      groups,
      decidedAt: this.now,
      number,
      inventoryRevision: this.changes.length,
    };
  }

  async decide(...decisions: NumberedDecision[]): Promise<void> {
    await this.hear(decisions.map((decision) => this.inbound(subjects.decision('checkout', 'production', decision.verdict), decision)));
    await this.wake();
  }

  /** Publish a version and allow it everywhere. */
  async release(tag: string, more: Partial<Obligations> = {}): Promise<void> {
    await this.publish(tag);
    await this.decide(this.decision(tag, 'allowed', more));
  }

  wake(): Promise<number | undefined> {
    return this.parts.wake(this.now);
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    await this.wake();
  }

  ask<N extends OperationName>(operation: N, request: ParsedRequestOf<N>, caller: Caller = ada): Promise<ReplyOf<N>> {
    return (this.parts.operations[operation] as OperationHandler<N>)(request, caller);
  }

  /** A command on the rollout of checkout in production. */
  command(
    operation: 'pause' | 'resume' | 'promote' | 'abort' | 'retryFailed' | 'exclude' | 'rollback',
    more: object = {},
    caller = ada,
  ): Promise<{ done: string }> {
    return this.ask(`scheduler.${operation}`, { deployment: 'checkout', environment: 'production', all: false, ...more } as never, caller);
  }

  /** As the registry tells that it enrolled an agent. */
  async enrol(agent: string, pool = 'eu'): Promise<void> {
    this.enrolled.add(agent);
    await this.hear([
      this.inbound(subjects.inventory('agent', agent, 'enrolled'), { agent, pool, executors: [], verb: 'enrolled', at: this.now }),
    ]);
  }

  /** A claim by an agent, enrolled for the deployment's pool unless it was for another. */
  async claim(agent: string, job: string, attempt = 1): Promise<ClaimAnswer> {
    if (!this.enrolled.has(agent)) await this.enrol(agent);
    const reply = (await this.parts.agentRequests['claim']?.({ jobs: [{ job, attempt }] } as never, agent)) as { jobs: ClaimAnswer[] };
    return reply.jobs[0] as ClaimAnswer;
  }

  async granted(agent: string, job: string, attempt = 1): Promise<Grant> {
    const answer = await this.claim(agent, job, attempt);
    if (!answer.granted) throw new Error(`not granted: ${answer.code} ${answer.because}`);
    return answer;
  }

  async renewal(agent: string, job: string, epoch: number): Promise<RenewReply> {
    return (await this.parts.agentRequests['renew']?.({ jobs: [{ job, epoch }] } as never, agent)) as RenewReply;
  }

  async renew(agent: string, job: string, epoch: number): Promise<RenewReply['jobs'][number]> {
    return (await this.renewal(agent, job, epoch)).jobs[0] as RenewReply['jobs'][number];
  }

  async beat(agent: string, state: Heartbeat['state']): Promise<void> {
    const beat = { agent, pool: 'eu', at: this.now, version: '1', state, labels: {}, executors: ['command'], capacity: 4, jobs: [] };
    await this.parts.agentRequests['hb']?.(beat as never, agent);
  }

  async report(agent: string, job: string, report: object, attempt = 1): Promise<Settlement | undefined> {
    const body = { at: this.now, ...report } as JobReport;
    const message = this.inbound(subjects.agentReport(agent, job, body.verb), body, attempt);
    const settlements = await this.parts.consumers['REPORTS/scheduler']?.([message]);
    return (settlements as ReadonlyMap<string, Settlement> | undefined)?.get(message.id);
  }

  async reports(agent: string, entries: { job: string; report: object }[]): Promise<void> {
    await this.parts.consumers['REPORTS/scheduler']?.(
      entries.map(({ job, report }) =>
        this.inbound(subjects.agentReport(agent, job, (report as JobReport).verb), { at: this.now, ...report }),
      ),
    );
  }

  measurement(index: number, result: Measurement['result'] = 'passed', metric = 'health'): Measurement {
    return { metric, index, result, at: this.now, value: { status: result === 'passed' ? 200 : 503 } };
  }

  async jobs(more: object = {}): Promise<JobView[]> {
    const { jobs } = await this.ask('scheduler.jobs', { limit: 10_000, ...more } as never);
    return (jobs as JobView[]).reverse();
  }

  async offered(): Promise<JobView[]> {
    return (await this.jobs()).filter((job) => job.state === 'dispatched');
  }

  /** Run every job that is offered, and those that follow, until none is: deploys and verifications end as told. */
  async work(
    outcome: { deploy?: (job: JobView) => 'succeeded' | 'failed'; measure?: (job: JobView) => Measurement['result'] } = {},
    rounds = Infinity,
  ): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      await this.wake();
      const offered = await this.offered();
      if (offered.length === 0) return;
      for (const job of offered) await this.run(job, outcome);
    }
  }

  async run(
    job: JobView,
    {
      deploy = () => 'succeeded' as const,
      measure = () => 'passed' as const,
    }: { deploy?: (job: JobView) => 'succeeded' | 'failed'; measure?: (job: JobView) => Measurement['result'] } = {},
  ): Promise<void> {
    const answer = await this.claim('anna', job.id, job.attempt);
    if (!answer.granted) return;
    const { epoch } = answer;
    await this.report('anna', job.id, { verb: 'started', epoch, n: 1 });
    const said: object[] = [];
    if (job.kind === 'verify')
      said.push(...[0, 1, 2].map((index) => ({ verb: 'measured', measurement: this.measurement(index, measure(job)) })), {
        verb: 'succeeded',
      });
    else said.push({ verb: deploy(job), message: 'done' });
    await this.reports(
      'anna',
      said.map((report, at) => ({ job: job.id, report: { epoch, n: at + 2, ...report } })),
    );
  }

  async rollouts(): Promise<RolloutView[]> {
    return (await this.ask('scheduler.rollouts', { limit: 50, members: true })).rollouts;
  }

  async letters(version: string): Promise<string> {
    const rollout = (await this.rollouts()).find((one) => one.version === version);
    return rollout?.members.map((member) => member.letter).join('') ?? '';
  }

  async rollout(version: string): Promise<RolloutView> {
    const found = (await this.rollouts()).find((one) => one.version === version);
    if (!found) throw new Error(`no rollout of ${version}`);
    return found;
  }

  async cell(): Promise<ReplyOf<'scheduler.status'>['cells'][number]> {
    const { cells } = await this.ask('scheduler.status', {});
    return cells[0] as never;
  }

  /** Subjects and bodies said so far whose subject has these tokens. */
  said(tokens: string): { subject: string; body: Record<string, unknown> }[] {
    return (this.store as MemoryStore)
      .outbox()
      .flatMap((row) => row.messages)
      .filter((message) => message.subject.includes(tokens)) as never;
  }
}
