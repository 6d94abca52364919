import { describe, expect, it } from '@jest/globals';
import {
  candidateVersions,
  checkOverridable,
  evaluate,
  freezesInForce,
  pinsAt,
  type DecisionInput,
  type FreezeFact,
  type OverrideFact,
  type PinFact,
  type Rule,
} from '../src/index.js';
import { HOUR, input, MONDAY, policy, resultsOf, version } from './policy-fixtures.js';

const judged = (more: Partial<DecisionInput>) => evaluate(input(more), MONDAY);
const freeze: FreezeFact = {
  id: 'f3',
  scope: 'environment.name == "production"',
  by: 'user:ann',
  reason: 'sales',
  at: 1,
  expiresAt: MONDAY + HOUR,
  allowRollback: false,
};
const pin: PinFact = {
  id: 'p4',
  deployment: 'checkout',
  environment: 'production',
  version: 'id-1.0.0',
  by: 'user:ann',
  reason: 'demo',
  at: 1,
};
const override: OverrideFact = {
  id: 'o5',
  deployment: 'checkout',
  version: 'id-1.2.1',
  environment: 'production',
  rule: 'approval',
  by: 'user:ann',
  reason: 'it burns',
  at: 2,
  expiresAt: MONDAY + HOUR,
};
const approval: Rule = { kind: 'approval', required: 1, from: ['group:releasers'], perGroup: false, allowAuthor: false };

describe('what people decided, in an explanation', () => {
  it('stands with its id and the command that lifts it', () => {
    const [frozen] = resultsOf(judged({ freezes: [freeze] }));
    expect(frozen).toMatchObject({
      rule: 'freeze',
      verdict: 'waiting',
      ask: 'slipway freeze lift f3',
      saw: { freeze: 'f3', allowRollback: false },
    });
    expect(frozen?.sentence).toContain('sales (f3, rollbacks too)');
    const [pinned] = resultsOf(judged({ pins: [pin] }));
    expect(pinned).toMatchObject({ rule: 'pin', verdict: 'denied', ask: 'slipway unpin checkout -e production', saw: { pin: 'p4' } });
    const narrow = { ...pin, resource: 'par-1' };
    expect(resultsOf(judged({ pins: [narrow] }))[0]?.ask).toBe('slipway unpin checkout -e production -r par-1');
    const [skipped] = resultsOf(judged({ policies: [policy('p', [approval])], overrides: [override] }));
    expect(skipped).toMatchObject({
      verdict: 'allowed',
      overriddenBy: 'user:ann',
      ask: 'slipway override lift o5',
      saw: { override: 'o5' },
      reevaluateAt: MONDAY + HOUR,
    });
  });

  it('tells who paused or rejected a version, why, and how it is made ready again', () => {
    const paused = judged({ version: version('1.2.1', { status: 'paused', statusBecause: 'user:ann: one moment' }) });
    expect(resultsOf(paused)[0]).toMatchObject({
      sentence: '1.2.1 is paused (user:ann: one moment)',
      ask: 'slipway version ready checkout 1.2.1',
    });
    expect(resultsOf(judged({ version: version('1.2.1', { status: 'failed' }) }))[0]?.ask).toBeUndefined();
  });

  it('a pin to this version allows it visibly, and skips no gate', () => {
    const here = { ...pin, version: 'id-1.2.1' };
    expect(judged({ pins: [here] })).toMatchObject({ verdict: 'allowed', groups: [{ standing: [{ rule: 'pin', verdict: 'allowed' }] }] });
    expect(judged({ pins: [here], policies: [policy('p', [approval])] }).verdict).toBe('waiting');
    expect(judged({ pins: [here], version: version('1.2.1', { status: 'rejected' }) }).verdict).toBe('denied');
  });

  it('ends at its very time', () => {
    for (const more of [
      { freezes: [freeze] },
      { pins: [{ ...pin, expiresAt: MONDAY + HOUR }] },
      { policies: [policy('p', [approval])], overrides: [override] },
    ]) {
      const now = judged(more);
      const then = evaluate(input(more), MONDAY + HOUR);
      expect(now.reevaluateAt).toBe(MONDAY + HOUR);
      expect(then.verdict).not.toBe(now.verdict);
      expect(evaluate(input(more), MONDAY + HOUR - 1).verdict).toBe(now.verdict);
    }
  });
});

describe('pins of a place', () => {
  it('the narrower counts, of equally narrow ones the newest, and only those in force', () => {
    const place = { deployment: 'checkout', environment: 'production' };
    const pins: PinFact[] = [
      pin,
      { ...pin, id: 'p5', version: 'id-1.1.0', at: 5 },
      { ...pin, id: 'p6', resource: 'par-1', version: 'id-1.2.0' },
      { ...pin, id: 'p7', resource: 'fra-1', version: 'id-0.9.0', expiresAt: MONDAY },
      { ...pin, id: 'p8', environment: 'staging' },
    ];
    const here = pinsAt(pins, place, MONDAY);
    expect([here?.at('par-1')?.id, here?.at('fra-1')?.id, here?.at(undefined)?.id, here?.perTarget]).toEqual(['p6', 'p5', 'p5', true]);
    expect([...(here?.versions ?? [])].sort()).toEqual(['id-1.1.0', 'id-1.2.0']);
    expect(pinsAt(pins, { ...place, deployment: 'catalog' }, MONDAY)).toBeUndefined();
  });

  it('make their versions candidates, however old, as long as they can be deployed', () => {
    const versions = ['1.0.0', '1.1.0', '1.2.0'].map((tag, at) => version(tag, { sequence: at + 1 }));
    const tags = (pinned: string[]) => candidateVersions(versions, 3, new Set(), new Set(pinned)).map((v) => v.tag);
    expect(tags([])).toEqual([]);
    expect(tags(['id-1.0.0'])).toEqual(['1.0.0']);
    const rejected = [version('1.0.0', { sequence: 1, status: 'rejected' })];
    expect(candidateVersions(rejected, 3, new Set(), new Set(['id-1.0.0']))).toEqual([]);
  });
});

describe('a freeze', () => {
  it('I11: holds up what its scope has no value for', () => {
    const [check] = freezesInForce([{ ...freeze, scope: 'resource.metadata.nothing == "x"' }], MONDAY);
    const { deployment, environment, targets } = input({});
    expect(check?.ask({ deployment, environment, resource: targets[0] })).toMatchObject({
      verdict: 'undecided',
      ask: 'slipway freeze lift f3',
    });
  });
});

describe('an override', () => {
  it('skips gates only, and a misspelt one is told', () => {
    expect(checkOverridable('approval')).toBeUndefined();
    expect(checkOverridable('aproval')).toContain('did you mean "approval"');
    expect(checkOverridable('freeze')).toContain('slipway freeze lift');
    expect(checkOverridable('gradualRollout')).toContain('there is no gate');
  });
});
