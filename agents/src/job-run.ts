import path from 'node:path';
import type { JsonObject } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import { type AllowList, vetoExecutor } from './allow-list.js';
import type { Executor, Outcome, Run } from './executors/executor.js';
import type { HeldJob, Saying } from './held-job.js';
import { LogStream } from './log-stream.js';
import { Mask } from './masking.js';
import type { AgentClock, Link, Timers } from './ports.js';
import { ProgressReports } from './progress.js';
import { pause } from './timers.js';

/** After a confirmed stop, the run must end within this. */
const END_AFTER_CANCEL_MS = 5_000;
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
    ? (vetoExecutor(parts.allow, config) ?? executor.validate(config))
    : `this agent has no executor ${config.type}; it has ${Object.keys(parts.executors).join(', ')}`;
  if (!executor || veto !== undefined) return parts.say(held, { verb: 'rejected', message: veto ?? '' });

  let secrets: Record<string, string>;
  try {
    secrets = await parts.secrets(executor.secretReferences?.(config) ?? {});
  } catch (error) {
    // Nothing was started by this life; whether an earlier one did is not known without the secrets.
    const begun = held.startedAt !== undefined || held.grant.observeFirst;
    return parts.say(held, { verb: begun ? 'unknown' : 'rejected', message: (error as Error).message });
  }
  await new ExecutorRun(held, executor, secrets, parts).go();
}

/** The run once it is known to be acceptable. */
class ExecutorRun {
  private readonly mask: Mask;
  private readonly output: LogStream;
  private readonly progress: ProgressReports;
  private readonly run: Run;

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
      timers,
      clock,
      log: parts.log,
      secrets,
      progress: (progress) => this.progress.add(progress),
      actionRequired: (message, link_) => this.say({ verb: 'actionRequired', message, ...(link_ === undefined ? {} : { link: link_ }) }),
      output: this.output,
      notes: held.notes,
      note: (key, value) => parts.note(held, key, value as NonNullable<HeldJob['notes'][string]>),
    };
  }

  async go(): Promise<void> {
    try {
      const outcome = await this.begin();
      if (outcome) {
        await this.output.end(LOG_END_MS);
        this.progress.flush();
        this.say(outcome);
      }
    } catch (error) {
      this.parts.log.error('executor failed', { job: this.held.id, error: this.mask.text(String(error)) });
      this.say({ verb: 'unknown', message: `the agent could not find out what became of the run: ${String(error)}` });
    }
    if (this.held.stopped.signal.aborted) await this.abandon();
  }

  private say(saying: Saying): void {
    this.parts.say(this.held, this.mask.json(saying as unknown as JsonObject) as unknown as Saying);
  }

  private async begin(): Promise<Outcome | undefined> {
    const { held, executor, run } = this;
    const begun = held.startedAt !== undefined || held.grant.observeFirst;
    const seen = begun ? await executor.observe(run) : 'notStarted';
    if (held.stopped.signal.aborted) return undefined;
    if (seen === 'unknown')
      return { verb: 'unknown', message: 'an earlier run of this job may have begun, and what became of it cannot be known' };
    if (seen === 'notStarted') {
      await held.awaitLease(() => this.parts.clock.monotonic());
      if (held.stopped.signal.aborted) return undefined;
      if (held.cancelled.signal.aborted) return { verb: 'cancelled', message: 'cancelled before it began' };
      if (held.grant.observeOnly) return { verb: 'cancelled', message: 'nothing had begun, and it may not begin any more' };
    }
    if (held.startedAt === undefined) this.say({ verb: 'started' });
    if (seen === 'notStarted') await executor.start(run);
    return this.follow();
  }

  private async follow(): Promise<Outcome | undefined> {
    const { held, executor, run, parts } = this;
    const limitMs = Math.min(held.grant.runMs, executor.limitMs?.(run.config) ?? Infinity);
    const over = new AbortController();
    const leftMs = (held.startedAt ?? parts.clock.now()) + limitMs - parts.clock.now();
    const following = executor.follow(run);
    const stopped = untilAborted(held.stopped.signal);
    const first = await Promise.race([
      following,
      stopped.then(() => 'stopped' as const),
      untilAborted(held.cancelled.signal).then(() => 'cancelled' as const),
      pause(parts.timers, Math.max(0, leftMs), over.signal).then(() => 'timedOut' as const),
    ]);
    over.abort();
    // What a stopped run still does concerns nobody any more.
    following.catch(() => {});
    if (first === 'stopped') return undefined;
    if (typeof first === 'object') return first;
    const confirmed = await Promise.race([executor.cancel(run, first), stopped.then(() => false)]);
    if (held.stopped.signal.aborted) return undefined;
    if (!confirmed) return { verb: 'unknown', message: `it could not be confirmed that the run was stopped (${first})` };
    const ended = await Promise.race([following, pause(parts.timers, END_AFTER_CANCEL_MS).then(() => undefined)]);
    return ended ?? { verb: first, message: first === 'timedOut' ? `stopped after ${limitMs / 1_000} s` : 'stopped when it was cancelled' };
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
