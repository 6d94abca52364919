import type { Place } from './place-columns.js';

/** The same targets by the same documents: what depends on nothing else is answered already. */
export function sameDocuments(a: Place, b: Place): boolean {
  return a.targets === b.targets && a.deployment === b.deployment && a.environment === b.environment && a.system === b.system;
}

/** The same other environments and deployments with the same targets. */
export function sameNeighbours(a: Place, b: Place): boolean {
  return (
    a.targetFacts === b.targetFacts &&
    a.versions === b.versions &&
    sameList(a.environments, b.environments, (one, other) => one.environment === other.environment && one.resources === other.resources) &&
    sameList(a.deployments, b.deployments, (one, other) => one.deployment === other.deployment && one.resources === other.resources)
  );
}

/** The same policies, and people said the same. */
export function sameWords(a: Place, b: Place): boolean {
  return (
    sameList(a.policies, b.policies, Object.is) &&
    sameFacts(a.approvals, b.approvals) &&
    sameFacts(a.overrides, b.overrides) &&
    sameFacts(a.freezes, b.freezes) &&
    sameFacts(a.pins, b.pins)
  );
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (one: T, other: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((one, index) => same(one, b[index]!)));
}

/** They are few, and read anew from the store each time. */
function sameFacts<T>(a: readonly T[], b: readonly T[]): boolean {
  return sameList(a, b, (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other));
}
