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

/** What a selector says of the resources: those it picks, and those for which it cannot be known (a field that it reads is not there). */
interface Answer {
  picked: Set<string>;
  failed: Map<string, string>;
}

/**
 * What each selector says, found out once however many pairs ask: core's `matchTargets` is the definition, this gives the same for many
 * pairs at a time.
 */
class Answers {
  private readonly bySelector = new Map<string, Answer>();

  constructor(private readonly resources: () => Iterable<ResourceDoc>) {}

  of(selector: string): Answer {
    let answer = this.bySelector.get(selector);
    if (!answer) {
      answer = { picked: new Set(), failed: new Map() };
      const compiled = compileExpression(selector);
      for (const resource of this.resources()) {
        const said = evaluateBoolean(compiled, { resource: resource as unknown as JsonObject });
        if ('error' in said) answer.failed.set(resource.identifier, said.error);
        else if (said.value) answer.picked.add(resource.identifier);
      }
      this.bySelector.set(selector, answer);
    }
    return answer;
  }
}

/** Resources that one selector cannot judge and the other does not rule out. */
function* doubtful(a: Answer, b: Answer): Generator<readonly [string, string]> {
  for (const entry of a.failed) if (b.picked.has(entry[0]) || b.failed.has(entry[0])) yield entry;
  for (const entry of b.failed) if (a.picked.has(entry[0])) yield entry;
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

export interface PlannedTargets {
  changes: TargetsChange[];
  /** Where a selector cannot judge resources: these are no targets. */
  warnings: string[];
}

const doubtOf = (deployment: string, environment: string, count: number, [resource, message]: readonly [string, string]): string =>
  `${count} ${count === 1 ? 'resource is' : 'resources are'} no target of ${deployment} in ${environment} because a selector fails there, like ${resource}: ${message}`;

/**
 * How the release targets change with the documents of an apply. Looks at the changed resources alone, but at every resource for a
 * deployment or environment whose selector or system changed.
 */
export function planTargets(next: NextInventory): PlannedTargets {
  const { all } = next.known;
  const deployments = new Map([...next.deployments()].map((doc) => [doc.name, doc]));
  const environments = new Map([...next.environments()].map((doc) => [doc.name, doc]));
  const changedResources = [...next.plannedNames('resource')];
  const everywhere = new Answers(() => next.resources());
  const among = new Answers(() => changedDocs(next, changedResources));
  const warnings: string[] = [];
  const whole = { deployment: reselected(next, 'deployment'), environment: reselected(next, 'environment') };

  const pairChange = (deployment: DeploymentDoc, environment: EnvironmentDoc): PairChange => {
    const current = all.targets(deployment.name, environment.name);
    const change: PairChange = { deployment: deployment.name, environment: environment.name, added: [], removed: [] };
    const lookAtAll = whole.deployment.has(deployment.name) || whole.environment.has(environment.name);
    const answers = lookAtAll ? everywhere : among;
    const inEnvironment = answers.of(environment.resources);
    const ofDeployment = answers.of(deployment.resources);
    const [few, many] = [inEnvironment.picked, ofDeployment.picked].sort((a, b) => a.size - b.size) as [Set<string>, Set<string>];
    const doubts = [...doubtful(inEnvironment, ofDeployment)];
    if (doubts[0]) warnings.push(doubtOf(deployment.name, environment.name, doubts.length, doubts[0]));
    for (const resource of few) if (many.has(resource) && !current?.has(resource)) change.added.push(resource);
    if (!current) return change;
    const gone = (resource: string): boolean => current.has(resource) && !(few.has(resource) && many.has(resource));
    for (const resource of lookAtAll ? current.resources() : changedResources) if (gone(resource)) change.removed.push(resource);
    return change;
  };

  const changes: TargetsChange[] = [];
  for (const pair of all.pairs()) {
    const system = deployments.get(pair.deployment)?.system;
    if (pair.size === 0 || (system !== undefined && environments.get(pair.environment)?.system === system)) continue;
    changes.push(...cut({ deployment: pair.deployment, environment: pair.environment, added: [], removed: [...pair.resources()] }));
  }
  const bySystem = Map.groupBy(environments.values(), (environment) => environment.system);
  for (const deployment of deployments.values()) {
    for (const environment of bySystem.get(deployment.system) ?? []) {
      if (changedResources.length > 0 || whole.deployment.has(deployment.name) || whole.environment.has(environment.name))
        changes.push(...cut(pairChange(deployment, environment)));
    }
  }
  return { changes, warnings };
}

function* changedDocs(next: NextInventory, names: readonly string[]): IterableIterator<ResourceDoc> {
  for (const name of names) {
    const doc = next.doc('resource', name);
    if (doc !== undefined) yield doc as unknown as ResourceDoc;
  }
}
