import { describe, expect, it } from '@jest/globals';
import { bringAbout, evaluate, unblock } from '@slipway/core';
import type { MissingFact } from '@slipway/core';
import fc from 'fast-check';
import { HOUR, input, MONDAY, policy } from './policy-fixtures.js';
import { approvalRule, blockedScene, words } from './policy-scenes.js';

const RUNS = Number(process.env['FC_RUNS'] ?? 200);
const time = fc.integer({ min: MONDAY - 30 * HOUR, max: MONDAY + 30 * HOUR });

describe('what unblocks a decision', () => {
  it('brought about exactly, at exactly that time, lets it go; with any of it left out it does not', () => {
    let possible = 0;
    fc.assert(
      fc.property(blockedScene, time, (scene, now) => {
        const decision = evaluate(scene, now);
        const found = unblock(scene, decision);
        expect(found.map((one) => one.size).reduce((sum, size) => sum + size, 0)).toBe(
          decision.groups.filter((group) => group.verdict !== 'allowed').reduce((sum, group) => sum + group.size, 0),
        );
        const named = new Set(decision.groups.flatMap((group) => group.resources));
        for (const one of found) {
          if (!one.possible || one.facts.some((fact) => fact.kind === 'other')) continue;
          possible += 1;
          const targets = scene.targets.filter(({ identifier }) =>
            one.rest ? !named.has(identifier) : one.resources.includes(identifier),
          );
          const here = { ...scene, targets };
          expect(evaluate(bringAbout(here, one.facts, now, one.at), one.at).verdict).toBe('allowed');
          one.facts.forEach((_, left) => {
            const without = one.facts.filter((_fact, index) => index !== left);
            expect(evaluate(bringAbout(here, without, now, one.at), one.at).verdict).not.toBe('allowed');
          });
        }
      }),
      { numRuns: RUNS },
    );
    expect(possible).toBeGreaterThan(RUNS / 10);
  });

  it('asks for as few people as can be: no fewer approvals satisfy all rules, whoever gives them', () => {
    const who = ['user:a', 'user:b', undefined, undefined, undefined];
    fc.assert(
      fc.property(fc.array(approvalRule, { minLength: 1, maxLength: 3 }), words, (rules, said) => {
        // One word stands of each person.
        const approvals = [...new Map(said.map((word) => [word.by, { ...word, verdict: 'approved' as const }])).values()];
        const scene = input({ policies: [policy('p', rules)], approvals });
        const [one] = unblock(scene, evaluate(scene, MONDAY));
        if (!one?.possible) return;
        const known = new Map(approvals.map((word) => [word.by, word.groups]));
        const choices = who.map((by): MissingFact => ({
          ...{ kind: 'approval', words: '' },
          ...(by === undefined ? { groups: ['releasers', 'security'] } : { by, groups: known.get(by as 'user:a') ?? [] }),
        }));
        for (let bits = 0; bits < 2 ** choices.length; bits++) {
          const fewer = choices.filter((_, index) => (bits >> index) % 2 === 1);
          if (fewer.length >= one.facts.length) continue;
          expect(evaluate(bringAbout(scene, fewer, MONDAY, MONDAY), MONDAY).verdict).not.toBe('allowed');
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('names the earliest time: with the same facts brought about, no earlier moment lets it go', () => {
    fc.assert(
      fc.property(blockedScene, time, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (scene, now, share) => {
        const decision = evaluate(scene, now);
        const named = new Set(decision.groups.flatMap((group) => group.resources));
        for (const one of unblock(scene, decision)) {
          if (!one.possible || one.at === now || one.facts.some((fact) => fact.kind === 'other')) continue;
          const targets = scene.targets.filter(({ identifier }) =>
            one.rest ? !named.has(identifier) : one.resources.includes(identifier),
          );
          for (const earlier of [now + Math.floor((one.at - now) * share), one.at - 1])
            expect(evaluate(bringAbout({ ...scene, targets }, one.facts, now, earlier), earlier).verdict).not.toBe('allowed');
        }
      }),
      { numRuns: RUNS },
    );
  });
});
