import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluate } from '@slipway/core';
import type { DecisionInput, Verdict } from '@slipway/core';
import { HOUR, policy } from './policy-fixtures.js';
import { freeze, override, peopledScene, pin, rejection } from './people-scenes.js';
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
    fc.assert(fc.property(peopledScene, time, (one, now) => expect(evaluate(one, now)).toEqual(evaluate(structuredClone(one), now))));
  });

  it('I10: keeps every verdict from now until reevaluateAt', () => {
    fc.assert(
      fc.property(peopledScene, time, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (one, now, share) => {
        const end = evaluate(one, now).reevaluateAt ?? now + 100 * HOUR;
        expect(end).toBeGreaterThan(now);
        expect(verdicts(one, now + Math.floor((end - now) * share))).toEqual(verdicts(one, now));
        expect(verdicts(one, end - 1)).toEqual(verdicts(one, now));
      }),
      { numRuns: 300 },
    );
  });

  it('never loosens when a rule or a policy is added', () => {
    fc.assert(
      fc.property(peopledScene, rule, fc.nat(), time, (one, added, at, now) => {
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

  it('does not care about the order of rules, policies, facts and targets', () => {
    fc.assert(
      fc.property(peopledScene, time, (one, now) => {
        const turned = <T>(list: readonly T[]): T[] => [...list].reverse();
        const reversed: DecisionInput = {
          ...one,
          targets: turned(one.targets),
          environments: turned(one.environments),
          deployments: turned(one.deployments),
          targetFacts: new Map(turned([...one.targetFacts])),
          approvals: turned(one.approvals),
          overrides: turned(one.overrides),
          freezes: turned(one.freezes),
          pins: turned(one.pins),
          policies: turned(one.policies).map((doc) => ({ ...doc, rules: turned(doc.rules) })),
        };
        expect(verdicts(reversed, now)).toEqual(verdicts(one, now));
        expect(evaluate(reversed, now).reevaluateAt).toBe(evaluate(one, now).reevaluateAt);
      }),
      { numRuns: 200 },
    );
  });

  it('I11: never loosens by a freeze, a rejection, a quarantine or a pin to another version', () => {
    fc.assert(
      fc.property(peopledScene, freeze, rejection, pin, time, (one, frozen, rejected, pinned, now) => {
        const base = verdicts(one, now);
        const others = one.approvals.filter(({ by }) => by !== rejected.by);
        const elsewhere = { ...pinned, version: 'id-1.0.0' };
        // A pin that is narrower or newer may take the place of another one, and so loosen: it is added where there is none.
        const tighter: DecisionInput[] = [
          { ...one, freezes: [...one.freezes, frozen] },
          { ...one, approvals: [...others, rejected] },
          ...(one.pins.length > 0 ? [] : [{ ...one, pins: [elsewhere] }]),
          { ...one, version: { ...one.version, status: 'paused' } },
        ];
        for (const more of tighter)
          for (const [name, verdict] of Object.entries(verdicts(more, now))) expect(isLooser(verdict, base[name]!)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it('never tightens by an override, which skips rules and nothing else', () => {
    fc.assert(
      fc.property(peopledScene, override, time, (one, skipped, now) => {
        const base = verdicts(one, now);
        const more = { ...one, overrides: [...one.overrides, skipped] };
        for (const [name, verdict] of Object.entries(verdicts(more, now))) expect(isLooser(base[name]!, verdict)).toBe(false);
        const standing = (of: DecisionInput) =>
          evaluate(of, now).groups.flatMap((group) => group.standing.map((result) => result.sentence));
        expect(new Set(standing(more))).toEqual(new Set(standing(one)));
      }),
      { numRuns: 200 },
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

  it('I5: whatever is not allowed has a reason, and a time or a fact that it waits for', () => {
    fc.assert(
      fc.property(peopledScene, time, (one, now) => {
        const decision = evaluate(one, now);
        for (const group of decision.groups) {
          const results = [...group.standing, ...group.policies.flatMap((of) => of.rules)];
          const blocking = results.filter((result) => result.verdict !== 'allowed');
          expect(blocking.length > 0).toBe(group.verdict !== 'allowed');
          for (const result of blocking) {
            expect(result.sentence).not.toBe('');
            const { what } = (result.needs ?? {}) as { what?: string };
            expect((result.reevaluateAt ?? 0) > now || (what ?? '') !== '').toBe(true);
          }
          for (const result of results) if (result.reevaluateAt !== undefined) expect(result.reevaluateAt).toBeGreaterThan(now);
          // What waits for nothing but time says when.
          if (group.verdict === 'waiting' && blocking.every(({ needs }) => needs === undefined))
            expect(group.reevaluateAt).toBeGreaterThan(now);
        }
        if (decision.verdict !== 'allowed') expect(decision.because).not.toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('judges every target exactly once', () => {
    fc.assert(
      fc.property(peopledScene, time, (one, now) => {
        const { groups, targets } = evaluate(one, now);
        expect(groups.reduce((sum, group) => sum + group.size, 0)).toBe(targets);
        expect(groups.filter((group) => group.rest)).toHaveLength(1);
        expect(Object.keys(verdicts(one, now))).toHaveLength(targets);
      }),
    );
  });
});
