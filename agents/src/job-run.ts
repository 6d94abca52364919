import { createHash } from 'node:crypto';
import path from 'node:path';
import type { JsonObject } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import { type AllowList, vetoExecutor } from './allow-list.js';
import { type Ask, type Executor, type Outcome, Refused, type Run } from './executors/executor.js';
import type { HeldJob, Saying } from './held-job.js';
import { LogStream } from './log-stream.js';
import { Mask } from './masking.js';
import type { AgentClock, Link, Timers } from './ports.js';
import { ProgressReports } from './progress.js';
import { RunLimit } from './run-limit.js';
import { pause } from './timers.js';

/** After a confirmed stop, the run must end within this. */
const END_AFTER_CANCEL_MS = 5_000;
/** What an executor was asking its system when the run was to end may be answered for so long. */
const BEGINNING_ENDS_WITHIN_MS = 60_000;
/** What a diff may take, unless it is what the run goes by; nobody waits for it longer. */
const DIFF_MS_MAX = 60_000;
/** Questions of one job are told apart by so much of their hash; people type it. */
const QUESTION_LENGTH = 8;
/** How long the last of a log may hold up the final report. */
const LOG_END_MS = 2_000;

export interface JobRunParts {
  executors: Readonly<Record<string, Executor>>;
  allow: AllowList;
  link: Link;
  clock: AgentClock;
  timers: Timers;
  log: Log;
  workDirectory: string;
  secrets: (references: Record<string, string>) => Promise<Record<string, string>>;
  say: (held: HeldJob, saying: Saying) => void;
  note: (held: HeldJob, key: string, value: NonNullable<HeldJob['notes'][string]>) => void;
  /** True when this run is held again, under a newer lease. */
  heldAgain: (held: HeldJob) => boolean;
  /** This agent is ending: its runs stay as they are, for its next life. */
  halted: () => boolean;
}

/**
 * One executor job from grant to final report: veto, validate, observe where something may have been begun, else start; follow; obey the
 * time limit, `cancel` and `stop`. Says exactly one final report, or none when it was stopped. Never throws.
 */
export async function runJob(held: HeldJob, parts: JobRunParts): Promise<void> {
  const config = held.grant.spec.executor;
  const executor = parts.executors[config.type];
  const veto = executor
    ? (executor.validate(config) ?? vetoExecutor(parts.allow, executor, config))
    : `this agent has no executor ${config.type}; it has ${Object.keys(parts.executors).join(', ')}`;
  // Nothing was started by this life; whether an earlier one did can't be looked up by an executor that may not run.
  const refuse = (message: string): void =>
    parts.say(held, { verb: held.startedAt !== undefined || held.grant.observeFirst ? 'unknown' : 'rejected', message });
  if (!executor || veto !== undefined) return refuse(veto ?? '');

  let secrets: Record<string, string>;
  try {
    secrets = await parts.secrets(executor.secretReferences?.(config) ?? {});
  } catch (error) {
    return refuse((error as Error).message);
  }
  await new ExecutorRun(held, executor, secrets, parts).go();
}

/** The run once it is known to be acceptable. */
class ExecutorRun {
  private readonly mask: Mask;
  private readonly output: LogStream;
  private readonly progress: ProgressReports;
  private readonly run: Run;
  private readonly ending = new AbortController();
  private limit: RunLimit | undefined;
  /** What a person was last asked, while that stands. */
  private asked: string | undefined;
  private following = false;
  private readonly followed = Promise.withResolvers<void>();

  constructor(
    private readonly held: HeldJob,
    private readonly executor: Executor,
    secrets: Record<string, string>,
    private readonly parts: JobRunParts,
  ) {
    const { clock, timers, link } = parts;
    this.mask = new Mask(Object.values(secrets));
    this.output = new LogStream(held, this.mask, { link, clock, timers, note: (key, value) => parts.note(held, key, value) });
    this.progress = new ProgressReports(clock, timers, (progress) => this.say({ verb: 'progress', ...progress }));
    this.run = {
      id: held.runId,
      grant: held.grant,
      config: held.grant.spec.executor,
      directory: path.join(parts.workDirectory, held.runId),
      signal: held.stopped.signal,
      ending: AbortSignal.any([held.stopped.signal, this.ending.signal]),
      timers,
      clock,
      log: parts.log,
      secrets,
      hide: (value) => this.mask.add(value),
      progress: (progress) => this.goOn(progress),
      actionRequired: (message, ask) => this.askPerson(message, ask ?? {}),
      output: this.output,
      notes: held.notes,
      note: (key, value) => parts.note(held, key, value as NonNullable<HeldJob['notes'][string]>),
    };
  }

  async go(): Promise<void> {
    const outcome = await this.supervise();
    if (outcome) {
      await this.output.end(LOG_END_MS);
      this.progress.flush();
      this.say(outcome);
    }
    if (this.held.stopped.signal.aborted) await this.abandon();
  }

  private say(saying: Saying): void {
    this.parts.say(this.held, this.mask.json(saying as unknown as JsonObject) as unknown as Saying);
  }

  private goOn(progress: Parameters<Run['progress']>[0]): void {
    this.asked = undefined;
    this.limit?.resume();
    this.progress.add(progress);
  }

  private askPerson(message: string, { link, confirms }: Ask): AbortSignal {
    const question = createHash('sha256')
      .update(JSON.stringify(this.mask.json([message, link ?? null, confirms ?? null])))
      .digest('hex')
      .slice(0, QUESTION_LENGTH);
    if (this.asked !== question) {
      this.asked = question;
      this.limit?.suspend();
      this.progress.flush();
      const answer = { ...(link === undefined ? {} : { link }), ...(confirms === undefined ? {} : { question }) };
      this.say({ verb: 'actionRequired', message, ...answer });
    }
    return this.held.ask(question);
  }

  /** Lets the run live, and ends it when it is cancelled, stopped or out of time. */
  private async supervise(): Promise<Outcome | undefined> {
    const { held, executor, run, parts } = this;
    const limitMs = Math.min(held.grant.runMs, executor.limitMs?.(run.config) ?? Infinity);
    this.limit = new RunLimit(held, limitMs, parts);
    const living = this.live();
    const stopped = untilAborted(held.stopped.signal);
    const first = await Promise.race([
      living,
      stopped.then(() => 'stopped' as const),
      untilAborted(held.cancelled.signal).then(() => 'cancelled' as const),
      this.limit.over.then(() => 'timedOut' as const),
    ]);
    this.limit.close();
    if (typeof first === 'object' || first === undefined) return first;
    this.ending.abort();
    if (first === 'stopped') return undefined;
    return this.end(first, living, stopped, limitMs);
  }

  /** It was asked to end: nothing new is begun, what was begun is stopped, and what can't be confirmed is said to be unknown. */
  private async end(because: 'cancelled' | 'timedOut', living: Promise<Outcome | undefined>, stopped: Promise<void>, limitMs: number) {
    const { held, executor, run, parts } = this;
    const over = new AbortController();
    if (!this.following) {
      const within = pause(parts.timers, BEGINNING_ENDS_WITHIN_MS, over.signal);
      const outcome = await Promise.race([living, this.followed.promise, stopped, within]);
      over.abort();
      if (held.stopped.signal.aborted) return undefined;
      if (outcome) return outcome;
    }
    const confirmed = await Promise.race([
      executor.cancel(run, because).catch((error: unknown) => {
        parts.log.warn('cancel failed', { job: held.id, error: this.mask.text(String(error)) });
        return false;
      }),
      stopped.then(() => false),
    ]);
    if (held.stopped.signal.aborted) return undefined;
    const message = because === 'timedOut' ? `stopped after ${limitMs / 1_000} s` : 'stopped when it was cancelled';
    if (!confirmed) return { verb: 'unknown' as const, message: `it could not be confirmed that the run was stopped (${because})` };
    const outcome = this.following ? living : this.outcomeOfBegun();
    const ended = await Promise.race([outcome, pause(parts.timers, END_AFTER_CANCEL_MS, over.signal).then(() => undefined)]);
    if (!ended) return { verb: because, message };
    // A system knows only that it was stopped; why is known here.
    return ended.verb === 'cancelled' ? { ...ended, verb: because, message: ended.message || message } : ended;
  }

  /** It was to end before it was followed: what had been begun all the same may have ended by itself first. */
  private async outcomeOfBegun(): Promise<Outcome | undefined> {
    const { executor, run } = this;
    try {
      const seen = await executor.observe(run);
      return seen === 'notStarted' || seen === 'unknown' ? undefined : await executor.follow(run);
    } catch {
      // That it does not go on is certain, and all that can be told.
      return undefined;
    }
  }

  /** Observe where something may have begun, else start; then follow. Never rejects; undefined when the run was to end first. */
  private async live(): Promise<Outcome | undefined> {
    let starting = false;
    try {
      const seen = await this.observeFirst();
      if (typeof seen === 'object') return seen;
      if (this.held.stopped.signal.aborted) return undefined;
      if (this.held.startedAt === undefined) this.say({ verb: 'started' });
      if (seen === 'notStarted') {
        await this.showDiff();
        if (this.run.ending.aborted) return undefined;
        starting = true;
        await this.executor.start(this.run);
        starting = false;
      }
      this.following = true;
      this.followed.resolve();
      return await this.executor.follow(this.run);
    } catch (error) {
      if (starting && error instanceof Refused) return { verb: 'rejected', message: error.message };
      // Whoever ends it looks what became of it.
      if (!this.following && this.run.ending.aborted) return undefined;
      this.parts.log.error('executor failed', { job: this.held.id, error: this.mask.text(String(error)) });
      return { verb: 'unknown', message: `the agent could not find out what became of the run: ${(error as Error).message}` };
    }
  }

  private async observeFirst(): Promise<'notStarted' | 'begun' | Outcome> {
    const { held, executor, run } = this;
    const mayHaveBegun = held.startedAt !== undefined || held.grant.observeFirst;
    const seen = mayHaveBegun ? await executor.observe(run) : 'notStarted';
    if (seen === 'unknown')
      return { verb: 'unknown', message: 'an earlier run of this job may have begun, and what became of it cannot be known' };
    if (seen !== 'notStarted') return 'begun';
    await held.awaitLease(() => this.parts.clock.monotonic());
    if (held.cancelled.signal.aborted) return { verb: 'cancelled', message: 'cancelled before it began' };
    if (held.grant.observeOnly) return { verb: 'cancelled', message: 'nothing had begun, and it may not begin any more' };
    return seen;
  }

  /** What would change goes to the log; that it can't be told holds nothing up. */
  private async showDiff(): Promise<void> {
    const { executor, run, held, parts } = this;
    if (!executor.diff || held.grant.kind !== 'deploy') return;
    const over = new AbortController();
    const withinMs = executor.diffIsPlan === true ? Infinity : DIFF_MS_MAX;
    const limit = pause(parts.timers, withinMs, AbortSignal.any([over.signal, run.ending])).then(() => 'not told in time');
    const text = await Promise.race([executor.diff(run).catch((error: Error) => `could not be told: ${error.message}`), limit]);
    over.abort();
    if (text !== '') this.output.write('agent', `what would change: ${text}\n`);
  }

  private async abandon(): Promise<void> {
    await this.output.end(0);
    if (!this.executor.abandon || this.parts.halted()) return;
    // Taken up again under a newer lease: it goes on.
    if (this.parts.heldAgain(this.held)) return;
    await this.executor.abandon(this.run).catch((error: unknown) => {
      this.parts.log.warn('abandoned run could not be ended', { job: this.held.id, error: String(error) });
    });
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
