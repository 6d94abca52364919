import type { JsonObject } from './json.js';
import type { Measurement, MetricSpec } from './metric.js';
import type { RetrySpec } from './policy.js';

export type JobKind = 'deploy' | 'shift' | 'switch' | 'retire' | 'verify';

export type JobState =
  | 'queued'
  | 'dispatched'
  | 'claimed'
  | 'running'
  | 'actionRequired'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'timedOut'
  | 'rejected'
  | 'unknown';

/** States that absorb (I6). `unknown` is ended by a person's word only. */
export const TERMINAL_JOB_STATES = ['succeeded', 'failed', 'cancelled', 'timedOut', 'rejected', 'unknown'] as const;

/** What an executor gets: everything resolved but secrets. */
export interface JobSpec {
  /** Executor config with all templates rendered; for `verify` jobs empty. */
  executor: JsonObject & { type: string };
  /** For `verify` jobs: metrics with all templates rendered but those over `result`. */
  metrics?: MetricSpec[];
  /** The names that templates and metric conditions saw: `job`, `version`, `release`, `deployment`, `environment`, `resource`, `variables`. */
  context: JsonObject;
}

export interface JobLimits {
  /** From dispatched to claimed. */
  pickupMs: number;
  /** From running to a terminal state. */
  runMs: number;
  /** Without any sign of life while claimed or running. */
  silenceMs: number;
  /** A lease lasts this long and is renewed every third of it. */
  leaseMs: number;
}

/** What a run waits for a person to do. */
export interface Asked {
  at: number;
  message: string;
  link?: string;
  /** Names it where a person may confirm it here; without it they must act in the executor's own system. */
  question?: string;
}

/** A person's answer to what was asked. */
export interface Confirmation {
  question: string;
  by: string;
  at: number;
  reason?: string;
}

export interface Job {
  id: string;
  kind: JobKind;
  releaseId: string;
  rolloutId?: string;
  deployment: string;
  environment: string;
  resource: string;
  versionId: string;
  version: string;
  /** Set when this job brings an earlier release back. */
  rollback: boolean;
  pool: string;
  executor: string;
  state: JobState;
  /** 1 for the first run; a retry is a new attempt of the same job. */
  attempt: number;
  attemptsMax: number;
  retry: RetrySpec;
  /** Raised by every grant; a report with an older one changes nothing (I3). */
  epoch: number;
  /** Highest `n` of the reports taken in this epoch; what is not above it is a repeat (I3). */
  reportN: number;
  /** Who holds it, or held it last: after a lapsed lease the same agent may take it up again as long as nobody else has claimed. */
  agent?: string;
  leaseUntil?: number;
  /** How many leases lapsed in this attempt. */
  lapses: number;
  /** Set by the claim: an earlier holder may have started something, so look first. */
  observeFirst?: boolean;
  limits: JobLimits;
  queuedAt: number;
  dispatchedAt?: number;
  claimedAt?: number;
  startedAt?: number;
  finishedAt?: number;
  /** Last sign of life from the agent that holds it. */
  heardAt?: number;
  /** A person, a rollback or the run deadline asked for it to stop. */
  cancelAskedAt?: number;
  /** What a confirmed stop makes of it: `timedOut` when the run deadline asked. */
  cancelAs?: 'cancelled' | 'timedOut';
  /** Set while a person must act: in `actionRequired`, and while its holder is out of reach. */
  asked?: Asked;
  /** Told to whoever holds the job, until something else is asked. */
  confirmation?: Confirmation;
  /** Deadlines as points in time; the controller's own downtime moves them (`listeningSince`). */
  pickupUntil?: number;
  runUntil?: number;
  cancelUntil?: number;
  /** When time alone changes it: backoff end, lease end or a deadline. Always set while it is not terminal (I5). */
  wakeAt?: number;
  percent?: number;
  step?: string;
  message?: string;
  links: Record<string, string>;
  outputs: JsonObject;
}

/** What an agent says of a job, in the order it says it; `n` counts the reports of one (job, epoch) from 1. */
export type JobReport =
  | { verb: 'started'; epoch: number; n: number; at: number }
  | {
      verb: 'progress';
      epoch: number;
      n: number;
      at: number;
      percent?: number;
      step?: string;
      message?: string;
      links?: Record<string, string>;
    }
  /** `question` names what a person may confirm; without it they must act in the executor's own system. */
  | { verb: 'actionRequired'; epoch: number; n: number; at: number; message: string; link?: string; question?: string }
  | { verb: 'measured'; epoch: number; n: number; at: number; measurement: Measurement }
  | {
      verb: 'succeeded' | 'failed' | 'cancelled' | 'timedOut' | 'rejected' | 'unknown';
      epoch: number;
      n: number;
      at: number;
      message?: string;
      outputs?: JsonObject;
      links?: Record<string, string>;
    };

export type JobEvent =
  | { type: 'dispatched' }
  | { type: 'claim'; agent: string; attempt: number }
  | { type: 'renew'; agent: string; epoch: number }
  /** `agent`: who said it, as the subject proves. */
  | { type: 'report'; agent: string; report: JobReport }
  | { type: 'time' }
  /** The controller was not listening until now: what it did not hear does not count as silence. */
  | { type: 'listeningSince'; since: number }
  | { type: 'cancel'; because: string }
  /** Taken back if nobody has begun it: halted rollout, freeze, newer decision. */
  | { type: 'withdraw'; because: string }
  /** A person confirms what they were asked. */
  | { type: 'confirm'; question: string; by: string; reason?: string }
  /** A person says what became of an `unknown` job. */
  | { type: 'resolve'; as: 'succeeded' | 'failed'; by: string };

export type JobEffect =
  /** Put it on the queue now (again): the backoff is over, a lease lapsed, or an invitation may have been lost. Answered by the event `dispatched`. */
  | { type: 'requeue'; at: number }
  /** A measurement to keep; the same (job, metric, index) may come more than once. */
  | { type: 'measured'; measurement: Measurement }
  | {
      type: 'announce';
      verb:
        | 'started'
        | 'succeeded'
        | 'failed'
        | 'cancelled'
        | 'timedOut'
        | 'rejected'
        | 'unknown'
        | 'actionRequired'
        | 'confirmed'
        | 'retrying';
    };
