import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluate } from '@slipway/core';
import type { DecisionInput, Verdict } from '@slipway/core';
import { HOUR, policy, resultsOf } from './policy-fixtures.js';
import { rule, scene, time } from './policy-scenes.js';

const SEVERITY: Verdict[] = ['allowed', 'waiting', 'undecided', 'denied'];

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
