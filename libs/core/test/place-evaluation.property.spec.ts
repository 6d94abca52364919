import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PlaceEvaluation, evaluate, targetKey } from '@slipway/core';
import type { DecisionInput, PlaceChange, TargetFact } from '@slipway/core';
import { HOUR, MINUTE, approvedBy, fact, input, policy, resource, version } from './policy-fixtures.js';
import { blockedScene, rule, scene, time } from './policy-scenes.js';

const RUNS = Number(process.env['FC_RUNS'] ?? 300);
const versions = [version('1.2.1'), version('2.0.0', { sequence: 2 }), version('1.0.0', { sequence: 0 })];
const targets = ['par-1', 'fra-1', 'fra-2'];

interface Moment {
  place: DecisionInput;
  now: number;
}

/** One thing that happens: what is known afterwards, and what of it the evaluation is told of. */
type Step = (moment: Moment) => Moment & { change: PlaceChange };

const outcomes = fc.dictionary(
  fc.constantFrom(...versions.map(({ id }) => id)),
  fc.record({ state: fc.constantFrom('started' as const, 'succeeded' as const, 'failed' as const), verified: fc.boolean(), at: time }),
  { maxKeys: 2 },
);
const news = fc.record({
  outcomes,
  startedAt: fc.option(time, { nil: undefined }),
  running: fc.option(
    fc.record({ version: fc.constant('id-1.0.0'), tag: fc.constantFrom('1.0.0', '2.0.0'), verified: fc.boolean(), since: time }),
    {
      nil: undefined,
    },
  ),
  quarantined: fc.subarray(versions.map(({ id }) => id)),
});

function withFact({ place, now }: Moment, one: TargetFact): Moment {
  // The service's own map is changed in place; so is this one.
  (place.targetFacts as Map<string, TargetFact>).set(targetKey(one.deployment, one.environment, one.resource), one);
  return { place, now };
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ at: fc.constantFrom(...targets), more: news })
      .map(({ at, more }): Step => (moment) => ({ ...withFact(moment, fact('production', at, more)), change: { own: [at] } })),
  },
  fc
    .record({ at: fc.constantFrom(...targets), more: news })
    .map(({ at, more }): Step => (moment) => ({ ...withFact(moment, fact('production', at, more)), change: { own: 'all' } })),
  fc.record({ at: fc.constantFrom(...targets), more: news }).map(({ at, more }): Step => (moment) => ({
    ...withFact(moment, fact('production', at, { ...more, deployment: 'catalog' })),
    change: { beside: [at] },
  })),
  fc.record({ at: fc.constantFrom('s-1', 's-2'), more: news }).map(({ at, more }): Step => (moment) => ({
    ...withFact(moment, fact('staging', at, more)),
    change: { elsewhere: true },
  })),
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(1, MINUTE, 10 * MINUTE, HOUR, 7 * HOUR)
      .map((ms): Step => ({ place, now }) => ({ place, now: now + ms, change: {} })),
  },
  fc.constantFrom('user:a', 'user:b').map((by): Step => ({ place, now }) => ({
    place: { ...place, approvals: [...place.approvals, approvedBy(by, { at: now })] },
    now,
    change: {},
  })),
  fc
    .record({
      rule: fc.constantFrom('approval', 'cooldown', 'condition'),
      at: fc.option(fc.constantFrom(...targets), { nil: undefined }),
      id: fc.uuid(),
      lasts: fc.constantFrom(MINUTE, HOUR),
    })
    .map(({ rule: kind, at, id, lasts }): Step => ({ place, now }) => {
      const override = {
        id,
        deployment: 'checkout',
        version: 'id-1.2.1',
        rule: kind,
        by: 'user:x',
        reason: 'r',
        at: now,
        expiresAt: now + lasts,
      };
      return {
        place: { ...place, overrides: [...place.overrides, at === undefined ? override : { ...override, resource: at }] },
        now,
        change: {},
      };
    }),
  fc
    .record({
      version: fc.constantFrom('id-1.2.1', 'id-1.0.0'),
      at: fc.option(fc.constantFrom(...targets), { nil: undefined }),
      id: fc.uuid(),
    })
    .map(({ version: wanted, at, id }): Step => ({ place, now }) => {
      const pin = {
        id,
        deployment: 'checkout',
        environment: 'production',
        version: wanted,
        by: 'user:x',
        reason: 'r',
        at: now,
        expiresAt: now + HOUR,
      };
      return { place: { ...place, pins: [...place.pins, at === undefined ? pin : { ...pin, resource: at }] }, now, change: {} };
    }),
  fc
    .record({ scope: fc.constantFrom('true', 'resource.identifier == "par-1"'), id: fc.uuid() })
    .map(({ scope, id }): Step => ({ place, now }) => ({
      place: {
        ...place,
        freezes: [...place.freezes, { id, scope, by: 'user:x', reason: 'r', at: now, expiresAt: now + HOUR, allowRollback: true }],
      },
      now,
      change: {},
    })),
  fc
    .tuple(
      fc.array(rule, { maxLength: 2 }),
      fc.constantFrom('true', 'resource.identifier != "fra-2"', 'version.sequence > 1 && resource.kind == "host"'),
    )
    .map(([rules, selector]): Step => ({ place, now }) => ({
      place: { ...place, policies: [...place.policies.slice(-2), policy(`added-${place.policies.length}-${now}`, rules, { selector })] },
      now,
      change: {},
    })),
  fc.constantFrom(...targets).map((gone): Step => ({ place, now }) => {
    const left = place.targets.filter(({ identifier }) => identifier !== gone);
    return { place: { ...place, targets: left.length > 0 ? left : [resource(gone)] }, now, change: {} };
  }),
);

describe('the evaluation of a place', () => {
  it('I10: says after any story, step by step, byte for byte what a fresh evaluation says', () => {
    fc.assert(
      fc.property(fc.oneof(scene, blockedScene), time, fc.array(fc.tuple(step, fc.nat(6)), { maxLength: 14 }), (one, now, steps) => {
        let moment: Moment = {
          place: { ...one, versions: new Map(versions.map((each) => [each.id, each])), targetFacts: new Map(one.targetFacts) },
          now,
        };
        const kept = new PlaceEvaluation(moment.place, now);
        for (const [next, asked] of steps) {
          const { change, ...after } = next(moment);
          moment = after;
          kept.renew(after.place, after.now, change);
          // Not all versions are judged each time.
          for (const each of versions.filter((_, index) => asked === 0 || asked % 3 === index)) {
            const fresh = evaluate({ ...after.place, version: each }, after.now);
            expect(JSON.stringify(kept.decide(each))).toBe(JSON.stringify(fresh));
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('asks only the targets whose facts are others, and only what reads them', () => {
    const many = Array.from({ length: 500 }, (_, index) => resource(`host-${index}`));
    const place = input({
      targets: many,
      targetFacts: new Map(),
      policies: [
        policy('cooled', [{ kind: 'cooldown', intervalMs: HOUR }], { selector: 'resource.kind == "host"' }),
        policy('named', [{ kind: 'condition', cel: 'resource.identifier != "host-7"', message: 'not there' }]),
      ],
    });
    const kept = new PlaceEvaluation(place, 0);
    for (const each of versions) kept.decide(each);
    const atFirst = kept.asks;
    expect(atFirst).toBe(3 * many.length);
    withFact({ place, now: 0 }, fact('production', 'host-3', { startedAt: 0 }));
    kept.renew(place, 1, { own: ['host-3'] });
    for (const each of versions) expect(kept.decide(each)).toEqual(evaluate({ ...place, version: each }, 1));
    expect(kept.asks).toBe(atFirst + 1);
  });
});
