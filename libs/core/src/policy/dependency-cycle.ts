import { compileExpression } from '../cel/compile.js';
import { SlipwayError } from '../errors.js';
import type { DeploymentDoc, EnvironmentDoc } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { PolicyDoc } from '../model/policy.js';

/**
 * A cycle of `dependency` rules within one environment, `[checkout, catalog, checkout]`, or undefined. A selector that also reads resource or
 * version counts as matching unless deployment and environment alone rule it out: a cycle that might be is refused, since it would wait for ever.
 */
export function findDependencyCycle(
  policies: readonly PolicyDoc[],
  deployments: readonly DeploymentDoc[],
  environments: readonly EnvironmentDoc[],
): string[] | undefined {
  for (const environment of environments) {
    const here = deployments.filter((deployment) => deployment.system === environment.system);
    const cycle = findCycle(
      new Map(here.map((deployment) => [deployment.name, dependenciesOf({ deployment, environment }, policies, here)])),
    );
    if (cycle) return cycle;
  }
  return undefined;
}

/** A cycle among the edges, its first name again at its end. */
function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (name: string): string[] | undefined => {
    if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name];
    if (done.has(name)) return undefined;
    trail.push(name);
    for (const next of edges.get(name) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    trail.pop();
    done.add(name);
    return undefined;
  };
  for (const name of edges.keys()) {
    const cycle = visit(name);
    if (cycle) return cycle;
  }
  return undefined;
}

type Place = { deployment: DeploymentDoc; environment: EnvironmentDoc };

function dependenciesOf(place: Place, policies: readonly PolicyDoc[], deployments: readonly DeploymentDoc[]): string[] {
  const names = new Set<string>();
  for (const policy of policies) {
    if (!policy.enabled || !mayMatch(policy.selector, place)) continue;
    for (const rule of policy.rules) {
      if (rule.kind !== 'dependency') continue;
      const others = deployments.filter((other) => other.name !== place.deployment.name && mayMatch(rule.on, { deployment: other }));
      // With several to choose from, `any` is no reason to wait for ever.
      if (rule.mode === 'all' || others.length === 1) for (const other of others) names.add(other.name);
    }
  }
  return [...names].sort();
}

function mayMatch(source: string, seen: Partial<Place>): boolean {
  try {
    return compileExpression(source).evaluate(seen as unknown as JsonObject) !== false;
  } catch (error) {
    if (error instanceof SlipwayError) return false;
    throw error;
  }
}
