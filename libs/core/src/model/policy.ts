import type { MetricSpec } from './metric.js';

/*
 * A policy as saved: parsed, defaults filled in, durations in milliseconds, CEL sources checked by `checkPolicy`.
 * YAML writes each rule as an object with one key (`- approval: { required: 1 }`); here `kind` names it.
 */

export interface ApprovalRule {
  kind: 'approval';
  required: number;
  /** `group:name` or `user:name`; empty means anyone. */
  from: string[];
  /** With `from`: `required` from each group. */
  perGroup: boolean;
  allowAuthor: boolean;
  expiresAfterMs?: number;
}

export interface EnvironmentProgressionRule {
  kind: 'environmentProgression';
  /** CEL over `environment`. */
  dependsOn: string;
  mode: 'all' | 'any';
  successPercent: number;
  soakMs: number;
  maxAgeMs?: number;
  /** Undefined: true when the dependency has verification. */
  requireVerified?: boolean;
  allowEmpty: boolean;
}

export interface DependencyRule {
  kind: 'dependency';
  /** CEL over `deployment`. */
  on: string;
  /** Semver range over the other's tag, or CEL over `version` (the other's); which one is told by `versionIs`. */
  version: string;
  versionIs: 'range' | 'cel';
  where: 'sameResource' | 'sameEnvironment';
  mode: 'all' | 'any';
}

export interface VersionSelectorRule {
  kind: 'versionSelector';
  /** CEL over `version`, `deployment`, `environment`, `resource`. */
  selector: string;
}

export interface WindowRule {
  kind: 'window';
  /** RFC 5545 recurrence; DTSTART may stand in it, else the window counts from the epoch's first Monday in the time zone. */
  rrule: string;
  durationMs: number;
  timezone: string;
  mode: 'allow' | 'deny';
  /** Local dates `YYYY-MM-DD` on which an allow window stays closed. */
  holidays: string[];
}

export interface CooldownRule {
  kind: 'cooldown';
  intervalMs: number;
}

export interface ConditionRule {
  kind: 'condition';
  /** CEL over `version`, `deployment`, `environment`, `resource`, `running` (what runs at the target) and `now`. */
  cel: string;
  message: string;
}

export type GateRule =
  ApprovalRule | EnvironmentProgressionRule | DependencyRule | VersionSelectorRule | WindowRule | CooldownRule | ConditionRule;

/** How many targets: a count, a percentage of all members (rounded up, at least 1), or a CEL selector over `resource`. */
export type WaveSize = { count: number } | { percent: number } | { selector: string };

export interface WaveSpec {
  name: string;
  targets: WaveSize;
  /** Wait this long after the wave is done before the next begins. */
  holdMs: number;
  /** Every member of the wave must be verified before the next begins. */
  verify: boolean;
  /** A person must promote before this wave begins. */
  approve: boolean;
}

export type AcrossStrategy =
  | { type: 'allAtOnce' }
  | { type: 'linear'; everyMs: number }
  | { type: 'linearNormalized'; withinMs: number }
  | { type: 'waves'; waves: WaveSpec[] };

export interface CanaryStep {
  /** Percent of the traffic, rising from step to step; the last one is 100. */
  weight: number;
  /** Wait this long after the shift before it is measured, or before the next step. */
  holdMs: number;
  /** Measure at the end of the hold; at 100 that is done in any case. */
  verify: boolean;
}

/** How a version enters one target; absent: by one `deploy` job. */
export type WithinStrategy =
  | { type: 'canary'; steps: CanaryStep[] }
  /** `preview`: measure the idle slot before the switch. `keepOldMs`: how long the old slot is kept after the version has succeeded. */
  | { type: 'blueGreen'; preview: boolean; keepOldMs: number };

export interface GradualRolloutRule {
  kind: 'gradualRollout';
  across: AcrossStrategy;
  within?: WithinStrategy;
  /** CEL over `resource`, compared in turn; ties by a stable hash of target and version. */
  order: string[];
  maxInFlight?: number;
  /** Failures tolerated; default 0: the first failure halts. */
  failureBudget: { count: number } | { percent: number };
  /** Extra wait after the first wave (or target) is done. */
  bakeMs: number;
}

export interface VerificationRule {
  kind: 'verification';
  metrics: MetricSpec[];
}

export interface RetrySpec {
  /** Runs at most this often in all, the first included. */
  attempts: number;
  on: ('failed' | 'timedOut' | 'rejected')[];
  backoff: 'constant' | 'exponential';
  delayMs: number;
  maxDelayMs: number;
  /** 0…1: share of the delay that is random. */
  jitter: number;
}

export interface RetryRule extends RetrySpec {
  kind: 'retry';
}

export interface RollbackRule {
  kind: 'rollback';
  on: ('jobFailure' | 'verificationFailure')[];
  scope: 'target' | 'rollout';
}

export interface ConcurrencyRule {
  kind: 'concurrency';
  max: number;
  /** What jobs share the limit: the environment, the system, the pool, or a CEL key over `resource`. */
  per: 'environment' | 'system' | 'pool' | { key: string };
}

export interface TimeoutsSpec {
  pickupMs?: number;
  runMs?: number;
  silenceMs?: number;
}

export interface TimeoutsRule extends TimeoutsSpec {
  kind: 'timeouts';
}

export type ObligationRule = GradualRolloutRule | VerificationRule | RetryRule | RollbackRule | ConcurrencyRule | TimeoutsRule;

export type Rule = GateRule | ObligationRule;

export interface PolicyDoc {
  name: string;
  description?: string;
  /** CEL over `deployment`, `environment`, `resource`, `version`. */
  selector: string;
  enabled: boolean;
  /** Judged and recorded beside the others, never gates. */
  shadow?: boolean;
  priority: number;
  rules: Rule[];
}
