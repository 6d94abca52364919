import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planRollback, type ReleaseRecord } from '@slipway/core';

const release = (id: string, over: Partial<ReleaseRecord> = {}): ReleaseRecord => ({
  id,
  versionId: id,
  version: id,
  at: Number(id.slice(1)),
  outcome: 'succeeded',
  verified: true,
  rollback: false,
  ...over,
});

describe('planRollback', () => {
  it('goes to the last version that succeeded and was verified', () => {
    const history = [
      release('v1'),
      release('v2'),
      release('v3', { verified: false }),
      release('v4', { outcome: 'failed', verified: false }),
    ];
    expect(planRollback(history, 'v4', [])).toMatchObject({ release: { id: 'v2' } });
  });

  it('never goes to a version that was taken back from there, even if it once was fine', () => {
    const history = [release('v1'), release('v2'), { ...release('v2', { outcome: 'rolledBack' }), id: 'r9', at: 3 }, release('v4')];
    expect(planRollback(history, 'v4', [])).toMatchObject({ release: { id: 'v1' } });
  });

  it('never goes to one that is quarantined or rejected', () => {
    expect(planRollback([release('v1'), release('v2'), release('v3')], 'v3', ['v2'])).toMatchObject({ release: { id: 'v1' } });
  });

  it('I9: never rolls a rollback back by itself; a person may', () => {
    const history = [release('v1'), release('v2'), { ...release('v2', { rollback: true, outcome: 'failed' }), id: 'r4', at: 4 }];
    expect(planRollback(history, 'v2', [])).toEqual({ none: expect.stringContaining('a second one in a row is for a person') });
    expect(planRollback(history, 'v2', [], { byHand: true })).toMatchObject({ release: { id: 'v1' } });
  });

  it('I9: takes a renewal back to an earlier release of the same version, never to one that was taken back itself', () => {
    const anew = (id: string, at: number, over: Partial<ReleaseRecord> = {}): ReleaseRecord => ({
      ...release('v2', { fingerprint: id, ...over }),
      ...{ id, at },
    });
    const bad = anew('b', 4, { renewal: true, outcome: 'rolledBack' });
    const history = [
      release('v1'),
      anew('a', 3),
      bad,
      anew('a', 5, { rollback: true }),
      anew('c', 6, { renewal: true, outcome: 'failed' }),
    ];
    expect(planRollback(history, 'v2', [], { renewal: true })).toMatchObject({ release: { id: 'a', at: 5 } });
    expect(planRollback(history, 'v2', [])).toMatchObject({ release: { id: 'v1' } });
    const newer = [...history.slice(0, 4), { ...release('v7'), at: 7 }];
    expect(planRollback(newer, 'v7', [])).toMatchObject({ release: { id: 'a', at: 5 } });
    expect(planRollback([anew('b', 4, { renewal: true })], 'v2', [], { renewal: true })).toEqual({
      none: 'no other release of it was ever there',
    });
  });

  it('says why there is nothing to go back to', () => {
    expect(planRollback([release('v1')], 'v1', [])).toEqual({ none: 'no other version was ever there' });
    expect(planRollback([release('v1', { verified: false }), release('v2')], 'v2', [])).toEqual({
      none: expect.stringContaining('no earlier version succeeded and was verified'),
    });
  });

  it('I9: whatever the history, it lands on a version verified there that was never taken back from there', () => {
    const record = fc.record({
      id: fc.uuid(),
      versionId: fc.constantFrom('v1', 'v2', 'v3', 'v4'),
      version: fc.constant('x'),
      at: fc.nat(1_000),
      outcome: fc.constantFrom('started' as const, 'succeeded' as const, 'failed' as const, 'rolledBack' as const, 'unknown' as const),
      verified: fc.boolean(),
      rollback: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 12 }),
        fc.constantFrom('v1', 'v2', 'v3', 'v4'),
        fc.subarray(['v1', 'v2', 'v3', 'v4']),
        (history, current, barred) => {
          const plan = planRollback(history, current, barred);
          if ('none' in plan) return;
          expect(plan.release).toMatchObject({ outcome: 'succeeded', verified: true });
          expect(plan.release.versionId).not.toBe(current);
          expect(barred).not.toContain(plan.release.versionId);
          expect(history.some((r) => r.versionId === plan.release.versionId && r.outcome === 'rolledBack')).toBe(false);
        },
      ),
    );
  });
});
