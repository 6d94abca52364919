import { describe, expect, it } from '@jest/globals';
import { evaluate, needsOf, tellUnblock, unblock } from '@slipway/core';
import type { DecisionInput, Rule } from '@slipway/core';
import { approvedBy, fact, facts, HOUR, input, MINUTE, MONDAY, policy, succeeded, version } from './policy-fixtures.js';

const approval = (more: Partial<Extract<Rule, { kind: 'approval' }>> = {}): Rule => ({
  kind: 'approval',
  required: 1,
  from: ['group:releasers'],
  perGroup: false,
  allowAuthor: false,
  ...more,
});
const window = (hour: string, durationMs: number): Rule => ({
  kind: 'window',
  rrule: `FREQ=DAILY;BYHOUR=${hour}`,
  durationMs,
  timezone: 'Europe/Berlin',
  mode: 'allow',
  holidays: [],
});
const progression = (soakMs: number): Rule => ({
  kind: 'environmentProgression',
  dependsOn: 'environment.name == "staging"',
  mode: 'all',
  successPercent: 100,
  soakMs,
  allowEmpty: false,
});

const with_ = (rules: Rule[], more: Partial<DecisionInput> = {}): DecisionInput => input({ policies: [policy('p', rules)], ...more });
const found = (one: DecisionInput) => unblock(one, evaluate(one, MONDAY));
const told = (one: DecisionInput) => tellUnblock(found(one), one);

describe('what unblocks a version', () => {
  it('counts one approval for every rule that it satisfies', () => {
    const one = with_([approval(), approval({ from: [], required: 2 })]);
    expect(told(one)).toEqual(['2 approvals: 1 from releasers, 2 from anyone']);
    expect(needsOf(found(one)[0]!, one)).toEqual([
      { what: '2 approvals: 1 from releasers, 2 from anyone', facts: 2, ask: 'slipway approve checkout 1.2.1 -e production' },
    ]);
  });

  it('names who is named, and who must take a rejection back', () => {
    expect(told(with_([approval({ from: ['user:ann', 'group:security'], perGroup: true })]))).toEqual([
      'an approval by ann',
      'one approval from security',
    ]);
    const rejected = with_([approval()], { approvals: [approvedBy('user:bob', { verdict: 'rejected' })] });
    expect(told(rejected)).toEqual(['bob to approve instead of rejecting']);
    const byOther = with_([approval()], { approvals: [approvedBy('user:bob', { verdict: 'rejected', groups: [] })] });
    expect(told(byOther)).toEqual(['bob to withdraw the rejection', 'one approval from releasers']);
  });

  it('asks for an approval that will have expired by the time that the window opens', () => {
    const one = with_([approval({ expiresAfterMs: HOUR }), window('12', HOUR)], { approvals: [approvedBy('user:bob')] });
    expect(told(one)).toEqual(['one approval from releasers', 'at the earliest Mon 23 Nov 12:00 Europe/Berlin']);
  });

  it('finds when several windows, a freeze and a soak leave room together', () => {
    const staging = facts(succeeded('staging', 's-1', MONDAY - HOUR), succeeded('staging', 's-2', MONDAY - MINUTE));
    // 08:00 in Berlin now; the soak ends 09:59, the freeze at 10:30, the second window opens at 11:00 inside the first.
    const one = with_([window('9', 3 * HOUR), window('11', 2 * HOUR), progression(2 * HOUR)], {
      targetFacts: staging,
      freezes: [{ id: 'f', scope: 'true', by: 'user:x', reason: 'r', at: 1, expiresAt: MONDAY + 150 * MINUTE, allowRollback: false }],
    });
    expect(told(one)).toEqual(['at the earliest Mon 23 Nov 11:00 Europe/Berlin']);
  });

  it('counts the soak from the success that is still to come', () => {
    const one = with_([progression(HOUR)], { targetFacts: facts(succeeded('staging', 's-1', MONDAY - HOUR)) });
    expect(told(one)).toEqual(['1.2.1 succeeded at 1 more of staging', 'at the earliest Mon 23 Nov 08:00 UTC']);
  });

  it('names what another deployment must run, and the quarantine of the targets that have one', () => {
    const needs: Rule = {
      kind: 'dependency',
      on: 'deployment.name == "catalog"',
      version: '>=2',
      versionIs: 'range',
      where: 'sameEnvironment',
      mode: 'all',
    };
    const one = with_([needs], { targetFacts: facts(fact('production', 'par-1', { quarantined: ['id-1.2.1'] })) });
    expect(told(one)).toEqual([
      'the other target: someone to release it from quarantine; catalog >=2 in production',
      'fra-1: catalog >=2 in production',
    ]);
  });

  it('says that only another version, an override or another policy helps', () => {
    const selector: Rule = { kind: 'versionSelector', selector: 'version.tag == "2.0.0"' };
    expect(told(with_([selector, approval()]))).toEqual([
      'only another version, an override or another policy helps (versionSelector: 1.2.1 does not match version.tag == "2.0.0")',
    ]);
    expect(told(with_([], { version: version('1.2.1', { status: 'rejected' }) }))[0]).toContain('only another version');
    // Its author is the only one who may approve.
    expect(told(with_([approval({ from: ['user:carol'] })]))[0]).toContain('only another version');
  });

  it('does not wait for windows that never open together', () => {
    const [one] = found(with_([window('9', HOUR), window('11', HOUR)]));
    expect(one).toMatchObject({ possible: false, facts: [] });
  });
});
