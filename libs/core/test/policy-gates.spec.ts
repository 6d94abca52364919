import { describe, expect, it } from '@jest/globals';
import { evaluate } from '@slipway/core';
import type { DecisionInput, Rule, RuleResult, WindowRule } from '@slipway/core';
import {
  approvedBy,
  deployment,
  environment,
  fact,
  facts,
  HOUR,
  input,
  MINUTE,
  MONDAY,
  policy,
  resultsOf,
  succeeded,
  version,
} from './policy-fixtures.js';

/** The one rule's answer, asked through the evaluator that gates. */
function answer(rule: Rule, more: Partial<DecisionInput> = {}, now = MONDAY): RuleResult {
  const [result, ...others] = resultsOf(evaluate(input({ policies: [policy('p', [rule])], ...more }), now));
  expect(others).toEqual([]);
  return result!;
}

describe('approval', () => {
  const rule: Rule = { kind: 'approval', required: 1, from: ['group:releasers'], perGroup: false, allowAuthor: false };

  it('waits, and says from whom and how to ask', () => {
    expect(answer(rule)).toMatchObject({
      verdict: 'waiting',
      sentence: '0 of 1 from releasers',
      ask: 'slipway approve checkout 1.2.1 -e production',
    });
  });
  it('is satisfied since the Nth approval by distinct people', () => {
    const two: Rule = { ...rule, required: 2 };
    expect(answer(two, { approvals: [approvedBy('user:a'), approvedBy('user:a', { at: MONDAY })] })).toMatchObject({ verdict: 'waiting' });
    expect(answer(two, { approvals: [approvedBy('user:b', { at: MONDAY }), approvedBy('user:a')] })).toMatchObject({
      verdict: 'allowed',
      satisfiedSince: MONDAY,
    });
  });
  it('counts neither the author, nor other groups, versions or environments', () => {
    expect(answer(rule, { approvals: [approvedBy('user:carol')] })).toMatchObject({ verdict: 'waiting' });
    expect(answer({ ...rule, allowAuthor: true }, { approvals: [approvedBy('carol')] })).toMatchObject({ verdict: 'allowed' });
    expect(answer(rule, { approvals: [approvedBy('user:a', { groups: ['others'] })] })).toMatchObject({ verdict: 'waiting' });
    expect(answer(rule, { approvals: [approvedBy('user:a', { version: 'id-1.0.0' })] })).toMatchObject({ verdict: 'waiting' });
    expect(answer(rule, { approvals: [approvedBy('user:a', { environment: 'staging' })] })).toMatchObject({ verdict: 'waiting' });
  });
  it('is blocked by one rejection until that person approves', () => {
    const rejected = approvedBy('user:b', { verdict: 'rejected', reason: 'not today' });
    expect(answer(rule, { approvals: [approvedBy('user:a'), rejected] })).toMatchObject({
      verdict: 'denied',
      sentence: 'rejected by b: not today',
    });
    expect(answer(rule, { approvals: [rejected, approvedBy('user:b', { at: MONDAY })] })).toMatchObject({ verdict: 'allowed' });
  });
  it('wants its number from each group when told so', () => {
    const each: Rule = { ...rule, from: ['group:releasers', 'group:security'], perGroup: true };
    expect(answer(each, { approvals: [approvedBy('user:a')] })).toMatchObject({
      verdict: 'waiting',
      sentence: '1 of 1 from releasers (a), 0 of 1 from security',
    });
    expect(answer(each, { approvals: [approvedBy('user:a'), approvedBy('user:s', { groups: ['security'] })] })).toMatchObject({
      verdict: 'allowed',
    });
  });
  it('expires at a time it names', () => {
    const short: Rule = { ...rule, expiresAfterMs: HOUR };
    const at = MONDAY - MINUTE;
    expect(answer(short, { approvals: [approvedBy('user:a')] })).toMatchObject({ verdict: 'allowed', reevaluateAt: at + HOUR });
    expect(answer(short, { approvals: [approvedBy('user:a')] }, at + HOUR)).toMatchObject({ verdict: 'waiting' });
  });
});

describe('environmentProgression', () => {
  const rule = {
    kind: 'environmentProgression',
    dependsOn: 'environment.name == "staging"',
    mode: 'all',
    successPercent: 100,
    soakMs: 0,
    allowEmpty: false,
  } as const;
  const both = facts(succeeded('staging', 's-1', MONDAY - HOUR), succeeded('staging', 's-2', MONDAY - MINUTE));

  it('waits until every target there has succeeded, and soaks from the last needed success', () => {
    expect(answer(rule)).toMatchObject({ verdict: 'waiting', sentence: 'staging 0 of 2 succeeded' });
    expect(answer(rule, { targetFacts: both })).toMatchObject({ verdict: 'allowed', satisfiedSince: MONDAY - MINUTE });
    const soak = { ...rule, soakMs: 10 * MINUTE };
    expect(answer(soak, { targetFacts: both })).toMatchObject({ verdict: 'waiting', reevaluateAt: MONDAY + 9 * MINUTE });
    expect(answer(soak, { targetFacts: both }, MONDAY + 9 * MINUTE)).toMatchObject({
      verdict: 'allowed',
      sentence: 'staging 2 of 2 succeeded since Mon 23 Nov 06:59 UTC, soaked 10m at Mon 23 Nov 07:09 UTC',
    });
  });
  it('takes a success back after a failure or rollback', () => {
    const later = facts(
      succeeded('staging', 's-1', 1),
      fact('staging', 's-2', { outcomes: { 'id-1.2.1': { state: 'rolledBack', verified: false, at: MONDAY } } }),
    );
    expect(answer(rule, { targetFacts: later })).toMatchObject({
      verdict: 'waiting',
      sentence: 'staging 1 of 2 succeeded, 1 failed or rolled back',
    });
  });
  it('asks for verified successes when the deployment has verification', () => {
    const metric = { name: 'm', provider: { type: 'http' } } as never;
    const more = {
      deployment: deployment('checkout', { verification: [metric] }),
      targetFacts: facts(succeeded('staging', 's-1', 1), succeeded('staging', 's-2', 1, false)),
    };
    expect(answer(rule, more)).toMatchObject({ verdict: 'waiting', sentence: 'staging 1 of 2 verified' });
    expect(answer({ ...rule, requireVerified: false }, more)).toMatchObject({ verdict: 'allowed' });
    const dry = deployment('checkout', { verification: [{ name: 'm', provider: { type: 'http' }, dryRun: true } as never] });
    expect(answer(rule, { ...more, deployment: dry })).toMatchObject({ verdict: 'allowed' });
  });
  it('has the successPercent rounded up, and no targets are waited for unless allowed', () => {
    const three = { environments: [{ environment: environment('staging'), resources: ['s-1', 's-2', 's-3'] }], targetFacts: both };
    expect(answer({ ...rule, successPercent: 50 }, three)).toMatchObject({ verdict: 'allowed' });
    expect(answer({ ...rule, successPercent: 67 }, three)).toMatchObject({ verdict: 'waiting' });
    const one = { environments: [{ environment: environment('staging'), resources: ['s-9'] }] };
    expect(answer({ ...rule, successPercent: 1 }, one)).toMatchObject({ verdict: 'waiting' });
    const none = { environments: [{ environment: environment('staging'), resources: [] }] };
    expect(answer(rule, none)).toMatchObject({ verdict: 'waiting', sentence: 'staging has no targets' });
    expect(answer({ ...rule, allowEmpty: true }, none)).toMatchObject({ verdict: 'allowed' });
  });
  it('rounds a share up, but not for what floating point adds to it', () => {
    const resources = Array.from({ length: 3000 }, (_, index) => `s-${index}`);
    const share = (percent: number, of: number) =>
      answer(
        { ...rule, successPercent: percent },
        { environments: [{ environment: environment('staging'), resources: resources.slice(0, of) }] },
      );
    expect(share(1.1, 3000).needs).toEqual({ what: '1.2.1 succeeded at 33 more of staging' });
    expect(share(1.11, 3000).needs).toEqual({ what: '1.2.1 succeeded at 34 more of staging' });
    expect(share(0, 3)).toMatchObject({ verdict: 'allowed' });
    expect(share(0, 0)).toMatchObject({ verdict: 'waiting' });
  });
  it('is as old as its newest success', () => {
    const some = { ...rule, successPercent: 50, maxAgeMs: HOUR };
    const targetFacts = facts(succeeded('staging', 's-1', MONDAY - 48 * HOUR), succeeded('staging', 's-2', MONDAY - MINUTE));
    expect(answer(some, { targetFacts })).toMatchObject({ verdict: 'allowed', reevaluateAt: MONDAY - MINUTE + HOUR });
    expect(answer(some, { targetFacts }, MONDAY - MINUTE + HOUR)).toMatchObject({
      verdict: 'waiting',
      sentence: expect.stringContaining('more than 1h ago'),
    });
  });
  it('lets any one environment do in mode any, and forgets what is older than maxAge', () => {
    const more = {
      environments: [
        { environment: environment('staging'), resources: ['s-1', 's-2'] },
        { environment: environment('qa'), resources: ['q-1'] },
      ],
      targetFacts: both,
    };
    expect(answer({ ...rule, dependsOn: 'true' }, more)).toMatchObject({ verdict: 'waiting' });
    expect(answer({ ...rule, dependsOn: 'true', mode: 'any' }, more)).toMatchObject({ verdict: 'allowed' });
    expect(answer({ ...rule, maxAgeMs: HOUR }, { targetFacts: both })).toMatchObject({
      verdict: 'allowed',
      reevaluateAt: MONDAY - MINUTE + HOUR,
    });
    expect(answer({ ...rule, maxAgeMs: MINUTE }, { targetFacts: both })).toMatchObject({ verdict: 'waiting' });
  });
});

describe('dependency', () => {
  const rule = {
    kind: 'dependency',
    on: 'deployment.name == "catalog"',
    version: '>=2.0.0',
    versionIs: 'range',
    where: 'sameEnvironment',
    mode: 'all',
  } as const;
  const runs = (tag: string, verified: boolean, ...resources: string[]) =>
    facts(
      ...resources.map((name) => ({
        ...fact('production', name),
        deployment: 'catalog',
        running: { version: `id-${tag}`, tag, verified, since: 1 },
      })),
    );

  it('asks for a matching version at every target of the environment', () => {
    expect(answer(rule)).toMatchObject({ verdict: 'waiting', sentence: expect.stringContaining('nothing runs there yet') });
    expect(answer(rule, { targetFacts: runs('2.0.3', true, 'par-1') })).toMatchObject({ verdict: 'waiting' });
    expect(answer(rule, { targetFacts: runs('1.9.0', true, 'par-1', 'fra-1') })).toMatchObject({ verdict: 'waiting' });
    expect(answer(rule, { targetFacts: runs('2.0.3', true, 'par-1', 'fra-1') })).toMatchObject({
      verdict: 'allowed',
      sentence: 'catalog >=2.0.0 runs in production',
    });
  });
  it('asks for a verified version when that deployment has verification', () => {
    const deployments = [{ deployment: deployment('catalog', { verification: [{ name: 'm' } as never] }), resources: ['par-1'] }];
    expect(answer(rule, { deployments, targetFacts: runs('2.0.3', false, 'par-1') })).toMatchObject({ verdict: 'waiting' });
    expect(answer(rule, { deployments, targetFacts: runs('2.0.3', true, 'par-1') })).toMatchObject({ verdict: 'allowed' });
  });
  it('is not met while what runs is still measured by a policy’s metrics; dry runs verify nothing and are not waited for', () => {
    const dry = { name: 'm', dryRun: true } as never;
    const runningWith = (state: 'started' | 'succeeded') =>
      facts(
        ...[...runs('2.0.3', false, 'par-1').values()].map((one) => ({
          ...one,
          outcomes: { 'id-2.0.3': { state, verified: false, at: 1 } },
        })),
      );
    const deployments = [{ deployment: deployment('catalog', { verification: [dry] }), resources: ['par-1'] }];
    expect(answer(rule, { deployments, targetFacts: runningWith('started') })).toMatchObject({
      verdict: 'waiting',
      sentence: expect.stringContaining('2.0.3 runs, not verified yet'),
    });
    expect(answer(rule, { deployments, targetFacts: runningWith('succeeded') })).toMatchObject({ verdict: 'allowed' });
  });
  it('is not met by what runs although it failed there, and not asked of deployments of other systems', () => {
    const failed = [...runs('2.0.3', false, 'par-1', 'fra-1').values()].map((one) => ({
      ...one,
      outcomes: { 'id-2.0.3': { state: 'failed' as const, verified: false, at: 1 } },
    }));
    expect(answer(rule, { targetFacts: facts(...failed) })).toMatchObject({
      verdict: 'waiting',
      sentence: 'catalog >=2.0.0 needed in production at 0 of 2: 2.0.3 runs, but failed there',
    });
    const strange = { deployment: deployment('mail', { system: 'office' }), resources: [] };
    const deployments = [{ deployment: deployment('catalog'), resources: ['par-1'] }, strange];
    expect(answer({ ...rule, on: 'true' }, { deployments, targetFacts: runs('2.0.3', true, 'par-1') })).toMatchObject({
      verdict: 'allowed',
    });
  });
  it('judges each resource by itself with sameResource', () => {
    const decision = evaluate(
      input({ policies: [policy('p', [{ ...rule, where: 'sameResource' }])], targetFacts: runs('2.0.3', true, 'par-1') }),
      MONDAY,
    );
    expect(decision.groups.map(({ verdict, size }) => ({ verdict, size }))).toEqual([
      { verdict: 'allowed', size: 1 },
      { verdict: 'waiting', size: 1 },
    ]);
  });
  it('takes CEL over the other version, which must be known', () => {
    const byCel = { ...rule, version: 'version.metadata.schema == "7"', versionIs: 'cel' } as const;
    const targetFacts = runs('2.0.3', true, 'par-1', 'fra-1');
    expect(answer(byCel, { targetFacts })).toMatchObject({ verdict: 'undecided' });
    expect(
      answer(byCel, { targetFacts, versions: new Map([['id-2.0.3', version('2.0.3', { metadata: { schema: '7' } })]]) }),
    ).toMatchObject({ verdict: 'allowed' });
  });
});

describe('window', () => {
  const rule: WindowRule = {
    kind: 'window',
    rrule: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH;BYHOUR=9',
    durationMs: 7 * HOUR,
    timezone: 'Europe/Berlin',
    mode: 'allow',
    holidays: [],
  };
  const nine = MONDAY + HOUR;

  it('without DTSTART opens on the hour and says when', () => {
    expect(answer(rule)).toMatchObject({
      verdict: 'waiting',
      sentence: 'closed, opens Mon 23 Nov 09:00 Europe/Berlin',
      reevaluateAt: nine,
    });
    expect(answer(rule, {}, nine)).toMatchObject({ verdict: 'allowed', reevaluateAt: nine + 7 * HOUR });
    expect(answer(rule, {}, nine + 7 * HOUR)).toMatchObject({ verdict: 'waiting', reevaluateAt: nine + 24 * HOUR });
  });
  it('stays closed on holidays, and denies in mode deny', () => {
    expect(answer({ ...rule, holidays: ['2026-11-23'] }, {}, nine)).toMatchObject({ verdict: 'waiting', reevaluateAt: nine + 24 * HOUR });
    expect(answer({ ...rule, mode: 'deny' }, {}, nine)).toMatchObject({ verdict: 'waiting', reevaluateAt: nine + 7 * HOUR });
    expect(answer({ ...rule, mode: 'deny' })).toMatchObject({ verdict: 'allowed', reevaluateAt: nine });
  });
  it('reads a wall time that clocks jump over with the offset before the gap, and takes the first of two', () => {
    const night: WindowRule = { ...rule, rrule: 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30', durationMs: HOUR };
    expect(answer(night, {}, Date.UTC(2026, 2, 29, 0))).toMatchObject({ reevaluateAt: Date.UTC(2026, 2, 29, 1, 30) });
    expect(answer(night, {}, Date.UTC(2026, 9, 25, 0))).toMatchObject({ reevaluateAt: Date.UTC(2026, 9, 25, 0, 30) });
    expect(answer(night, {}, Date.UTC(2026, 9, 25, 1, 45))).toMatchObject({ verdict: 'waiting' });
  });
  it('counts from DTSTART, leaves EXDATE out, and ends with COUNT', () => {
    const counted: WindowRule = { ...rule, rrule: 'DTSTART:20261123T090000\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE:20261123T090000' };
    expect(answer(counted)).toMatchObject({ verdict: 'waiting', reevaluateAt: nine + 24 * HOUR });
    expect(answer(counted, {}, nine + 72 * HOUR)).toMatchObject({ verdict: 'denied', sentence: 'closed, does not open again' });
  });
  it('that touches the next one is one window, and a leap day is found', () => {
    const always: WindowRule = { ...rule, rrule: 'FREQ=DAILY', durationMs: 24 * HOUR };
    expect(answer(always)).toMatchObject({ verdict: 'allowed' });
    const leap: WindowRule = { ...rule, rrule: 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29', timezone: 'UTC' };
    expect(answer(leap)).toMatchObject({ reevaluateAt: Date.UTC(2028, 1, 29) });
  });
  it('that cannot be understood is undecided, never open', () => {
    for (const wrong of [{ rrule: 'FREQ=DAILY;BYHOUR=99' }, { rrule: 'FREQ=SECONDLY' }, { rrule: 'nonsense' }, { timezone: 'Mars/Base' }]) {
      expect(answer({ ...rule, ...wrong }, {}, nine)).toMatchObject({ verdict: 'undecided' });
    }
  });
});

describe('versionSelector, condition and cooldown', () => {
  it('a selector lets only matching versions go', () => {
    expect(answer({ kind: 'versionSelector', selector: 'version.tag.startsWith("1.")' })).toMatchObject({ verdict: 'allowed' });
    expect(answer({ kind: 'versionSelector', selector: 'version.tag.startsWith("2.")' })).toMatchObject({ verdict: 'denied' });
    expect(answer({ kind: 'versionSelector', selector: 'version.metadata.risk == "low"' })).toMatchObject({ verdict: 'undecided' });
  });
  it('a condition says its message, and is asked again when it reads the time', () => {
    const late: Rule = { kind: 'condition', cel: `now >= ${MONDAY + MINUTE}`, message: 'too early' };
    expect(answer(late)).toMatchObject({ verdict: 'waiting', sentence: 'too early', reevaluateAt: MONDAY + MINUTE });
    expect(answer(late, {}, MONDAY + MINUTE)).toMatchObject({ verdict: 'allowed' });
    expect(answer({ kind: 'condition', cel: 'running == null', message: 'x' })).toMatchObject({ verdict: 'allowed' });
  });
  it('a cooldown counts from the last start of another version', () => {
    const rule: Rule = { kind: 'cooldown', intervalMs: HOUR };
    const started = (id: string) =>
      facts(
        ...['par-1', 'fra-1'].map((name) =>
          fact('production', name, {
            startedAt: MONDAY - MINUTE,
            outcomes: { [id]: { state: 'started', verified: false, at: MONDAY - MINUTE } },
          }),
        ),
      );
    expect(answer(rule, { targetFacts: started('id-1.2.0') })).toMatchObject({ verdict: 'waiting', reevaluateAt: MONDAY - MINUTE + HOUR });
    expect(answer(rule, { targetFacts: started('id-1.2.1') })).toMatchObject({ verdict: 'allowed' });
    expect(answer(rule)).toMatchObject({ verdict: 'allowed' });
  });
});
