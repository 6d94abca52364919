import {
  compileExpression,
  evaluateBoolean,
  type DeploymentDoc,
  type EnvironmentDoc,
  type JsonObject,
  type ResourceDoc,
  type TargetsChange,
} from '@slipway/core';
import type { NextInventory } from '../apply/next-inventory.js';

/** Most resources that one TargetsChange names. */
export const TARGETS_CHANGE_RESOURCES_MAX = 1_000;

/** Whether a selector picks a resource. A selector that fails on a resource (a field that this one lacks) does not pick it. */
function picks(selector: string, resource: ResourceDoc): boolean {
  const answer = evaluateBoolean(compileExpression(selector), { resource: resource as unknown as JsonObject });
  return 'value' in answer && answer.value;
}

/** The resources that each selector picks, found out once however many pairs ask. */
class Picked {
  private readonly bySelector = new Map<string, Set<string>>();

  constructor(private readonly resources: () => Iterable<ResourceDoc>) {}

  by(selector: string): ReadonlySet<string> {
    let picked = this.bySelector.get(selector);
    if (!picked) {
      picked = new Set();
      for (const resource of this.resources()) if (picks(selector, resource)) picked.add(resource.identifier);
      this.bySelector.set(selector, picked);
    }
    return picked;
  }
}

/** Which pairs must be looked at whole, because a selector or a system changed. */
function reselected(next: NextInventory, kind: 'deployment' | 'environment'): Set<string> {
  const names = new Set<string>();
  for (const name of next.plannedNames(kind)) {
    const before = next.known.docOf(kind, name) as unknown as DeploymentDoc | undefined;
    const after = next.doc(kind, name) as unknown as DeploymentDoc | undefined;
    if (before?.resources !== after?.resources || before?.system !== after?.system) names.add(name);
  }
  return names;
}

interface PairChange {
  deployment: string;
  environment: string;
  added: string[];
  removed: string[];
}

const cut = ({ deployment, environment, added, removed }: PairChange): TargetsChange[] => {
  const chunks: TargetsChange[] = [];
  for (let at = 0; at < removed.length; at += TARGETS_CHANGE_RESOURCES_MAX)
    chunks.push({ deployment, environment, added: [], removed: removed.slice(at, at + TARGETS_CHANGE_RESOURCES_MAX) });
  for (let at = 0; at < added.length; at += TARGETS_CHANGE_RESOURCES_MAX)
    chunks.push({ deployment, environment, added: added.slice(at, at + TARGETS_CHANGE_RESOURCES_MAX), removed: [] });
  return chunks;
};

/**
 * How the release targets change with the documents of an apply. Looks at the changed resources alone, but at every resource for a
 * deployment or environment whose selector or system changed.
 */
export function planTargets(next: NextInventory): TargetsChange[] {
  const { all } = next.known;
  const deployments = new Map([...next.deployments()].map((doc) => [doc.name, doc]));
  const environments = new Map([...next.environments()].map((doc) => [doc.name, doc]));
  const changedResources = [...next.plannedNames('resource')];
  const everywhere = new Picked(() => next.resources());
  const among = new Picked(() => changedDocs(next, changedResources));
  const whole = { deployment: reselected(next, 'deployment'), environment: reselected(next, 'environment') };

  const pairChange = (deployment: DeploymentDoc, environment: EnvironmentDoc): PairChange => {
    const current = all.targets(deployment.name, environment.name);
    const change: PairChange = { deployment: deployment.name, environment: environment.name, added: [], removed: [] };
    const lookAtAll = whole.deployment.has(deployment.name) || whole.environment.has(environment.name);
    const picked = lookAtAll ? everywhere : among;
    const inEnvironment = picked.by(environment.resources);
    const ofDeployment = picked.by(deployment.resources);
    const [few, many] = inEnvironment.size < ofDeployment.size ? [inEnvironment, ofDeployment] : [ofDeployment, inEnvironment];
    for (const resource of few) if (many.has(resource) && !current?.has(resource)) change.added.push(resource);
    if (!current) return change;
    const gone = (resource: string): boolean => current.has(resource) && !(few.has(resource) && many.has(resource));
    for (const resource of lookAtAll ? current.resources() : changedResources) if (gone(resource)) change.removed.push(resource);
    return change;
  };

  const chunks: TargetsChange[] = [];
  for (const pair of all.pairs()) {
    const system = deployments.get(pair.deployment)?.system;
    if (pair.size === 0 || (system !== undefined && environments.get(pair.environment)?.system === system)) continue;
    chunks.push(...cut({ deployment: pair.deployment, environment: pair.environment, added: [], removed: [...pair.resources()] }));
  }
  const bySystem = Map.groupBy(environments.values(), (environment) => environment.system);
  for (const deployment of deployments.values()) {
    for (const environment of bySystem.get(deployment.system) ?? []) {
      if (changedResources.length > 0 || whole.deployment.has(deployment.name) || whole.environment.has(environment.name))
        chunks.push(...cut(pairChange(deployment, environment)));
    }
  }
  return chunks;
}

function* changedDocs(next: NextInventory, names: readonly string[]): IterableIterator<ResourceDoc> {
  for (const name of names) {
    const doc = next.doc('resource', name);
    if (doc !== undefined) yield doc as unknown as ResourceDoc;
  }
}
