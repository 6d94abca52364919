import type { JobSpec } from '@slipway/core';
import { silentLog } from '@slipway/runtime';
import { Agent, type AgentParts } from '../src/agent.js';
import type { Executor, Observation, Outcome, Reach, Run } from '../src/executors/executor.js';
import { MemoryJournal } from '../src/journal.memory.js';
import { FakeLink } from './fake-link.js';
import { grantOf } from './scratch-run.js';
import { VirtualTime } from './virtual-time.js';

/** An executor in the test's hand: what it began, and when each run ends. Outlives the agent, as programs do. */
export class PuppetExecutor implements Executor {
  readonly type = 'command';
  readonly begun: string[] = [];
  readonly cancelled: string[] = [];
  readonly abandoned: string[] = [];
  observation: Observation | undefined;
  cancelConfirms = true;
  /** What each run tells and asks before it is followed to its end. */
  before: (run: Run) => void = () => undefined;
  private readonly ends = new Map<string, { promise: Promise<Outcome>; resolve: (outcome: Outcome) => void }>();

  validate = (config: JobSpec['executor']): string | undefined => (config.run ? undefined : 'executor.run is missing');

  reaches = (config: JobSpec['executor']): Reach => ({ programs: (config.run as string[]).slice(0, 1) });

  observe = async (run: Run): Promise<Observation> => this.observation ?? (this.begun.includes(run.id) ? 'running' : 'notStarted');

  start = async (run: Run): Promise<void> => void this.begun.push(run.id);

  follow = (run: Run): Promise<Outcome> => {
    this.before(run);
    return this.end(run.id).promise;
  };

  cancel = async (run: Run, because: 'cancelled' | 'timedOut'): Promise<boolean> => {
    this.cancelled.push(run.id);
    if (this.cancelConfirms) this.end(run.id).resolve({ verb: because });
    return this.cancelConfirms;
  };

  abandon = async (run: Run): Promise<void> => void this.abandoned.push(run.id);

  finish(runId: string, outcome: Outcome): void {
    this.end(runId).resolve(outcome);
  }

  private end(runId: string): { promise: Promise<Outcome>; resolve: (outcome: Outcome) => void } {
    const known = this.ends.get(runId) ?? Promise.withResolvers<Outcome>();
    this.ends.set(runId, known);
    return known;
  }
}

/** An agent on a fake link in virtual time. `restart` kills it as `kill -9` would: the object is left behind, only the journal goes on. */
export class AgentBench {
  readonly time = new VirtualTime();
  link = new FakeLink();
  readonly journal = new MemoryJournal();
  readonly executor = new PuppetExecutor();
  agent: Agent;

  constructor(private readonly over: Partial<Omit<AgentParts, 'config'>> & { capacity?: number; more?: string[] } = {}) {
    this.agent = this.make();
    this.link.answer = (job, attempt) => grantOf(job, { attempt });
  }

  async restart(): Promise<void> {
    const { answer, renewal, confirmed, reports } = this.link;
    this.link.up = false;
    await this.agent.halt();
    this.link = new FakeLink();
    Object.assign(this.link, { answer, renewal, confirmed, reports });
    this.agent = this.make();
    await this.agent.start();
    await this.time.pass(0);
  }

  private make(): Agent {
    const { capacity = 4, more = [], ...over } = this.over;
    return new Agent({
      config: { name: 'a1', pool: 'par', labels: { site: 'par' }, capacity, version: '0.0.0' },
      link: this.link,
      journal: this.journal,
      executors: Object.fromEntries(['command', ...more].map((type) => [type, this.executor])),
      providers: {},
      allow: {},
      secrets: async () => ({}),
      clock: this.time,
      timers: this.time,
      log: silentLog,
      workDirectory: '/nowhere',
      ...over,
    });
  }
}
