import { createHash } from 'node:crypto';
import type { Obligations } from '@slipway/core';
import { stableJson } from '../stable-json.js';

const known = new WeakMap<Obligations, string>();

/** Equal for obligations that say the same, whatever the order of their keys. Kept by object: a decision's groups are asked once per target. */
export function obligationsKey(obligations: Obligations): string {
  let key = known.get(obligations);
  if (key === undefined) {
    key = createHash('sha256').update(stableJson(obligations)).digest('hex').slice(0, 16);
    known.set(obligations, key);
  }
  return key;
}
