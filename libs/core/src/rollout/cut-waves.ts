import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import { SlipwayError } from '../errors.js';
import type { ResourceDoc } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { WaveSize, WaveSpec } from '../model/policy.js';
import type { PlannedWave } from '../model/rollout.js';
import { waveNamed } from '../text/wave-name.js';

/*
 * From ordered members to waves. A count or a percentage is a total: how many of all members the rollout may have reached when that wave is
 * done. Percentages are rounded up, and are 1 at least. A selector takes those that no earlier wave has taken, in rollout order.
 *
 *   6 members, [1, 50%, 100%]          → 1, then 2 more (3 in all), then 3 more
 *   6 members, [1, 10%, 100%]          → 1; 10% of 6 is 1, already reached: dropped; then 5 more
 *   6 members, [1, 3]                  → 1, then 2 more; the 3 that no wave names are the last wave, `rest`
 *   6 members, [1, 10% approve, 100%]  → 1; the second is dropped, and what was to be approved for it is asked for the 5 after it
 *   3 in par, 3 in fra, [par, 100%]    → the 3 in par, then the 3 in fra
 *   2 members, [5, 100%]               → 2; the second wave is empty: dropped
 */

/** The name of the wave for members that no configured wave takes. */
export const REST_WAVE = 'rest';

export interface CutWaves {
  members: string[];
  waves: PlannedWave[];
}

/** Throws SlipwayError when a selector has no answer for a target: a canary that cannot be told from the others must not be skipped silently. */
export function cutWaves(ordered: readonly ResourceDoc[], specs: readonly WaveSpec[]): CutWaves {
  let left = [...ordered];
  const members: string[] = [];
  const waves: PlannedWave[] = [];
  let approve = false;
  for (const spec of specs) {
    approve ||= spec.approve;
    const taken = take(left, spec, ordered.length, members.length);
    if (taken.length === 0) continue;
    const gone = new Set(taken);
    left = left.filter((r) => !gone.has(r));
    waves.push({
      name: spec.name,
      from: members.length,
      to: members.length + taken.length,
      holdMs: spec.holdMs,
      verify: spec.verify,
      approve,
    });
    approve = false;
    for (const r of taken) members.push(r.identifier);
  }
  if (left.length > 0) {
    waves.push({ name: REST_WAVE, from: members.length, to: ordered.length, holdMs: 0, verify: true, approve });
    for (const r of left) members.push(r.identifier);
  }
  return { members, waves };
}

function take(left: ResourceDoc[], { name, targets: size }: WaveSpec, all: number, reached: number): ResourceDoc[] {
  if ('selector' in size) return left.filter((resource) => selects(size.selector, resource, name));
  return left.slice(0, Math.max(0, totalOf(size, all) - reached));
}

function totalOf(size: Exclude<WaveSize, { selector: string }>, all: number): number {
  return 'count' in size ? size.count : Math.max(1, Math.ceil((all * size.percent) / 100));
}

function selects(selector: string, resource: ResourceDoc, wave: string): boolean {
  const answer = evaluateBoolean(compileExpression(selector), { resource: resource as unknown as JsonObject });
  if ('value' in answer) return answer.value;
  throw new SlipwayError({
    code: 'core.rollout.selectorFailed',
    kind: 'invalid',
    message: `The selector of ${waveNamed(wave)} has no answer for ${resource.identifier}: ${answer.error}. Write one that is true or false for every target.`,
  });
}
