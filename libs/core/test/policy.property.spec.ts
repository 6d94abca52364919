import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluate } from '@slipway/core';
import type { DecisionInput, PolicyDoc, Rule, TargetFact, Verdict } from '@slipway/core';
import { environment, fact, facts, HOUR, input, MINUTE, MONDAY, policy, resource, resultsOf } from './policy-fixtures.js';

const SEVERITY: Verdict[] = ['allowed', 'waiting', 'undecided', 'denied'];
const time = fc.integer({ min: MONDAY - 30 * HOUR, max: MONDAY + 30 * HOUR });
const span = fc.constantFrom(0, MINUTE, 10 * MINUTE, HOUR, 20 * HOUR);

const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({
    kind: fc.constant('approval' as const),
    required: fc.integer({ min: 0, max: 3 }),
    from: fc.subarray(['group:releasers', 'group:security', 'user:a']),
    perGroup: fc.boolean(),
    allowAuthor: fc.boolean(),
    expiresAfterMs: fc.option(fc.constantFrom(MINUTE, HOUR, 10 * HOUR), { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('environmentProgression' as const),
    dependsOn: fc.constantFrom('environment.name == "staging"', 'true', 'environment.metadata.x == "y"', 'false'),
    mode: fc.constantFrom('all' as const, 'any' as const),
    successPercent: fc.constantFrom(0, 50, 100),
    soakMs: span,
    maxAgeMs: fc.option(fc.constantFrom(HOUR, 10 * HOUR), { nil: undefined }),
    requireVerified: fc.option(fc.boolean(), { nil: undefined }),
    allowEmpty: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('dependency' as const),
    on: fc.constantFrom('deployment.name == "catalog"', 'true', 'false'),
    version: fc.constantFrom('>=2', '*'),
    versionIs: fc.constant('range' as const),
    where: fc.constantFrom('sameResource' as const, 'sameEnvironment' as const),
    mode: fc.constantFrom('all' as const, 'any' as const),
  }),
  fc.record({
    kind: fc.constant('window' as const),
    rrule: fc.constantFrom('FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=9', 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30', 'FREQ=HOURLY', 'FREQ=DAILY;BYHOUR=99'),
    durationMs: fc.constantFrom(10 * MINUTE, HOUR, 30 * HOUR),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
    mode: fc.constantFrom('allow' as const, 'deny' as const),
    holidays: fc.subarray(['2026-11-23', '2026-11-24']),
  }),
  fc.record({ kind: fc.constant('cooldown' as const), intervalMs: span }),
  fc.record({
    kind: fc.constant('versionSelector' as const),
    selector: fc.constantFrom('version.tag == "1.2.1"', 'resource.identifier == "par-1"', 'version.metadata.x == "y"'),
  }),
  fc.record({
    kind: fc.constant('condition' as const),
    cel: fc.constantFrom(`now > ${MONDAY}`, 'running == null', 'running.verified', 'version.sequence > 5'),
    message: fc.constant('not yet'),
  }),
);
const policies: fc.Arbitrary<PolicyDoc[]> = fc
  .array(
    fc.tuple(
      fc.array(rule, { maxLength: 3 }),
      fc.constantFrom('true', 'environment.name == "production"', 'resource.identifier == "par-1"', 'resource.metadata.x == "y"'),
    ),
    { maxLength: 3 },
  )
  .map((list) => list.map(([rules, selector], index) => policy(`p${index}`, rules, { selector })));
const approvals = fc.array(
  fc.record({
    version: fc.constant('id-1.2.1'),
    environment: fc.constant('production'),
    by: fc.constantFrom('user:a', 'user:b', 'user:carol'),
    groups: fc.subarray(['releasers', 'security']),
    verdict: fc.constant('approved' as const),
    at: time,
  }),
  { maxLength: 4 },
);
const outcome = fc.record({
  state: fc.constantFrom('started' as const, 'succeeded' as const, 'failed' as const, 'rolledBack' as const),
  verified: fc.boolean(),
  at: time,
});
const running = fc.record({
  version: fc.constant('id-2.0.0'),
  tag: fc.constantFrom('2.0.0', '1.0.0', 'main'),
  verified: fc.boolean(),
  since: time,
});
const targetFacts: fc.Arbitrary<TargetFact[]> = fc
  .tuple(
    ...['staging s-1', 'staging s-2', 'production par-1', 'production fra-1'].map((place) => {
      const [where, name] = place.split(' ') as [string, string];
      return fc
        .record({
          outcomes: fc.oneof(
            fc.constant({}),
            outcome.map((one) => ({ 'id-1.2.1': one })),
          ),
          startedAt: fc.option(time, { nil: undefined }),
          running: fc.option(running, { nil: undefined }),
          other: fc.option(running, { nil: undefined }),
        })
        .map(({ other, ...more }) => [fact(where, name, more), fact(where, name, { deployment: 'catalog', running: other })]);
    }),
  )
  .map((pairs) => pairs.flat());
const freezes = fc.array(
  fc.record({
    id: fc.uuid(),
    scope: fc.constantFrom('true', 'resource.identifier == "par-1"', 'resource.metadata.x == "y"'),
    by: fc.constant('user:a'),
    reason: fc.constant('r'),
    at: fc.constant(1),
    expiresAt: time,
    allowRollback: fc.boolean(),
  }),
  { maxLength: 1 },
);
const scene: fc.Arbitrary<DecisionInput> = fc
  .record({ policies, approvals, freezes, list: targetFacts, overridden: fc.option(time, { nil: undefined }) })
  .map(({ list, overridden, ...more }) =>
    input({
      ...more,
      targets: [resource('par-1'), resource('fra-1'), resource('fra-2')],
      environments: [
        { environment: environment('staging'), resources: ['s-1', 's-2'] },
        { environment: environment('qa'), resources: [] },
      ],
      targetFacts: facts(...list),
      overrides:
        overridden === undefined
          ? []
          : [
              {
                id: 'o',
                deployment: 'checkout',
                version: 'id-1.2.1',
                rule: 'approval',
                by: 'user:x',
                reason: 'r',
                at: 1,
                expiresAt: overridden,
              },
            ],
    }),
  );

/** Verdict by resource, with `rest` resolved. */
function verdicts(of: DecisionInput, now: number): Record<string, Verdict> {
  const decision = evaluate(of, now);
  const named = new Set(decision.groups.flatMap((group) => group.resources));
  const rest = of.targets.map((target) => target.identifier).filter((identifier) => !named.has(identifier));
  return Object.fromEntries(
    decision.groups.flatMap((group) => (group.rest ? rest : group.resources).map((name) => [name, group.verdict] as const)).sort(),
  );
}

const isLooser = (a: Verdict, b: Verdict) => SEVERITY.indexOf(a) < SEVERITY.indexOf(b);

describe('the evaluator', () => {
  it('I10: says the same of the same facts at the same time', () => {
    fc.assert(fc.property(scene, time, (one, now) => expect(evaluate(one, now)).toEqual(evaluate(structuredClone(one), now))));
  });

  it('I10: keeps every verdict from now until reevaluateAt', () => {
    fc.assert(
      fc.property(scene, time, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (one, now, share) => {
        const end = evaluate(one, now).reevaluateAt ?? now + 100 * HOUR;
        expect(end).toBeGreaterThan(now);
        expect(verdicts(one, now + Math.floor((end - now) * share))).toEqual(verdicts(one, now));
        expect(verdicts(one, end - 1)).toEqual(verdicts(one, now));
      }),
      { numRuns: 500 },
    );
  });

  it('never loosens when a rule or a policy is added', () => {
    fc.assert(
      fc.property(scene, rule, fc.nat(), time, (one, added, at, now) => {
        const base = verdicts(one, now);
        const more = [{ ...one, policies: [...one.policies, policy('added', [added], { selector: 'true' })] }];
        if (one.policies.length > 0) {
          const index = at % one.policies.length;
          more.push({
            ...one,
            policies: one.policies.map((doc, position) => (position === index ? { ...doc, rules: [...doc.rules, added] } : doc)),
          });
        }
        for (const tighter of more) {
          for (const [name, verdict] of Object.entries(verdicts(tighter, now))) expect(isLooser(verdict, base[name]!)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not care about the order of rules and policies', () => {
    fc.assert(
      fc.property(scene, time, (one, now) => {
        const reversed = { ...one, policies: [...one.policies].reverse().map((doc) => ({ ...doc, rules: [...doc.rules].reverse() })) };
        expect(verdicts(reversed, now)).toEqual(verdicts(one, now));
      }),
    );
  });

  it('never allows for want of a fact: an approval, a success or a running dependency less does not loosen', () => {
    fc.assert(
      fc.property(scene, time, fc.nat(), (one, now, pick) => {
        // The cooldown and a condition over what runs hold by absence; they are about facts that must not be there.
        const docs = one.policies.map((doc) => ({
          ...doc,
          rules: doc.rules.filter((gate) => gate.kind !== 'cooldown' && gate.kind !== 'condition'),
        }));
        const base = { ...one, policies: docs };
        const before = verdicts(base, now);
        const keys = [...one.targetFacts.keys()];
        const less = [
          { ...base, targetFacts: new Map([...one.targetFacts].filter(([key]) => key !== keys[pick % keys.length])) },
          { ...base, approvals: one.approvals.filter((_, index) => index !== pick % Math.max(1, one.approvals.length)) },
        ];
        for (const poorer of less) {
          for (const [name, verdict] of Object.entries(verdicts(poorer, now))) {
            if (verdict === 'allowed') expect(before[name]).toBe('allowed');
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('I5: whatever waits has a reason, and a time or a fact that it waits for', () => {
    fc.assert(
      fc.property(scene, time, (one, now) => {
        for (const result of resultsOf(evaluate(one, now))) {
          if (result.verdict === 'allowed') continue;
          expect(result.sentence).not.toBe('');
          expect(result.reevaluateAt !== undefined || result.needs !== undefined).toBe(true);
        }
      }),
    );
  });

  it('judges every target exactly once', () => {
    fc.assert(
      fc.property(scene, time, (one, now) => {
        const { groups, targets } = evaluate(one, now);
        expect(groups.reduce((sum, group) => sum + group.size, 0)).toBe(targets);
        expect(groups.filter((group) => group.rest)).toHaveLength(1);
        expect(Object.keys(verdicts(one, now))).toHaveLength(targets);
      }),
    );
  });
});
