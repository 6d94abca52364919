import { freezeCheck } from '@slipway/core';
import type { FreezeFact, Inventory } from '@slipway/core';
import type { Pair } from '../pairs.js';

/** Where a freeze holds. */
export interface Scope {
  pairs: Pair[];
  /** Release targets in it, and how many there are. */
  targets: number;
  ofTargets: number;
  /** Targets for which the scope has no value, which it holds up too: the first of them, and how many. */
  unclear: { resource: string; because: string; count: number } | undefined;
}

/** All pairs that a freeze holds up at one target at least. */
export function scopeOf(inventory: Inventory, freeze: FreezeFact): Scope {
  const check = freezeCheck(freeze);
  const scope: Scope = { pairs: [], targets: 0, ofTargets: 0, unclear: undefined };
  for (const deployment of inventory.deployments.values()) {
    for (const targets of inventory.pairs(deployment.name)) {
      const environment = inventory.environments.get(targets.environment);
      if (environment === undefined || targets.size === 0) continue;
      const before = scope.targets;
      scope.ofTargets += targets.size;
      for (const identifier of targets.resources()) {
        const answer = check.ask({ deployment, environment, resource: inventory.resources.get(identifier) });
        if (answer?.verdict === 'undecided')
          scope.unclear = unclearAt(scope.unclear, identifier, answer.sentence, check.readsResource ? 1 : targets.size);
        // What does not look at the resource says the same of all.
        if (!check.readsResource) {
          scope.targets += answer === undefined ? 0 : targets.size;
          break;
        }
        if (answer !== undefined) scope.targets += 1;
      }
      if (scope.targets > before) scope.pairs.push({ deployment: deployment.name, environment: environment.name });
    }
  }
  return scope;
}

function unclearAt(known: Scope['unclear'], resource: string, because: string, count: number): Scope['unclear'] {
  return known === undefined ? { resource, because, count } : { ...known, count: known.count + count };
}
