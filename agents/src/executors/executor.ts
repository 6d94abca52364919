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
  /** Fires when the run is to end (cancelled, out of time, or not this agent's any more): begin nothing from then on, wait for nothing but the end. */
  ending: AbortSignal;
  timers: Timers;
  clock: AgentClock;
  log: Log;
  /** Values of secrets, by environment variable; resolved on this agent. */
  secrets: Readonly<Record<string, string>>;
  /** Keep this value out of every log and report, like a secret: a token that was got for another, an address that is one. */
  hide(value: string): void;
  progress(progress: { percent?: number; step?: string; message?: string; links?: Record<string, string> }): void;
  /**
   * A person must act. The run's time limit stands still until the next progress, and then begins anew. Said again with the same words, nothing
   * happens; other words are another question, and void the answer to the one before (so keep what changes by itself out of them).
   *
   * Fires when a person has confirmed this very question with `slipway confirm`: at once where they did so while another life of the agent, or
   * another agent, asked it. Without `confirms` it never does. A confirmation stands until something else is asked, also when the run went on
   * meanwhile. Who would rather not is heard by `ending`, as for every cancelled run.
   */
  actionRequired(message: string, ask?: Ask): AbortSignal;
  output: LogSink;
  /** What an earlier life of the agent noted of this run, and how to note more. */
  notes: Readonly<Record<string, Json>>;
  note(key: string, value: Json): void;
}

/** How a person may answer an `actionRequired`. */
export interface Ask {
  /** Where to act, or to look. */
  link?: string;
  /**
   * Set when `slipway confirm` answers it, and not only an act in the executor's own system. Names what exactly is confirmed (the digest of a plan,
   * the id of a vendor's run), so that a confirmation never counts for something else that is asked in the same words.
   */
  confirms?: string;
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
  verb: 'succeeded' | 'failed' | 'cancelled' | 'timedOut' | 'rejected' | 'unknown';
  message?: string;
  outputs?: JsonObject;
  links?: Record<string, string>;
}

export type Observation = 'notStarted' | 'running' | 'succeeded' | 'failed' | 'unknown';

/** Nothing was begun and nothing will be: the config, the credentials or what they name are not acceptable to the system. Ends a run as `rejected`. */
export class Refused extends Error {}

/** What a config makes the agent touch, for the site's owner to allow or forbid. */
export interface Reach {
  /** Programs that are run. */
  programs?: readonly string[];
  /** Addresses that credentials are sent to, without a path. */
  servers?: readonly string[];
  /** Source repositories, as `owner/name`. */
  repositories?: readonly string[];
  /** Directories whose files are sent away, or say what is run, as whole paths. */
  directories?: readonly string[];
  /** Variables of the environment that the config sets for programs. */
  variables?: readonly string[];
}

/**
 * Brings one kind of thing about. Every method is idempotent by the run's id: `start` twice begins once, whichever agents ask, and `cancel`
 * after the end changes nothing. `observe` and `follow` wait for a system that does not answer, and say so in the run's progress. An executor
 * throws `Refused` from `start` when nothing can be begun, and anything else only when it could not find out; the agent then reports
 * `unknown`, never a guess.
 */
export interface Executor {
  readonly type: string;
  /** Why this config is not acceptable, in a sentence; undefined when it is. */
  validate(config: JobSpec['executor']): string | undefined;
  /** The config's own limit of the run, beside the job's. */
  limitMs?(config: JobSpec['executor']): number | undefined;
  /** Which of the config's values are references to secrets, by the name under which `run.secrets` has their values. */
  secretReferences?(config: JobSpec['executor']): Record<string, string>;
  reaches?(config: JobSpec['executor']): Reach;
  /** What became of this run, if it was ever begun. */
  observe(run: Run): Promise<Observation>;
  /** Begin. Resolves once it has begun; once `run.ending` fired it begins nothing more, and rejects soon. */
  start(run: Run): Promise<void>;
  /** Follow what was begun to its end; also what an earlier life of this agent, or another agent, began. */
  follow(run: Run): Promise<Outcome>;
  /**
   * Stop it. True once it is certain that nothing of this run goes on or will (`follow` then tells how it ended, if it was begun); false when
   * that could not be confirmed. `run.ending` has fired, and `start` has returned or was given up on.
   */
  cancel(run: Run, because: 'cancelled' | 'timedOut'): Promise<boolean>;
  /** The job is not this agent's any more: end what only this agent could end. */
  abandon?(run: Run): Promise<void>;
  /** What would change, for people to read in the job's log before it begins. Changes nothing itself. */
  diff?(run: Run): Promise<string>;
  /** True where `diff` makes the very plan that `start` goes by: it is then waited for as long as the run may take. */
  readonly diffIsPlan?: boolean;
  /** Forget runs that ended before this time (epoch milliseconds). */
  cleanup?(workDirectory: string, before: number): Promise<void>;
}
