import { createHash } from 'node:crypto';
import type { Obligations } from '@slipway/core';

const known = new WeakMap<Obligations, string>();

/** Equal for obligations that say the same, whatever the order of their keys. Kept by object: a decision's groups are asked once per target. */
export function obligationsKey(obligations: Obligations): string {
  let key = known.get(obligations);
  if (key === undefined) {
    key = createHash('sha256')
      .update(JSON.stringify(sorted(obligations)))
      .digest('hex')
      .slice(0, 16);
    known.set(obligations, key);
  }
  return key;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, entry]) => [name, sorted(entry)]));
}
