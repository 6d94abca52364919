import type { DeploymentDoc, EnvironmentDoc, ResourceDoc, TargetsChange } from '@slipway/core';
import type { NextInventory } from './next-inventory.js';

export interface ConcernedTarget {
  deployment: DeploymentDoc;
  environment: EnvironmentDoc;
  resource: ResourceDoc;
}

/** What the values of variables are made of, apart from resources. */
const stated = (doc: object | undefined): string => {
  const { variables, variableSets, metadata, description } = (doc ?? {}) as Partial<DeploymentDoc>;
  return JSON.stringify([variables, variableSets, metadata, description]);
};

function changed(next: NextInventory, kind: 'deployment' | 'environment'): Set<string> {
  const names = [...next.plannedNames(kind)];
  return new Set(names.filter((name) => stated(next.known.docs(kind).get(name)) !== stated(next.doc(kind, name) as object | undefined)));
}

/** The resources of this apply, and those that relate to one of them: templates of variables see both. */
function touchedResources(next: NextInventory): Set<string> {
  const touched = new Set<string>(next.plannedNames('resource'));
  for (const name of [...touched]) for (const relating of next.known.all.relatedTo(name)) touched.add(relating);
  return touched;
}

/** The release targets, as they will be, whose variables an apply may change. Deployments without variables have none. */
export function* concernedTargets(next: NextInventory, targets: readonly TargetsChange[]): Generator<ConcernedTarget> {
  const whole = { deployment: changed(next, 'deployment'), environment: changed(next, 'environment') };
  const touched = touchedResources(next);
  const changes = Map.groupBy(targets, (change) => `${change.deployment}/${change.environment}`);
  const bySystem = Map.groupBy(next.environments(), (environment) => environment.system);
  for (const deployment of next.deployments()) {
    if (Object.keys(deployment.variables).length === 0) continue;
    for (const environment of bySystem.get(deployment.system) ?? []) {
      const before = next.known.all.targets(deployment.name, environment.name);
      const change = changes.get(`${deployment.name}/${environment.name}`) ?? [];
      const added = change.flatMap((one) => one.added);
      const removed = new Set(change.flatMap((one) => one.removed));
      const all = whole.deployment.has(deployment.name) || whole.environment.has(environment.name);
      const stay = all ? [...(before?.resources() ?? [])] : [...touched].filter((resource) => before?.has(resource));
      for (const identifier of [...stay.filter((resource) => !removed.has(resource)), ...added]) {
        const resource = next.doc('resource', identifier) as unknown as ResourceDoc | undefined;
        if (resource) yield { deployment, environment, resource };
      }
    }
  }
}
