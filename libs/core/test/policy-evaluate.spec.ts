import { describe, expect, it } from '@jest/globals';
import {
  candidateVersions,
  checkPolicy,
  checkTies,
  evaluate,
  findDependencyCycle,
  matchTargets,
  tellUnblock,
  unblock,
} from '@slipway/core';
import type { DecisionInput, FreezeFact, PinFact, PolicyDoc, Rule } from '@slipway/core';
import {
  deployment,
  environment,
  fact,
  facts,
  HOUR,
  input,
  MINUTE,
  MONDAY,
  policy,
  resource,
  resultsOf,
  version,
} from './policy-fixtures.js';

const approval: Rule = { kind: 'approval', required: 1, from: ['group:releasers'], perGroup: false, allowAuthor: false };
const standing = (more: Partial<DecisionInput>) => evaluate(input(more), MONDAY);
const freeze: FreezeFact = { id: 'f', scope: 'true', by: 'user:a', reason: 'sales', at: 1, expiresAt: MONDAY + HOUR, allowRollback: true };
const pin: PinFact = {
  id: 'p',
  deployment: 'checkout',
  environment: 'production',
  version: 'id-1.0.0',
  by: 'user:a',
  reason: 'demo',
  at: 1,
};

describe('answers that come from no policy', () => {
  it('only ready versions go', () => {
    expect(standing({ version: version('1.2.1', { status: 'building' }) }).verdict).toBe('waiting');
    for (const status of ['failed', 'rejected', 'paused'] as const)
      expect(standing({ version: version('1.2.1', { status }) }).verdict).toBe('denied');
    expect(standing({}).verdict).toBe('allowed');
  });
  it('what a version depends on must run', () => {
    const dependsOn = [{ deployment: 'catalog', range: '^2' }];
    expect(standing({ version: version('1.2.1', { dependsOn }) }).because).toEqual([
      expect.stringContaining('versionDependency: catalog ^2 needed in production'),
    ]);
    expect(standing({ version: version('1.2.1', { dependsOn: [{ deployment: 'nobody', range: '^2' }] }) }).verdict).toBe('undecided');
  });
  it('a quarantined version stays away from its target only, and how to release it is told', () => {
    const decision = standing({ targetFacts: facts(fact('production', 'par-1', { quarantined: ['id-1.2.1'] })) });
    expect(decision.groups.map(({ verdict, resources, rest }) => ({ verdict, resources, rest }))).toEqual([
      { verdict: 'denied', resources: [], rest: true },
      { verdict: 'allowed', resources: ['fra-1'], rest: false },
    ]);
    expect(resultsOf(decision)[0]?.ask).toContain('checkout 1.2.1 -e production');
  });
  it('I11: a freeze in scope waits until it expires; one whose scope fails blocks', () => {
    expect(standing({ freezes: [freeze] })).toMatchObject({ verdict: 'waiting', reevaluateAt: MONDAY + HOUR });
    expect(standing({ freezes: [{ ...freeze, scope: 'resource.identifier == "par-1"' }] }).groups.map((group) => group.verdict)).toEqual([
      'waiting',
      'allowed',
    ]);
    expect(standing({ freezes: [{ ...freeze, scope: 'resource.metadata.x == "y"' }] }).verdict).toBe('undecided');
    expect(standing({ freezes: [{ ...freeze, expiresAt: MONDAY }] }).verdict).toBe('allowed');
  });
  it('a pin to another version denies with its reason; the narrower pin counts', () => {
    expect(standing({ pins: [pin] }).because).toEqual(['pin: pinned to id-1.0.0 by user:a: demo (p)']);
    const narrow = { ...pin, id: 'q', resource: 'par-1', version: 'id-1.2.1', expiresAt: MONDAY + HOUR };
    expect(standing({ pins: [pin, narrow] })).toMatchObject({
      verdict: 'denied',
      reevaluateAt: MONDAY + HOUR,
      groups: [{ verdict: 'allowed' }, { verdict: 'denied' }],
    });
  });
});

describe('policies', () => {
  it('that are disabled or match elsewhere say nothing; one whose selector fails blocks', () => {
    expect(standing({ policies: [policy('p', [approval], { enabled: false })] }).verdict).toBe('allowed');
    expect(standing({ policies: [policy('p', [approval], { selector: 'environment.name == "qa"' })] }).verdict).toBe('allowed');
    expect(standing({ policies: [policy('p', [], { selector: 'version.metadata.x == "y"' })] }).verdict).toBe('undecided');
    expect(standing({ policies: [policy('p', [], { selector: 'broken ==' })] }).verdict).toBe('undecided');
  });
  it('that read the resource split the targets', () => {
    const decision = standing({ policies: [policy('p', [approval], { selector: 'resource.identifier == "par-1"' })] });
    expect(decision.groups.map(({ verdict, policies }) => [verdict, policies.length])).toEqual([
      ['waiting', 1],
      ['allowed', 0],
    ]);
    expect(decision.because).toEqual(['approval: 0 of 1 from releasers (1 of 2 targets)']);
  });
  it('are overridden for a version, visibly, at all targets or one, until the override expires', () => {
    const override = {
      id: 'o',
      deployment: 'checkout',
      version: 'id-1.2.1',
      rule: 'approval',
      by: 'user:boss',
      reason: 'hot fix',
      at: 1,
      expiresAt: MONDAY + HOUR,
    };
    const policies = [policy('p', [approval])];
    expect(resultsOf(standing({ policies, overrides: [override] }))).toEqual([
      expect.objectContaining({ verdict: 'allowed', overriddenBy: 'user:boss', reevaluateAt: MONDAY + HOUR }),
    ]);
    expect(standing({ policies, overrides: [{ ...override, resource: 'par-1' }] }).groups.map((group) => group.verdict)).toEqual([
      'allowed',
      'waiting',
    ]);
    expect(standing({ policies, overrides: [{ ...override, expiresAt: MONDAY }] }).verdict).toBe('waiting');
  });
  it('oblige by priority, then by name; time-outs are the shortest, and who spoke is named', () => {
    const retry = (attempts: number): Rule => ({
      kind: 'retry',
      attempts,
      on: ['failed'],
      backoff: 'constant',
      delayMs: 0,
      maxDelayMs: 0,
      jitter: 0,
    });
    const policies = [
      policy('b', [retry(5), { kind: 'timeouts', runMs: 10 }, { kind: 'concurrency', max: 2, per: 'environment' }]),
      policy('a', [retry(3), { kind: 'timeouts', runMs: 20, pickupMs: 5 }]),
      policy('z', [{ kind: 'rollback', on: ['jobFailure'], scope: 'target' }], { priority: 1 }),
    ];
    expect(standing({ policies }).groups[0]?.obligations).toMatchObject({
      retry: { attempts: 3 },
      timeouts: { runMs: 10, pickupMs: 5, silenceMs: 90_000 },
      rollback: { scope: 'target' },
      gradualRollout: { across: { type: 'allAtOnce' }, failureBudget: { count: 0 } },
      concurrency: [{ policy: 'b', max: 2 }],
      spokenBy: { retry: 'a', rollback: 'z', gradualRollout: 'default', timeouts: 'a, b' },
    });
    expect(checkTies(policies)).toEqual(['policies a and b both have retry at priority 0; a speaks: give one a higher priority']);
    expect(checkTies([policies[0]!, { ...policies[1]!, selector: 'environment.name == "staging"' }])).toEqual([]);
  });
  it('are explained by what unblocks them', () => {
    const window: Rule = {
      kind: 'window',
      rrule: 'FREQ=DAILY;BYHOUR=9',
      durationMs: HOUR,
      timezone: 'Europe/Berlin',
      mode: 'allow',
      holidays: [],
    };
    const decision = standing({ policies: [policy('p', [approval, window])] });
    const facts = input({ policies: [policy('p', [approval, window])] });
    expect(tellUnblock(unblock(facts, decision), facts)).toEqual([
      'one approval from releasers',
      'at the earliest Mon 23 Nov 09:00 Europe/Berlin',
    ]);
    expect(unblock(input(), standing({}))).toEqual([]);
  });
});

describe('checking a policy', () => {
  it('finds nothing wrong with a right one', () => {
    const wave = (name: string, targets: { count: number } | { percent: number }) => ({
      name,
      targets,
      holdMs: 0,
      verify: true,
      approve: false,
    });
    const waves = [wave('canary', { count: 1 }), wave('half', { percent: 50 }), wave('all', { percent: 100 })];
    expect(
      checkPolicy(
        policy('p', [
          approval,
          {
            kind: 'gradualRollout',
            across: { type: 'waves', waves },
            order: ['resource.metadata.region'],
            failureBudget: { count: 0 },
            bakeMs: 0,
          },
        ]),
      ),
    ).toEqual([]);
  });
  it('names path and remedy of each mistake', () => {
    const rules: Rule[] = [
      {
        kind: 'environmentProgression',
        dependsOn: 'enviroment.name == "x"',
        mode: 'all',
        successPercent: 101,
        soakMs: 0,
        allowEmpty: false,
      },
      { kind: 'dependency', on: 'deployment.name == "x"', version: 'about 2', versionIs: 'range', where: 'sameEnvironment', mode: 'all' },
      { kind: 'window', rrule: 'FREQ=WEEKLY;BYDYA=MO', durationMs: 1, timezone: 'UTC', mode: 'allow', holidays: [] },
      { kind: 'window', rrule: 'FREQ=DAILY', durationMs: 1, timezone: 'Europe/Berln', mode: 'allow', holidays: ['24.12.'] },
      {
        kind: 'gradualRollout',
        across: { type: 'waves', waves: [{ name: 'c', targets: { count: 1 }, holdMs: 0, verify: false, approve: false }] },
        order: [],
        failureBudget: { count: 0 },
        bakeMs: 0,
      },
    ];
    expect(checkPolicy(policy('p', rules, { selector: 'resource.metdata.x == "y"' })).map(({ path, nearest }) => [path, nearest])).toEqual([
      ['selector', 'resource.metadata'],
      ['rules[0].environmentProgression.dependsOn', 'environment'],
      ['rules[0].environmentProgression.successPercent', undefined],
      ['rules[1].dependency.version', undefined],
      ['rules[2].window.rrule', undefined],
      ['rules[3].window.holidays', undefined],
      ['rules[3].window.timezone', undefined],
      ['rules[4].gradualRollout.waves', undefined],
    ]);
  });
  it('refuses a window that never comes', () => {
    const window = (rrule: string): Rule => ({ kind: 'window', rrule, durationMs: HOUR, timezone: 'UTC', mode: 'allow', holidays: [] });
    const wrong = (rrule: string) => checkPolicy(policy('p', [window(rrule)])).map(({ message }) => message);
    expect(wrong('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30')).toEqual([expect.stringContaining('never comes')]);
    expect(wrong('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29')).toEqual([]);
    expect(wrong('DTSTART:20300101T090000 RRULE:FREQ=DAILY;COUNT=1')).toEqual([]);
  });
  it('names a cycle of dependencies', () => {
    const needs = (name: string, other: string) =>
      policy(
        name,
        [
          {
            kind: 'dependency',
            on: `deployment.name == "${other}"`,
            version: '*',
            versionIs: 'range',
            where: 'sameEnvironment',
            mode: 'all',
          },
        ],
        { selector: `deployment.name == "${name}" && environment.name == "x"` },
      );
    const deployments = ['a', 'b', 'c'].map((name) => deployment(name));
    const cycleOf = (...policies: PolicyDoc[]) => findDependencyCycle(policies, deployments, [environment('x'), environment('y')]);
    expect(cycleOf(needs('a', 'b'), needs('b', 'c'))).toBeUndefined();
    expect(cycleOf(needs('a', 'b'), needs('b', 'c'), needs('c', 'a'))).toEqual(['a', 'b', 'c', 'a']);
    const elsewhere = { ...needs('b', 'a'), selector: 'deployment.name == "b" && environment.name == "y"' };
    expect(cycleOf(needs('a', 'b'), elsewhere)).toBeUndefined();
    const anyOf = (on: string) =>
      policy('any', [{ kind: 'dependency', on, version: '*', versionIs: 'range', where: 'sameEnvironment', mode: 'any' }], {
        selector: 'deployment.name == "b" && environment.name == "x"',
      });
    expect(cycleOf(needs('a', 'b'), anyOf('deployment.name in ["a", "c"]'))).toBeUndefined();
    expect(cycleOf(needs('a', 'b'), anyOf('deployment.name == "a"'))).toEqual(['a', 'b', 'a']);
  });
});

describe('candidates and targets', () => {
  it('I8: candidates are newer than the oldest that runs, newest first, at most twenty', () => {
    const versions = Array.from({ length: 30 }, (_, index) =>
      version(`1.0.${index}`, { sequence: index, status: index % 10 === 0 ? 'paused' : 'ready' }),
    );
    expect(candidateVersions(versions, 27).map((one) => one.sequence)).toEqual([29, 28]);
    expect(candidateVersions(versions, undefined)).toHaveLength(20);
    expect(candidateVersions(versions, 27, new Set([versions[3]!.id, versions[10]!.id])).map((one) => one.sequence)).toEqual([29, 28, 3]);
  });
  it('a target is where both selectors match; what cannot be known is reported', () => {
    const checkout = deployment('checkout', { resources: 'resource.metadata.runs.contains("checkout")' });
    const production = environment('production', { resources: 'resource.kind == "host"' });
    const resources = [
      resource('a', { metadata: { runs: 'checkout' } }),
      resource('b', { metadata: { runs: 'x' } }),
      resource('c'),
      resource('d', { kind: 'vm' }),
    ];
    expect(matchTargets(checkout, production, resources)).toEqual({
      resources: ['a'],
      errors: [{ resource: 'c', message: 'resource.metadata.runs.contains("checkout"): there is no "resource.metadata.runs"' }],
    });
    expect(matchTargets(checkout, { ...production, system: 'other' }, resources)).toEqual({ resources: [], errors: [] });
  });
  it('without targets a version waits, and says so', () => {
    expect(evaluate(input({ targets: [] }), MONDAY + MINUTE)).toMatchObject({
      verdict: 'waiting',
      because: ['targets: checkout has none in production'],
    });
  });
});
