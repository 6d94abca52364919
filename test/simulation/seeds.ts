import { describe, expect, it } from '@jest/globals';
import { simulate } from './simulate.js';

/*
 * SLIPWAY_SEEDS=<n>: so many seeds (200). SLIPWAY_SEED=<n>: only this one, with its story printed when it fails.
 */

const only = process.env.SLIPWAY_SEED;
const count = Number(process.env.SLIPWAY_SEEDS ?? 200);
const first = Number(process.env.SLIPWAY_FIRST_SEED ?? 1);
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => first + i) : [Number(only)];
/** Seeds in one test: a failure names its seed, a hang its ten. */
const GROUP = 10;
const GROUP_MS_MAX = 240_000;

/** Empty when all held; else what did not, and how to see it again. */
async function story(seed: number): Promise<string> {
  const { problems, notes, starts } = await simulate(seed);
  started += starts;
  if (problems.length === 0) return '';
  const told = only === undefined ? [] : notes;
  return [`seed ${seed}:`, ...problems, `replay: SLIPWAY_SEED=${seed} npm test -- test/simulation`, ...told].join('\n');
}
let started = 0;

/** One of several equal parts of the seeds, so that workers share them; a single seed is in the first part. */
export function describeSeeds(part: number, parts: number): void {
  const from = Math.round((seeds.length * (part - 1)) / parts);
  const own = seeds.length < parts ? (part === 1 ? seeds : []) : seeds.slice(from, Math.round((seeds.length * part) / parts));
  describe(`the mesh under faults (${part} of ${parts})`, () => {
    keepInvariants(own);
    it('is no empty show: things were started', () => {
      if (own.length >= GROUP) expect(started).toBeGreaterThan(own.length);
    });
  });
}

function keepInvariants(own: readonly number[]): void {
  for (let at = 0; at < own.length; at += GROUP) {
    const group = own.slice(at, at + GROUP);
    it(
      `keeps I1 to I11 and comes to rest (I13): seeds ${group[0]} to ${group.at(-1)}`,
      async () => {
        for (const seed of group) expect(await story(seed)).toBe('');
      },
      GROUP_MS_MAX,
    );
  }
}
