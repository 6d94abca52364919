import { compileExpression, type CompiledExpression } from '../cel/compile.js';
import type { ResourceDoc } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import { stableHash } from './stable-hash.js';

/**
 * The order in which targets get a version: by the keys in turn, then by a hash of version and target, so that it is stable and another one for
 * each version (the same unlucky host is not always the canary). Where a key has no value for a resource, that resource comes last. Throws SlipwayError
 * when a key is no CEL.
 */
export function orderTargets(targets: readonly ResourceDoc[], keys: readonly string[], versionId: string): ResourceDoc[] {
  const compiled = keys.map((key) => compileExpression(key));
  const ranked = targets.map((resource) => ({
    resource,
    values: compiled.map((key) => keyOf(key, resource)),
    hash: stableHash(`${versionId}\n${resource.identifier}`),
  }));
  ranked.sort((a, b) => {
    for (let i = 0; i < keys.length; i++) {
      const by = compareKeys(a.values[i], b.values[i]);
      if (by !== 0) return by;
    }
    return a.hash - b.hash || compareText(a.resource.identifier, b.resource.identifier);
  });
  return ranked.map((r) => r.resource);
}

type Key = string | number | boolean | undefined;

/** A failure is a label that this resource does not have; which place it gets is no question of safety. */
function keyOf(key: CompiledExpression, resource: ResourceDoc): Key {
  const value = key.evaluate({ resource: resource as unknown as JsonObject });
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

/** Numbers before texts before truth values before nothing; inside a kind by size. */
function compareKeys(a: Key, b: Key): number {
  const rank = (k: Key): number =>
    typeof k === 'number' ? (Number.isNaN(k) ? 3 : 0) : typeof k === 'string' ? 1 : typeof k === 'boolean' ? 2 : 3;
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return rank(a) === 3 ? 0 : Number(a) - Number(b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
