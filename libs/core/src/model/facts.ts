import type { DeploymentDoc, EnvironmentDoc, ResourceDoc, SystemDoc, Version } from './inventory.js';
import type { PolicyDoc } from './policy.js';

/*
 * The facts a decision is made from, gathered before evaluation. Plain data and maps only: the evaluator does no I/O.
 * A missing entry means "no such fact"; whether that blocks is the rule's business, and it never means yes.
 */

export interface ApprovalFact {
  version: string;
  environment: string;
  by: string;
  groups: string[];
  verdict: 'approved' | 'rejected';
  at: number;
  reason?: string;
}

export interface OverrideFact {
  id: string;
  deployment: string;
  /** Version id. */
  version: string;
  environment?: string;
  resource?: string;
  /** Rule kind that is skipped. */
  rule: string;
  by: string;
  reason: string;
  at: number;
  expiresAt: number;
}

export interface FreezeFact {
  id: string;
  /** CEL over `deployment`, `environment`, `resource`. */
  scope: string;
  by: string;
  reason: string;
  at: number;
  expiresAt: number;
  allowRollback: boolean;
}

export interface PinFact {
  id: string;
  deployment: string;
  environment: string;
  resource?: string;
  /** Version id. */
  version: string;
  by: string;
  reason: string;
  at: number;
  expiresAt?: number;
}

/** What the scheduler last said of one release target; `sequence` grows with every fact about it. */
export interface TargetFact {
  deployment: string;
  environment: string;
  resource: string;
  sequence: number;
  /** When the last deployment there began. */
  startedAt?: number;
  /** `revision`: the inventory revision up to which what runs is known to be what would be released; a target that changed later may want a new release. */
  running?: { version: string; tag: string; verified: boolean; since: number; revision?: number };
  /** Outcome of each version that was tried there, newest fact wins: version id → outcome. */
  outcomes: Record<string, VersionOutcome>;
  /** Version ids that may not go there by themselves. */
  quarantined: string[];
}

export interface VersionOutcome {
  state: 'started' | 'succeeded' | 'failed' | 'rolledBack';
  verified: boolean;
  at: number;
}

/** Everything `evaluate` may read for one version entering one environment. */
export interface DecisionInput {
  system: SystemDoc;
  deployment: DeploymentDoc;
  environment: EnvironmentDoc;
  version: Version;
  /** The targets to judge: resource documents in a stable order. */
  targets: ResourceDoc[];
  /** Facts of targets by `targetKey(deployment, environment, resource)`; covers all that the rules ask for. */
  targetFacts: ReadonlyMap<string, TargetFact>;
  /** The other environments of the same system with the resources this deployment has there. */
  environments: { environment: EnvironmentDoc; resources: string[] }[];
  /** All deployments, for `dependency` rules, with the resources they have in this environment. */
  deployments: { deployment: DeploymentDoc; resources: string[] }[];
  /** Version by id, at least those that run or have outcomes in `targetFacts`. */
  versions: ReadonlyMap<string, Version>;
  policies: PolicyDoc[];
  approvals: ApprovalFact[];
  overrides: OverrideFact[];
  freezes: FreezeFact[];
  pins: PinFact[];
}

/** The key of a release target in maps and tables. */
export function targetKey(deployment: string, environment: string, resource: string): string {
  return `${deployment}/${environment}/${resource}`;
}
