import { SlipwayError } from '../errors.js';
import type {
  DeploymentDoc,
  EnvironmentDoc,
  InventoryChange,
  InventoryItem,
  ResourceDoc,
  SystemDoc,
  VariableSetDoc,
} from '../model/inventory.js';
import type { MetricSpec } from '../model/metric.js';
import type { PolicyDoc } from '../model/policy.js';
import { InventoryTargets, type RevisionSource } from './inventory-targets.js';
import { RelationIndex } from './relation-index.js';
import { VersionHistory } from './version-history.js';
import { StringPool } from './string-pool.js';

/** What a change can alter: the decisions and the coverage of these (deployment, environment) pairs. */
export interface Touched {
  pairs: InventoryTargets[];
  /** A policy or a metric template changed: any pair may be concerned, `pairs` names them all. */
  all: boolean;
}

/** What a target is made of; versions, policies and the rest come and go without changing any. */
const TARGETS_REST_ON: ReadonlySet<InventoryItem['kind']> = new Set(['system', 'environment', 'deployment', 'resource', 'targets']);

/**
 * The inventory as one process holds it: what exists, at which revision. Mutable; whoever decides reads it without awaiting in between.
 * Holds true facts of the registry only, so being ahead of one's own tables (a transaction that was rolled back) is no error.
 */
export class Inventory implements RevisionSource {
  private readonly systemDocs = new Map<string, SystemDoc>();
  private readonly environmentDocs = new Map<string, EnvironmentDoc>();
  private readonly deploymentDocs = new Map<string, DeploymentDoc>();
  private readonly resourceDocs = new Map<string, ResourceDoc>();
  private readonly policyDocs = new Map<string, PolicyDoc>();
  private readonly metricSpecs = new Map<string, MetricSpec>();
  private readonly variableSetDocs = new Map<string, VariableSetDoc>();
  private readonly revisions = {
    environment: new Map<string, number>(),
    deployment: new Map<string, number>(),
    resource: new Map<string, number>(),
  };
  /** deployment → environment → targets. */
  private readonly byDeployment = new Map<string, Map<string, InventoryTargets>>();
  private readonly relations = new RelationIndex();
  private readonly strings = new StringPool();
  private reached = 0;
  private targetsChanged = { at: 0, since: false };
  readonly versions = new VersionHistory();

  get revision(): number {
    return this.reached;
  }
  /** Revision of the last change that may concern a target: of any kind but a version's, a policy's and the like. */
  get targetsChangedAt(): number {
    return this.targetsChanged.since ? Number.POSITIVE_INFINITY : this.targetsChanged.at;
  }
  get systems(): ReadonlyMap<string, SystemDoc> {
    return this.systemDocs;
  }
  get environments(): ReadonlyMap<string, EnvironmentDoc> {
    return this.environmentDocs;
  }
  get deployments(): ReadonlyMap<string, DeploymentDoc> {
    return this.deploymentDocs;
  }
  get resources(): ReadonlyMap<string, ResourceDoc> {
    return this.resourceDocs;
  }
  get policies(): ReadonlyMap<string, PolicyDoc> {
    return this.policyDocs;
  }
  get metrics(): ReadonlyMap<string, MetricSpec> {
    return this.metricSpecs;
  }
  get variableSets(): ReadonlyMap<string, VariableSetDoc> {
    return this.variableSetDocs;
  }

  /** The targets of one pair; undefined when it never had any. */
  targets(deployment: string, environment: string): InventoryTargets | undefined {
    return this.byDeployment.get(deployment)?.get(environment);
  }

  /** All pairs that have or had targets, or those of one deployment. */
  *pairs(deployment?: string): IterableIterator<InventoryTargets> {
    if (deployment !== undefined) return yield* this.byDeployment.get(deployment)?.values() ?? [];
    for (const environments of this.byDeployment.values()) yield* environments.values();
  }

  /** The revision of the last change that concerns a target (it was added; its resource or one that it relates to, its deployment or environment changed); undefined when there is no such target. */
  targetRevision(deployment: string, environment: string, resource: string): number | undefined {
    return this.targets(deployment, environment)?.revisionOf(resource);
  }

  /** Identifiers of the resources that relate to this one. */
  relatedTo(resource: string): Iterable<string> {
    return this.relations.to(resource);
  }

  /** Apply the next change; one that is here already changes nothing (and still tells what it concerns). Throws `core.inventory.gap` when one before it is missing. */
  apply(change: InventoryChange): Touched {
    if (change.revision > this.reached + 1) {
      throw new SlipwayError({
        code: 'core.inventory.gap',
        kind: 'conflict',
        message: `Applying inventory change ${change.revision}: ${this.reached + 1} to ${change.revision - 1} are missing here; the feed has them`,
      });
    }
    const before = this.concerned(change.item);
    if (change.revision <= this.reached) return before;
    if (change.item.kind === 'targets') {
      const { deployment, environment, added, removed } = change.item.doc;
      for (const resource of removed) this.setTarget(deployment, environment, resource, undefined);
      for (const resource of added) this.setTarget(deployment, environment, resource, change.revision);
    } else {
      this.set(change.item, change.revision);
    }
    this.advanceTo(change.revision);
    // A document may have moved to another system, and a pair may be new: these concern what was and what is.
    const moves = ['environment', 'deployment', 'targets'].includes(change.item.kind);
    return moves ? merged(before, this.concerned(change.item)) : before;
  }

  /** Take a document as last seen at `revision`, for a mirror that restores itself from its rows; `advanceTo` follows. */
  set(item: Exclude<InventoryItem, { kind: 'targets' }>, revision: number): void {
    if (TARGETS_REST_ON.has(item.kind)) this.targetsChanged.since = true;
    switch (item.kind) {
      case 'system':
        return this.place(this.systemDocs, item.name, item.doc);
      case 'environment':
        this.revisions.environment.set(item.name, revision);
        return this.place(this.environmentDocs, item.name, item.doc);
      case 'deployment':
        this.revisions.deployment.set(item.name, revision);
        return this.place(this.deploymentDocs, item.name, item.doc);
      case 'resource': {
        const identifier = this.resourceDocs.get(item.name)?.identifier ?? item.name;
        if (item.doc === null) this.revisions.resource.delete(identifier);
        else this.revisions.resource.set(identifier, revision);
        this.relations.put(identifier, item.doc?.relations);
        return this.place(this.resourceDocs, identifier, item.doc === null ? null : this.lean(identifier, item.doc));
      }
      case 'policy':
        return this.place(this.policyDocs, item.name, item.doc);
      case 'metric':
        return this.place(this.metricSpecs, item.name, item.doc);
      case 'variableSet':
        return this.place(this.variableSetDocs, item.name, item.doc);
      case 'version':
        return this.versions.put(item.doc);
    }
  }

  /** Take a target as last seen: added at `revision`, or gone when undefined. */
  setTarget(deployment: string, environment: string, resource: string, revision: number | undefined): void {
    this.targetsChanged.since = true;
    let environments = this.byDeployment.get(deployment);
    if (!environments) this.byDeployment.set(deployment, (environments = new Map()));
    let targets = environments.get(environment);
    if (!targets) environments.set(environment, (targets = new InventoryTargets(deployment, environment, this)));
    // The resource's own string is the key everywhere: an identifier is in memory once.
    targets.set(this.resourceDocs.get(resource)?.identifier ?? resource, revision);
  }

  /** All that rows hold up to this revision has been taken. */
  advanceTo(revision: number): void {
    this.reached = Math.max(this.reached, revision);
    if (this.targetsChanged.since) this.targetsChanged = { at: this.reached, since: false };
  }

  pairRevision(deployment: string, environment: string): number {
    return Math.max(this.revisions.deployment.get(deployment) ?? 0, this.revisions.environment.get(environment) ?? 0);
  }

  /** The later of the last changes of a resource and of those that it relates to: templates see them as its own. */
  resourceRevision(resource: string): number {
    const own = this.revisions.resource.get(resource) ?? 0;
    const related = this.relations.of(resource);
    return related ? related.reduce((latest, other) => Math.max(latest, this.revisions.resource.get(other) ?? 0), own) : own;
  }

  /** What a change concerns, as the inventory stands now. Rules look from one pair of a system at its others, so whole systems are concerned by all but resources and versions. */
  private concerned(item: InventoryItem): Touched {
    switch (item.kind) {
      case 'policy':
      case 'metric':
        return { pairs: [...this.pairs()], all: true };
      case 'version':
        return { pairs: [...this.pairs(item.doc.deployment)], all: false };
      case 'resource': {
        const concerned = [item.name, ...this.relations.to(item.name)];
        return { pairs: [...this.pairs()].filter((targets) => concerned.some((resource) => targets.has(resource))), all: false };
      }
      case 'variableSet':
        // It changes nothing by itself: the deployments that take a value from it come with it, changed.
        return { pairs: [], all: false };
      case 'system':
        return this.inSystem(item.name);
      case 'environment':
        return this.inSystem(this.environmentDocs.get(item.name)?.system, (targets) => targets.environment === item.name);
      case 'deployment':
        return this.inSystem(this.deploymentDocs.get(item.name)?.system, (targets) => targets.deployment === item.name);
      case 'targets': {
        const { deployment, environment } = item.doc;
        return this.inSystem(
          this.environmentDocs.get(environment)?.system,
          (targets) => targets.deployment === deployment && targets.environment === environment,
        );
      }
    }
  }

  private inSystem(system: string | undefined, orThis: (targets: InventoryTargets) => boolean = () => false): Touched {
    const pairs = [...this.pairs()].filter(
      (targets) => orThis(targets) || (system !== undefined && this.environmentDocs.get(targets.environment)?.system === system),
    );
    return { pairs, all: false };
  }

  private place<D>(map: Map<string, D>, name: string, doc: D | null): void {
    if (doc === null) map.delete(name);
    else map.set(name, doc);
  }

  /** A hundred thousand documents repeat few strings: keep each once, and one empty object for all. */
  private lean(identifier: string, doc: ResourceDoc): ResourceDoc {
    return {
      identifier,
      name: doc.name === identifier ? identifier : this.strings.keep(doc.name),
      kind: this.strings.keep(doc.kind),
      version: this.strings.keep(doc.version),
      metadata: this.strings.keepValues(doc.metadata),
      config: this.strings.keepValues(doc.config),
      variables: this.strings.keepValues(doc.variables),
      ...(doc.relations === undefined ? {} : { relations: this.strings.keepValues(doc.relations) }),
      ...(doc.provider === undefined ? {} : { provider: this.strings.keep(doc.provider) }),
    };
  }
}

function merged(a: Touched, b: Touched): Touched {
  return { pairs: [...new Set([...a.pairs, ...b.pairs])], all: a.all || b.all };
}
