import type { Json } from './json.js';
import type { MetricSpec } from './metric.js';
import type { ConcurrencyRule, GradualRolloutRule, RetrySpec, RollbackRule, TimeoutsSpec } from './policy.js';

/** Worst wins: denied > undecided > waiting > allowed. */
export type Verdict = 'allowed' | 'waiting' | 'undecided' | 'denied';

/** One rule's answer: a node of the decision tree. */
export interface RuleResult {
  rule: string;
  verdict: Verdict;
  /** One plain sentence: `0 of 1 from releasers`. */
  sentence: string;
  saw?: Json;
  needs?: Json;
  satisfiedSince?: number;
  /** When time alone can change this answer. */
  reevaluateAt?: number;
  /** The command that a person can give to change it. */
  ask?: string;
  /** Set when an override made it `allowed`. */
  overriddenBy?: string;
}

export interface PolicyResult {
  policy: string;
  verdict: Verdict;
  rules: RuleResult[];
}

/** How an allowed version must go; who spoke for each of the exclusive ones is in `spokenBy`. */
export interface Obligations {
  gradualRollout: GradualRolloutRule;
  verification: MetricSpec[];
  retry: RetrySpec;
  /** Undefined: no automatic rollback. */
  rollback?: RollbackRule;
  concurrency: (ConcurrencyRule & { policy: string })[];
  timeouts: Required<TimeoutsSpec>;
  /** obligation kind → policy name, or `deployment`, or `default`. */
  spokenBy: Record<string, string>;
}

/** Targets that got the same answer for the same reasons. */
export interface DecisionGroup {
  /** Resource identifiers; empty when `rest` is set. */
  resources: string[];
  /** This group is every judged target that no other group names; at most one group of a decision has it, the largest. */
  rest: boolean;
  size: number;
  verdict: Verdict;
  /** Pins, freezes, quarantine, version status, version dependencies: answers that come from no policy. */
  standing: RuleResult[];
  policies: PolicyResult[];
  obligations: Obligations;
  reevaluateAt?: number;
}

/** What the rules said about one version at the targets of one environment at one moment. */
export interface Decision {
  deployment: string;
  environment: string;
  /** Version id, and its tag for people. */
  versionId: string;
  version: string;
  /** The worst verdict of the groups: `allowed` only when all are. */
  verdict: Verdict;
  /** How many targets were judged. */
  targets: number;
  /** Plain sentences of what holds it up, `approval: 0 of 1 from releasers`. */
  because: string[];
  groups: DecisionGroup[];
  decidedAt: number;
  /** Earliest time at which time alone can change the decision; absent: only facts can. */
  reevaluateAt?: number;
}

/** A decision as the policy service numbers and publishes it. */
export interface NumberedDecision extends Decision {
  /** Grows with every decision on the same (deployment, environment, version); an older number changes nothing. */
  number: number;
  /** Highest inventory revision this decision has seen; a target that changed later is not covered by it. */
  inventoryRevision: number;
}
