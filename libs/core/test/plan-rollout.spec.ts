import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkPlan, stableHash } from '@slipway/core';
import { canaryHalfAll, plan, resource, wave } from './rollout-samples.js';

const sizes = (r: ReturnType<typeof plan>): [string, number][] => r.plan.waves.map((w) => [w.name, w.to - w.from]);

describe('planRollout: waves', () => {
  it('1, 50%, 100% of 6 is one canary, up to half of all, then all', () => {
    expect(sizes(plan(6, canaryHalfAll))).toEqual([
      ['canary', 1],
      ['half', 2],
      ['all', 3],
    ]);
  });

  it('drops a wave that earlier waves have reached already', () => {
    const waves = [wave('canary', { count: 1 }), wave('tenth', { percent: 10 }), wave('all', { percent: 100 })];
    expect(sizes(plan(6, { across: { type: 'waves', waves } }))).toEqual([
      ['canary', 1],
      ['all', 5],
    ]);
    expect(sizes(plan(2, { across: { type: 'waves', waves: [wave('five', { count: 5 }), wave('all', { percent: 100 })] } }))).toEqual([
      ['five', 2],
    ]);
  });

  it('asks the approval of a dropped wave before the next one', () => {
    const waves = [wave('canary', { count: 1 }), wave('tenth', { percent: 10 }, { approve: true }), wave('all', { percent: 100 })];
    const { plan: planned } = plan(6, { across: { type: 'waves', waves } });
    expect(planned.waves.map(({ name, to, approve }) => [name, to, approve])).toEqual([
      ['canary', 1, false],
      ['all', 6, true],
    ]);
  });

  it('rounds a percentage up, and gives the members that no wave names a last wave', () => {
    expect(sizes(plan(5, { across: { type: 'waves', waves: [wave('some', { percent: 30 })] } }))).toEqual([
      ['some', 2],
      ['rest', 3],
    ]);
  });

  it('lets a selector take those that are not taken yet', () => {
    const targets = ['par', 'fra', 'par', 'fra'].map((region, i) => resource(`host-${i}`, { region }));
    const waves = [wave('paris', { selector: 'resource.metadata.region == "par"' }), wave('all', { percent: 100 })];
    const rollout = plan(targets, { across: { type: 'waves', waves } });
    expect(sizes(rollout)).toEqual([
      ['paris', 2],
      ['all', 2],
    ]);
    expect(new Set(rollout.plan.members.slice(0, 2))).toEqual(new Set(['host-0', 'host-2']));
  });

  it('refuses a selector that has no answer: a canary is never skipped silently', () => {
    const waves = [wave('canary', { selector: 'resource.metadata.canary == "yes"' })];
    expect(() => plan(2, { across: { type: 'waves', waves } })).toThrow(/wave canary has no answer for host-/);
  });
});

describe('planRollout: order and bounds', () => {
  it('orders by the keys, those without a value last, ties by a hash that differs per version', () => {
    const targets = [resource('none'), resource('b', { rank: 'b' }), resource('a', { rank: 'a' })];
    expect(plan(targets, { order: ['resource.metadata.rank'] }).plan.members).toEqual(['a', 'b', 'none']);
    const first = new Set(['v1', 'v2', 'v3', 'v4', 'v5', 'v6'].map((v) => plan(6, {}, undefined, v).plan.members[0]));
    expect(first.size).toBeGreaterThan(1);
    expect(plan(6).plan.members).toEqual(plan(6).plan.members);
  });

  it('compares numbers as numbers', () => {
    const targets = [10, 9, 100].map((n) => ({ ...resource(`host-${n}`), config: { rank: n } }));
    expect(plan(targets, { order: ['resource.config.rank'] }).plan.members).toEqual(['host-9', 'host-10', 'host-100']);
  });

  it('spreads hashes evenly', () => {
    const low = Array.from({ length: 1_000 }, (_, i) => stableHash(`v1\nhost-${i}`)).filter((h) => h < 2 ** 31).length;
    expect(low).toBeGreaterThan(430);
    expect(low).toBeLessThan(570);
  });

  it('turns budgets, distances and limits into counts', () => {
    expect(plan(10, { failureBudget: { percent: 25 } }).plan.failureBudget).toBe(2);
    expect(plan(10).plan).toMatchObject({ maxInFlight: 10, failureBudget: 0 });
    expect(plan(10, { maxInFlight: 3 }).plan.maxInFlight).toBe(3);
    expect(plan(4, { across: { type: 'linearNormalized', withinMs: 1_000 } }).plan).toMatchObject({ everyMs: 250, maxInFlight: 1 });
    expect(sizes(plan(4, { across: { type: 'linear', everyMs: 5 }, bakeMs: 10 }))).toEqual([
      ['first', 1],
      ['all', 3],
    ]);
  });
});

describe('checkPlan', () => {
  const arbitraryWave = fc.oneof(
    fc.record({ count: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ percent: fc.integer({ min: 1, max: 100 }) }),
    fc.constantFrom('resource.metadata.region == "par"', 'resource.metadata.region != "par"').map((selector) => ({ selector })),
  );

  it('I7: every plan has each member once, in waves that are contiguous and cover', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(arbitraryWave, { maxLength: 5 }),
        fc.constantFrom('v1', 'v2', 'v3'),
        (n, specs, version) => {
          const targets = Array.from({ length: n }, (_, i) => resource(`host-${i}`, { region: i % 3 === 0 ? 'par' : 'fra' }));
          const rollout = plan(
            targets,
            { across: { type: 'waves', waves: specs.map((s, i) => wave(`w${i}`, s)) }, maxInFlight: 4 },
            undefined,
            version,
          );
          expect(checkPlan(rollout).filter((f) => f.severity === 'fatal')).toEqual([]);
          expect([...rollout.plan.members].sort()).toEqual(targets.map((t) => t.identifier).sort());
        },
      ),
    );
  });

  it('names what is wrong with a plan that nobody should carry out', () => {
    const good = plan(3, canaryHalfAll);
    const bad = {
      ...good,
      members: '..',
      plan: { ...good.plan, members: ['a', 'a', 'b'], waves: [{ ...good.plan.waves[0]!, from: 1 }], maxInFlight: 0, failureBudget: 0.5 },
    };
    const kinds = checkPlan(bad).map((f) => f.kind);
    expect(kinds).toEqual(['memberTwice', 'lettersDiffer', 'waveGap', 'waveEmpty', 'notCovered', 'maxInFlight', 'failureBudget']);
    expect(checkPlan(good).map((f) => f.kind)).toEqual(['nothingVerifies']);
  });
});
