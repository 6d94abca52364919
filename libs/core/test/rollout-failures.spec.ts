import { describe, expect, it } from '@jest/globals';
import { advanceRollout, type MemberFailure, type RollbackRule, type Rollout, type RolloutEffect, type RolloutEvent } from '@slipway/core';
import { plan } from './rollout-samples.js';

/* What the failure of a member that is entered by several jobs does to its rollout. */

const onVerification: RollbackRule = { kind: 'rollback', on: ['verificationFailure'], scope: 'rollout' };
const onJob: RollbackRule = { ...onVerification, on: ['jobFailure'] };

const failed = (of: NonNullable<MemberFailure['of']>, back: boolean, ordinal = 0): RolloutEvent => ({
  type: 'member',
  ordinal,
  letter: 'f',
  because: 'it was bad',
  failure: { of, back },
});

function told(rollout: Rollout, ...batches: RolloutEvent[][]): { rollout: Rollout; effects: RolloutEffect[] } {
  let effects: RolloutEffect[] = [];
  let now = 0;
  for (const events of batches) ({ rollout, effects } = advanceRollout(rollout, events, (now += 1)));
  return { rollout, effects };
}

describe('a member that is entered by several jobs', () => {
  it('is taken back by its own strategy where something has moved, whatever the rollback rule says', () => {
    const { rollout, effects } = told(plan(1), [{ type: 'start' }], [failed('verification', true)]);
    expect(effects).toContainEqual({ type: 'rollBack', ordinals: [0], because: 'host-0 failed: it was bad' });
    expect(rollout).toMatchObject({ state: 'halted', members: 'b' });
    expect(told(rollout, [{ type: 'member', ordinal: 0, letter: 'r' }]).rollout.state).toBe('rolledBack');
  });

  it('stays as it is where nothing has moved and no rule covers it', () => {
    const { rollout } = told(plan(1), [{ type: 'start' }], [failed('job', false)]);
    expect(rollout).toMatchObject({ state: 'halted', members: 'f' });
  });

  it('fails by what it says that it failed by, not by its letter: a measurement between jobs is a verification', () => {
    const live = told(plan(2, { maxInFlight: 2 }, onVerification), [{ type: 'start' }]).rollout;
    expect(told(live, [failed('verification', true)]).rollout.ending).toMatchObject({ state: 'rolledBack' });
    expect(told(live, [failed('job', true)]).rollout.ending).toBeUndefined();
    const byJob = told(plan(2, { maxInFlight: 2 }, onJob), [{ type: 'start' }]).rollout;
    expect(told(byJob, [failed('verification', true)]).rollout.ending).toBeUndefined();
    expect(told(byJob, [failed('job', true)]).rollout.ending).toMatchObject({ state: 'rolledBack' });
  });

  it('that was refused before it began is brought back by no rule: its rollout stops and says why', () => {
    for (const scope of ['target', 'rollout'] as const) {
      const live = told(plan(2, { maxInFlight: 2 }, { ...onJob, scope }), [{ type: 'start' }]).rollout;
      const { rollout, effects } = told(live, [failed('rejected', false)]);
      expect(rollout).toMatchObject({ state: 'halted', members: 'fj', because: expect.stringContaining('it was bad') });
      expect(rollout.ending).toBeUndefined();
      expect(effects.filter(({ type }) => type === 'rollBack')).toEqual([]);
    }
  });

  it('that was only stopped is taken back and takes nobody with it', () => {
    const live = told(plan(2, { maxInFlight: 2 }, onJob), [{ type: 'start' }]).rollout;
    const { rollout, effects } = told(live, [failed('stopped', true)]);
    expect(rollout.ending).toBeUndefined();
    expect(effects).toContainEqual({ type: 'rollBack', ordinals: [0], because: 'it was bad' });
  });

  it('goes back at once while its rollout, which goes back too, still waits for others: its target is free for nobody else meanwhile', () => {
    const live = told(plan(2, { maxInFlight: 2 }), [{ type: 'start' }], [{ type: 'rollback', because: 'a person asked' }]).rollout;
    const { rollout, effects } = told(live, [failed('stopped', true)]);
    expect(rollout).toMatchObject({ members: 'bj', ending: { state: 'rolledBack', issued: false } });
    expect(effects).toContainEqual({ type: 'rollBack', ordinals: [0], because: 'a person asked' });
  });

  it('is waited for by a rollout that was aborted or superseded, until it is back', () => {
    for (const end of [
      { type: 'abort', because: 'not today' },
      { type: 'supersede', by: '2.0.0' },
    ] as const) {
      const { rollout } = told(plan(1), [{ type: 'start' }], [end], [failed('stopped', true)]);
      expect(rollout).toMatchObject({ state: 'running', members: 'b' });
      const over = told(rollout, [{ type: 'member', ordinal: 0, letter: 'r' }]).rollout;
      expect(over).toMatchObject({ state: end.type === 'abort' ? 'cancelled' : 'superseded', members: 'r' });
    }
  });

  it('goes on where it stood once a person has said what became of an uncertain job', () => {
    const uncertain: RolloutEvent = { type: 'member', ordinal: 0, letter: 'u' };
    const { rollout } = told(plan(1), [{ type: 'start' }], [uncertain], [{ type: 'member', ordinal: 0, letter: 'j' }]);
    expect(rollout).toMatchObject({ state: 'paused', members: 'j' });
    const back = told(plan(1), [{ type: 'start' }], [failed('job', true)], [uncertain], [{ type: 'member', ordinal: 0, letter: 'r' }]);
    expect(back.rollout.members).toBe('r');
  });
});
