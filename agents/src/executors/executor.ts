import type { JobSpec, Json, JsonObject } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import type { AgentClock, Grant, Timers } from '../ports.js';

/** One run of a job as an executor sees it. The same run may be handed in again, by this process or a later one: `id` tells. */
export interface Run {
  /** `<job>.<attempt>`: everything an executor begins is found again by it, whatever the epoch. */
  id: string;
  grant: Grant;
  config: JobSpec['executor'];
  /** A directory of the run's own; not made yet. */
  directory: string;
  /** Fires when the job is not this agent's any more. */
  signal: AbortSignal;
  timers: Timers;
  clock: AgentClock;
  log: Log;
  /** Values of secrets, by environment variable; resolved on this agent. */
  secrets: Readonly<Record<string, string>>;
  progress(progress: { percent?: number; step?: string; message?: string; links?: Record<string, string> }): void;
  actionRequired(message: string, link?: string): void;
  output: LogSink;
  /** What an earlier life of the agent noted of this run, and how to note more. */
  notes: Readonly<Record<string, Json>>;
  note(key: string, value: Json): void;
}

/** Where a run's output goes: bounded, masked, streamed while it runs. */
export interface LogSink {
  /** True when the sink takes more; otherwise the writer keeps it for later, or gives it up with `lose`. */
  ready(): boolean;
  write(stream: 'out' | 'err' | 'agent', text: string): void;
  /** So many bytes were given up here. */
  lose(bytes: number): void;
}

export interface Outcome {
  verb: 'succeeded' | 'failed' | 'cancelled' | 'timedOut' | 'unknown';
  message?: string;
  outputs?: JsonObject;
  links?: Record<string, string>;
}

export type Observation = 'notStarted' | 'running' | 'succeeded' | 'failed' | 'unknown';

/**
 * Brings one kind of thing about. Every method is idempotent by the run's id: `start` twice begins once, `cancel` after the end changes
 * nothing. An executor throws only when it could not find out; the agent then reports `unknown`, never a guess.
 */
export interface Executor {
  readonly type: string;
  /** Why this config is not acceptable, in a sentence; undefined when it is. */
  validate(config: JobSpec['executor']): string | undefined;
  /** The config's own limit of the run, beside the job's. */
  limitMs?(config: JobSpec['executor']): number | undefined;
  /** Which of the config's values are references to secrets, by environment variable. */
  secretReferences?(config: JobSpec['executor']): Record<string, string>;
  /** What became of this run, if it was ever begun. */
  observe(run: Run): Promise<Observation>;
  /** Begin. Resolves once it has begun. */
  start(run: Run): Promise<void>;
  /** Follow what was begun to its end; also what an earlier life of this agent, or another agent, began. */
  follow(run: Run): Promise<Outcome>;
  /** Stop it. True once that is certain (`follow` then tells how it ended); false when it could not be confirmed. */
  cancel(run: Run, because: 'cancelled' | 'timedOut'): Promise<boolean>;
  /** The job is not this agent's any more: end what only this agent could end. */
  abandon?(run: Run): Promise<void>;
  /** What would change, for people to read. */
  diff?(run: Run): Promise<string>;
  /** Forget runs that ended before this time (epoch milliseconds). */
  cleanup?(workDirectory: string, before: number): Promise<void>;
}
