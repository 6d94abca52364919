import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { LogChunk } from '@slipway/contracts';
import type { JobReport } from '@slipway/core';
import { silentLog } from '@slipway/runtime';
import { Agent } from '../../agents/src/agent.js';
import { isFinal, type Journal, type JournalRecord } from '../../agents/src/journal.js';
import { MemoryJournal } from '../../agents/src/journal.memory.js';
import type { Grant, OutgoingReport, Timers } from '../../agents/src/ports.js';
import { FakeLink } from '../../agents/test/fake-link.js';
import { grantOf } from '../../agents/test/scratch-run.js';
import type { Life, Subject } from './subject.js';
import { WatchedExecutor } from './watched-executor.js';

export const JOB = 'j1';
export const RUN_ID = `${JOB}.1`;
/** No story reaches a limit that it does not set itself. */
const RUN_MS = 7 * 86_400_000;
const LEASE_MS = 30_000;

/** One life of the agent: the real one, on a link and a journal in memory. Killed, nothing of it has an effect any more. */
interface Incarnation {
  life: Life;
  agent: Agent;
  executor: WatchedExecutor;
  link: FakeLink;
  dead: boolean;
}

/** An agent of the pool, over all its lives. Its journal goes on where a life ends, as after `kill -9`. */
export class AgentUnderTest {
  readonly journal = new MemoryJournal();
  /** What the controller heard, in this order. */
  private readonly heard: OutgoingReport[] = [];
  readonly logs: LogChunk[] = [];
  /** What the next claim grants. */
  grant: Partial<Grant> = {};
  /** What the next renewal of the lease says. */
  private go: 'on' | 'cancel' | 'stop' = 'on';
  private confirmed: string | undefined;
  private now: Incarnation | undefined;
  private readonly past: Incarnation[] = [];
  private instant: ((name: string) => void) | undefined;

  constructor(
    readonly name: string,
    private readonly subject: Subject,
    private readonly makeLife: () => Life,
    private readonly directory: string,
  ) {}

  get executor(): WatchedExecutor {
    if (!this.now) throw new Error(`agent ${this.name} is not alive`);
    return this.now.executor;
  }

  get alive(): boolean {
    return this.now !== undefined;
  }

  get reports(): JobReport[] {
    return this.heard.map(({ report }) => report);
  }

  get verbs(): string[] {
    return this.reports.map(({ verb }) => verb);
  }

  /** A `start` of this life has not come back. */
  get beginning(): boolean {
    return (this.now?.executor.starting ?? 0) > 0;
  }

  get final(): JobReport | undefined {
    return this.reports.find(isFinal);
  }

  /** Everything that the executors of all lives did wrong by themselves. */
  get problems(): string[] {
    return [...this.past, ...(this.now ? [this.now] : [])].flatMap(({ executor }) => executor.problems);
  }

  /** Call this at every instant from now on; by `kill` it ends the life right there. */
  atInstants(told: ((name: string) => void) | undefined): void {
    this.instant = told;
  }

  /** An instant; true when the agent is dead after it. */
  reach(name: string): boolean {
    if (!this.now) return true;
    this.instant?.(name);
    return this.now === undefined;
  }

  async start(): Promise<void> {
    const life = this.makeLife();
    const link = new FakeLink();
    Object.assign(link, { reports: this.heard, logs: this.logs });
    const incarnation: Omit<Incarnation, 'agent' | 'executor'> & Partial<Incarnation> = { life, link, dead: false };
    const isDead = (): boolean => incarnation.dead;
    const executor = new WatchedExecutor(life.executor, (name) => isDead() || this.reach(name), isDead);
    link.answer = (job, attempt) => this.answer(job, attempt);
    link.renewal = () => this.go;
    link.confirmed = () => this.confirmed;
    link.leaseMs = LEASE_MS;
    mkdirSync(this.directory, { recursive: true });
    const agent = new Agent({
      config: { name: this.name, pool: 'par', labels: {}, capacity: 4, version: '0.0.0' },
      link,
      journal: mortalJournal(this.journal, isDead),
      executors: { [executor.type]: executor },
      providers: {},
      allow: {},
      secrets: async (references) => this.secretsOf(references),
      clock: this.subject.time,
      timers: mortalTimers(this.subject.time, isDead),
      log: silentLog,
      workDirectory: path.join(this.directory, 'work'),
    });
    this.now = Object.assign(incarnation, { agent, executor }) as Incarnation;
    await agent.start();
  }

  /** The job comes out of the queue. */
  invite(grant: Partial<Grant> = {}): void {
    this.grant = grant;
    this.now?.link.invite(this.executor.type, { job: JOB });
  }

  /** What the controller wants of the job, told at once and with every renewal from now on. */
  command(go: 'on' | 'cancel' | 'stop'): void {
    this.go = go;
    this.now?.link.nudge();
  }

  /** What `slipway confirm` would confirm. */
  get question(): string | undefined {
    return this.reports.findLast((report) => report.verb === 'actionRequired')?.question;
  }

  /** A person confirms what was asked last. */
  confirm(): void {
    this.confirmed = this.question;
    this.now?.link.nudge();
  }

  /** The lease lapses, and the job comes again under a newer one, as after a cut of the link. */
  async takeUpAgain(grant: Partial<Grant>): Promise<void> {
    if (!this.now) return;
    this.now.link.leaseMs = 0;
    this.now.link.nudge();
    await new Promise((resolve) => setImmediate(resolve));
    this.now.link.leaseMs = LEASE_MS;
    this.invite(grant);
  }

  /** As `kill -9`: from this moment nothing of this life has an effect. */
  kill(): void {
    const { now } = this;
    if (!now) return;
    now.dead = true;
    now.link.up = false;
    this.now = undefined;
    this.past.push(now);
    void now.life.kill();
  }

  async restart(): Promise<void> {
    this.kill();
    await this.start();
  }

  /** What the executor noted is gone, as on a new disk. */
  forgetNotes(): void {
    for (const entry of this.journal.held.values()) entry.notes = {};
  }

  /** The story is over: whatever still waits in any life goes. */
  async bury(): Promise<void> {
    this.kill();
    for (const { agent, life } of this.past) {
      void agent.halt();
      await life.kill();
    }
  }

  private answer(job: string, attempt: number): Grant {
    const { config, context } = this.subject;
    const spec = { executor: config, context: { job: { id: job }, version: { tag: '1.0.0' }, ...context } };
    return grantOf(job, { attempt, runMs: RUN_MS, leaseMs: LEASE_MS, spec, ...this.grant });
  }

  private secretsOf(references: Record<string, string>): Record<string, string> {
    return Object.fromEntries(
      Object.keys(references).map((name) => {
        const value = this.subject.secrets?.[name];
        if (value === undefined) throw new Error(`the subject gives no value for the secret ${name}`);
        return [name, value];
      }),
    );
  }
}

/** A dead agent writes nothing more, and hears of no write. */
function mortalJournal(journal: MemoryJournal, isDead: () => boolean): Journal {
  return {
    load: () => journal.load(),
    append: (records: readonly JournalRecord[]) => (isDead() ? new Promise(() => {}) : journal.append(structuredClone(records))),
    close: async () => {},
  };
}

/** A dead agent waits for ever. */
function mortalTimers(timers: Timers, isDead: () => boolean): Timers {
  return {
    after: (ms, run) =>
      timers.after(ms, () => {
        if (!isDead()) run();
      }),
  };
}
