import { compileExpression } from '../cel/compile.js';
import { SlipwayError } from '../errors.js';
import type { DeploymentDoc } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { PolicyDoc } from '../model/policy.js';

/**
 * A cycle of `dependency` rules, `[checkout, catalog, checkout]`, or undefined. A selector that also reads environment, resource or version
 * counts as matching unless the deployment alone rules it out: a cycle that might be is refused, since it would wait for ever.
 */
export function findDependencyCycle(policies: readonly PolicyDoc[], deployments: readonly DeploymentDoc[]): string[] | undefined {
  const edges = new Map(deployments.map((deployment) => [deployment.name, dependenciesOf(deployment, policies, deployments)]));
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
  for (const { name } of deployments) {
    const cycle = visit(name);
    if (cycle) return cycle;
  }
  return undefined;
}

function dependenciesOf(deployment: DeploymentDoc, policies: readonly PolicyDoc[], deployments: readonly DeploymentDoc[]): string[] {
  const names = new Set<string>();
  for (const policy of policies) {
    if (!policy.enabled || !mayMatch(policy.selector, deployment)) continue;
    for (const rule of policy.rules) {
      if (rule.kind !== 'dependency' || rule.mode === 'any') continue;
      for (const other of deployments) if (other.name !== deployment.name && mayMatch(rule.on, other)) names.add(other.name);
    }
  }
  return [...names].sort();
}

function mayMatch(source: string, deployment: DeploymentDoc): boolean {
  try {
    return compileExpression(source).evaluate({ deployment } as unknown as JsonObject) !== false;
  } catch (error) {
    if (error instanceof SlipwayError) return false;
    throw error;
  }
}
