import type { Json, JsonObject } from './json.js';
import type { MetricSpec } from './metric.js';
import type { PolicyDoc, RetrySpec, TimeoutsSpec } from './policy.js';

/*
 * The inventory: what exists. The registry owns it and numbers every change of it with one contiguous `revision`;
 * policy and scheduler hold mirrors that are never ahead of a gap (contracts/feed.ts).
 *
 * All names but a resource's identifier are slugs `[a-z0-9-]` and unique in their kind across systems, since they are
 * subject tokens. Times are epoch milliseconds, durations end in Ms.
 */

export interface SystemDoc {
  name: string;
  description?: string;
}

export interface EnvironmentDoc {
  name: string;
  system: string;
  description?: string;
  /** CEL over `resource`: which resources are in this environment. */
  resources: string;
  metadata: Record<string, string>;
}

/** How a variable is declared on a deployment; who gives it its value at a target is told in variables/resolve.ts. Values may hold templates. */
export interface VariableDeclaration {
  /** `secret`: the value is a reference that the agent resolves, never the secret itself. */
  type: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'list' | 'secret';
  default?: Json;
  required?: boolean;
  /** What the deployment gives it where a selector matches. */
  values?: VariableValue[];
}

/** A value for the targets that its selector picks; of those that match the highest priority counts, at equal priority the first written. */
export interface VariableValue {
  /** CEL over `environment`, `resource`. */
  selector: string;
  value: Json;
  priority: number;
}

/** Values that many deployments share, for the targets that its selector picks. */
export interface VariableSetDoc {
  name: string;
  description?: string;
  /** CEL over `deployment`, `environment`, `resource`. */
  selector: string;
  /** The higher one counts, at equal priority the first by name. */
  priority: number;
  variables: Record<string, Json>;
}

/** Executor type and its config template; every string in it may hold `{{ CEL }}`. */
export interface ExecutorSpec extends JsonObject {
  type: string;
}

export interface DeploymentDoc {
  name: string;
  system: string;
  description?: string;
  /** CEL over `resource`: which resources this deployment runs on. */
  resources: string;
  /** Agent pool, may be a template over `resource`, `environment`, `deployment`. */
  pool: string;
  executor: ExecutorSpec;
  variables: Record<string, VariableDeclaration>;
  /** Filled in by the registry: the sets that give a value to a variable declared here, with those values only. */
  variableSets?: VariableSetDoc[];
  /** Measured after every job at a target, beside what policies add. */
  verification: MetricSpec[];
  retry?: RetrySpec;
  timeouts?: TimeoutsSpec;
  metadata: Record<string, string>;
}

export interface ResourceDoc {
  /** Free text, unique. */
  identifier: string;
  name: string;
  kind: string;
  /** Schema version of `config`. */
  version: string;
  metadata: Record<string, string>;
  config: JsonObject;
  variables: Record<string, Json>;
  /** Name → identifier of the resource that it stands for: `database` → `par-db-1`. Templates see those as `relations.database`. None when absent. */
  relations?: Record<string, string>;
  provider?: string;
}

export type VersionStatus = 'building' | 'ready' | 'failed' | 'rejected' | 'paused';

export interface VersionDependency {
  deployment: string;
  /** Semver range over the other deployment's tag. */
  range: string;
}

export interface Version {
  id: string;
  deployment: string;
  tag: string;
  name: string;
  status: VersionStatus;
  /** Who gave it its status by hand, and why. */
  statusBecause?: string;
  /** Position in the deployment's order of publication; a greater sequence is a newer version. */
  sequence: number;
  config: JsonObject;
  metadata: Record<string, string>;
  message?: string;
  /** Who made it, when CI says so: does not count as its own approver. */
  author?: string;
  dependsOn: VersionDependency[];
  createdAt: number;
}

/** The release targets of one (deployment, environment): resource identifier → revision of the last change that concerns it. */
export interface TargetsChange {
  deployment: string;
  environment: string;
  added: string[];
  removed: string[];
}

/** One numbered change of the inventory, as the feed carries it. `null` removes the thing named. */
export type InventoryItem =
  | { kind: 'system'; name: string; doc: SystemDoc | null }
  | { kind: 'environment'; name: string; doc: EnvironmentDoc | null }
  | { kind: 'deployment'; name: string; doc: DeploymentDoc | null }
  | { kind: 'resource'; name: string; doc: ResourceDoc | null }
  | { kind: 'policy'; name: string; doc: PolicyDoc | null }
  | { kind: 'metric'; name: string; doc: MetricSpec | null }
  | { kind: 'variableSet'; name: string; doc: VariableSetDoc | null }
  | { kind: 'version'; name: string; doc: Version }
  | { kind: 'targets'; name: string; doc: TargetsChange };

export interface InventoryChange {
  /** Contiguous: 1, 2, 3 … */
  revision: number;
  /** When the registry committed it. */
  at: number;
  item: InventoryItem;
}
