import { VERIFY_EXECUTOR, type RenewReply } from '@slipway/contracts';
import type { Json } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import type { AllowList } from './allow-list.js';
import type { Executor } from './executors/executor.js';
import { HeldJob } from './held-job.js';
import { Intake } from './intake.js';
import { runJob, type JobRunParts } from './job-run.js';
import type { Journal, JournalEntry } from './journal.js';
import { Leases } from './leases.js';
import type { AgentClock, AgentConfig, Grant, Link, PulledInvitation, Timers } from './ports.js';
import type { Provider } from './providers/provider.js';
import { ReportOutbox } from './report-outbox.js';
import { pause } from './timers.js';
import { runVerification } from './verification-run.js';

const HEARTBEAT_MS = 10_000;
const HEARTBEAT_JOBS_MAX = 1_000;

export interface AgentParts {
  config: AgentConfig;
  link: Link;
  journal: Journal;
  /** By type; an agent pulls from the queues of these and no others. */
  executors: Readonly<Record<string, Executor>>;
  providers: Readonly<Record<string, Provider>>;
  allow: AllowList;
  /** Resolves references to secrets at this site, by variable. */
  secrets: (references: Record<string, string>) => Promise<Record<string, string>>;
  clock: AgentClock;
  timers: Timers;
  log: Log;
  /** Where executors keep what they must find again. */
  workDirectory: string;
}

/**
 * An agent: takes jobs in, runs them under a lease, reports. `new` → `start` → (`drain` →) `halt`. What it holds is in `held`; everything
 * that must survive it is in its journal. It obeys renewals only, and the lease only decides whether something new may begin.
 */
export class Agent {
  private readonly held = new Map<string, HeldJob>();
  /** How many of `held` are verifications. */
  private verifications = 0;
  private readonly runs = new Set<Promise<void>>();
  private readonly outbox: ReportOutbox;
  private readonly leases: Leases;
  private readonly lanes: Intake[];
  private state: 'online' | 'draining' | 'paused' = 'online';
  private leaving = false;
  private halted = false;
  private stopHeartbeat: (() => void) | undefined;
  private freed: (() => void) | undefined;

  constructor(private readonly parts: AgentParts) {
    const { link, journal, clock, timers, log } = parts;
    this.outbox = new ReportOutbox({ link, journal, clock, timers, log, settled: (job) => this.forget(job) });
    this.leases = new Leases({
      link,
      clock,
      timers,
      log,
      held: () => this.held.values(),
      command: (job, go) => this.obey(job, go),
      agent: (state) => this.obeyAgent(state),
    });
    this.lanes = [this.lane(Object.keys(parts.executors), false), this.lane([VERIFY_EXECUTOR], true)];
  }

  /** Take up what the journal holds, then new work. Resolves once that has begun. */
  async start(): Promise<void> {
    const entries = await this.parts.journal.load();
    for (const entry of entries) this.takeUp(entry);
    this.parts.link.onNudge(() => void this.leases.renewNow());
    this.leases.schedule();
    this.beat();
    for (const lane of this.lanes) lane.resume();
    if (entries.length > 0) this.parts.log.info('taking up jobs from the journal', { jobs: entries.length });
  }

  /** Take nothing new, let what runs finish within the limit, deliver its reports; the rest waits in the journal for the next start. */
  async drain(limitMs: number): Promise<void> {
    this.leaving = true;
    this.applyState('draining');
    const over = new AbortController();
    await Promise.race([this.untilEmpty(), pause(this.parts.timers, limitMs, over.signal)]);
    over.abort();
    await this.halt();
  }

  /** End now. Programs go on under their runners; what was not delivered stays in the journal. */
  async halt(): Promise<void> {
    this.halted = true;
    this.stopHeartbeat?.();
    for (const lane of this.lanes) lane.close();
    this.leases.close();
    this.outbox.close();
    for (const job of this.held.values()) job.stop();
    await Promise.all(this.runs);
    await this.parts.journal.close();
  }

  private lane(executors: readonly string[], verifies: boolean): Intake {
    const { link, clock, timers, log, config } = this.parts;
    return new Intake({
      link,
      clock,
      timers,
      log,
      executors,
      capacity: config.capacity,
      running: () => (verifies ? this.verifications : this.held.size - this.verifications),
      holds: (invitation) => this.holds(invitation),
      take: (grants, askedAt) => this.take(grants, askedAt),
    });
  }

  /** The same attempt under a lease that holds: the queue only repeats itself. */
  private holds({ job, attempt }: PulledInvitation): boolean {
    const held = this.held.get(job);
    return held !== undefined && held.grant.attempt === attempt && this.parts.clock.monotonic() < held.leaseUntil;
  }

  private async take(grants: readonly Grant[], askedAt: number): Promise<void> {
    await this.parts.journal.append(
      grants.map((grant) => ({ type: 'held' as const, job: grant.job, grant })),
      true,
    );
    if (this.halted) return;
    for (const grant of grants) {
      const before = this.held.get(grant.job);
      if (before?.grant.epoch === grant.epoch) continue;
      const job = new HeldJob(grant, askedAt);
      this.hold(job);
      before?.stop();
      this.begin(job);
    }
    this.leases.schedule();
  }

  private takeUp(entry: JournalEntry): void {
    const job = HeldJob.resumed(entry, this.parts.clock.monotonic());
    this.hold(job);
    this.outbox.restore(job, entry.pending);
    if (!job.finished) this.begin(job);
    else if (entry.pending.length === 0) this.forget(job);
  }

  private begin(job: HeldJob): void {
    const run = (isVerify(job.grant) ? runVerification(job, this.runParts()) : runJob(job, this.runParts())).finally(() =>
      this.runs.delete(run),
    );
    this.runs.add(run);
  }

  private runParts(): JobRunParts & { providers: AgentParts['providers'] } {
    const { executors, providers, allow, link, clock, timers, log, workDirectory, secrets } = this.parts;
    return {
      ...{ executors, providers, allow, link, clock, timers, log, workDirectory, secrets },
      say: (held, saying) => this.outbox.say(held, saying),
      note: (held, key, value) => this.note(held, key, value),
      heldAgain: (held) => this.held.has(held.id) && this.held.get(held.id) !== held,
      halted: () => this.halted,
    };
  }

  private note(held: HeldJob, key: string, value: Json): void {
    held.notes[key] = value;
    if (this.held.get(held.id) !== held || this.halted) return;
    this.parts.journal.append([{ type: 'note', job: held.id, key, value }], false).catch((error: unknown) => {
      this.parts.log.warn('journal not written', { error: String(error) });
    });
  }

  private obey(job: HeldJob, go: 'cancel' | 'stop'): void {
    if (go === 'cancel') return job.cancel();
    this.parts.log.info('job is not ours any more', { job: job.id, epoch: job.grant.epoch });
    job.stop();
    this.parts.journal.append([{ type: 'forgotten', job: job.id, epoch: job.grant.epoch }], false).catch(() => {
      // Then it is stopped once more after the next start.
    });
    this.forget(job);
  }

  private obeyAgent(state: RenewReply['agent']): void {
    if (!this.leaving) this.applyState(state === 'on' ? 'online' : state === 'drain' ? 'draining' : 'paused');
  }

  private applyState(state: 'online' | 'draining' | 'paused'): void {
    if (this.state === state) return;
    this.state = state;
    for (const lane of this.lanes) {
      if (state === 'online') lane.resume();
      else lane.pauseIntake();
    }
    this.sendBeat();
  }

  private hold(job: HeldJob): void {
    if (!this.held.has(job.id) && isVerify(job.grant)) this.verifications++;
    this.held.set(job.id, job);
  }

  private forget(job: HeldJob): void {
    if (this.held.get(job.id) === job) {
      this.held.delete(job.id);
      if (isVerify(job.grant)) this.verifications--;
    }
    for (const lane of this.lanes) lane.pull();
    if (this.held.size === 0) this.freed?.();
  }

  private untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.freed = resolve;
      if (this.held.size === 0) resolve();
    });
  }

  private beat(): void {
    if (this.halted) return;
    this.sendBeat();
    // An agent that was drained or paused while it holds nothing hears by this that it may go on.
    if (this.state !== 'online' && !this.leaving) void this.leases.renewNow();
    this.stopHeartbeat = this.parts.timers.after(HEARTBEAT_MS, () => this.beat());
  }

  private sendBeat(): void {
    const { name, pool, version, labels, capacity } = this.parts.config;
    const jobs = [...this.held.values()].slice(0, HEARTBEAT_JOBS_MAX).map((job) => ({ job: job.id, epoch: job.grant.epoch }));
    const executors = Object.keys(this.parts.executors);
    this.parts.link.heartbeat({
      agent: name,
      pool,
      at: this.parts.clock.now(),
      version,
      state: this.state,
      labels,
      executors,
      capacity,
      jobs,
    });
  }
}

const isVerify = (grant: Grant): boolean => grant.kind === 'verify';
