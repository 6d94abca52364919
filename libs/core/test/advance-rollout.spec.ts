import { describe, expect, it } from '@jest/globals';
import { advanceRollout, type MemberLetter, type Rollout, type RolloutEffect, type RolloutEvent, type RolloutState } from '@slipway/core';
import { canaryHalfAll, plan, wave } from './rollout-samples.js';

const start: RolloutEvent = { type: 'start' };
const time: RolloutEvent = { type: 'time' };
const member = (ordinal: number, letter: MemberLetter, because?: string): RolloutEvent => ({
  type: 'member',
  ordinal,
  letter,
  ...(because ? { because } : {}),
});
const all = (from: number, to: number, letter: MemberLetter): RolloutEvent[] =>
  Array.from({ length: to - from }, (_, i) => member(from + i, letter));

/** Plays batches; a number moves the clock. Effects of the last batch only. */
function play(rollout: Rollout, ...batches: (RolloutEvent[] | number)[]): { rollout: Rollout; effects: RolloutEffect[]; now: number } {
  let now = 0;
  let effects: RolloutEffect[] = [];
  for (const batch of batches) {
    if (typeof batch === 'number') now += batch;
    else ({ rollout, effects } = advanceRollout(rollout, batch, now));
  }
  return { rollout, effects, now };
}

const dispatched = (effects: RolloutEffect[]): number[] => effects.flatMap((e) => (e.type === 'dispatch' ? e.ordinals : []));

describe('advanceRollout: waves', () => {
  it('goes from the canary to half to all, and completes', () => {
    let step = play(plan(6, canaryHalfAll), [start]);
    expect(dispatched(step.effects)).toEqual([0]);
    step = play(step.rollout, [member(0, 'v')]);
    expect(step.effects).toEqual([]);
    step = play(step.rollout, [member(0, 's')]);
    expect(dispatched(step.effects)).toEqual([1, 2]);
    expect(step.effects.filter((e) => e.type === 'announce')).toEqual([
      { type: 'announce', verb: 'waveDone', wave: 'canary' },
      { type: 'announce', verb: 'waveStarted', wave: 'half' },
    ]);
    step = play(step.rollout, all(1, 3, 's'));
    expect(dispatched(step.effects)).toEqual([3, 4, 5]);
    step = play(step.rollout, all(3, 6, 's'));
    expect(step.rollout).toMatchObject({ state: 'completed', members: 'ssssss' });
    expect(step.rollout.wakeAt).toBeUndefined();
  });

  it('holds after a wave and bakes the first one, unless promoted', () => {
    const waves = [
      wave('canary', { count: 1 }, { holdMs: 100 }),
      wave('half', { percent: 50 }, { holdMs: 100 }),
      wave('all', { percent: 100 }),
    ];
    const first = play(plan(4, { across: { type: 'waves', waves }, bakeMs: 50 }), [start], [member(0, 's')]);
    expect(first.rollout.wakeAt).toBe(150);
    expect(dispatched(play(first.rollout, 149, [time]).effects)).toEqual([]);
    expect(dispatched(play(first.rollout, 150, [time]).effects)).toEqual([1]);
    const promoted = play(first.rollout, [{ type: 'promote', all: false }]);
    expect(dispatched(promoted.effects)).toEqual([1]);
    expect(promoted.rollout.promoted).toBeUndefined();
    expect(play(promoted.rollout, [member(1, 's')]).rollout.wakeAt).toBe(100);
    const fully = play(first.rollout, [{ type: 'promote', all: true }], [member(1, 's')]);
    expect(dispatched(fully.effects)).toEqual([2, 3]);
  });

  it('waits for a person where a wave asks for it, and says so', () => {
    const waves = [wave('canary', { count: 1 }, { holdMs: 100 }), wave('all', { percent: 100 }, { approve: true })];
    const held = play(plan(2, { across: { type: 'waves', waves } }), [start], [member(0, 's')]);
    expect(held.rollout).toMatchObject({ state: 'running', wakeAt: 100 });
    const waiting = play(held.rollout, 100, [time]);
    expect(waiting.rollout).toMatchObject({
      state: 'running',
      because: 'wave canary is done; wave all waits to be approved before it begins',
    });
    expect(waiting.rollout.wakeAt).toBeUndefined();
    expect(dispatched(play(waiting.rollout, [{ type: 'promote', all: false }]).effects)).toEqual([1]);
  });

  it('waits for a person before its first wave where that asks for it; nothing but their word or an end leads out', () => {
    const waves = [wave('canary', { count: 1 }, { approve: true, holdMs: 100 }), wave('all', { percent: 100 })];
    const waiting = play(plan(2, { across: { type: 'waves', waves } }), [start]);
    expect(waiting.rollout).toMatchObject({
      state: 'pending',
      members: '..',
      because: 'wave canary waits to be approved before it begins',
    });
    expect(waiting.rollout.wakeAt).toBeUndefined();
    for (const event of [start, time, { type: 'resume' as const }, { type: 'pause' as const, because: 'lunch' }])
      expect(play(waiting.rollout, 5, [event])).toMatchObject({ rollout: { state: 'pending', members: '..' }, effects: [] });
    expect(play(waiting.rollout, [{ type: 'abort', because: 'no' }]).rollout.state).toBe('cancelled');
    const begun = play(waiting.rollout, [{ type: 'promote', all: false }]);
    expect(dispatched(begun.effects)).toEqual([0]);
    expect(play(begun.rollout, [member(0, 's')]).rollout).toMatchObject({ state: 'running', members: 's.', wakeAt: 100 });
  });

  it('members that may not begin do not hold up the others, unless nobody went through their wave', () => {
    const barred =
      (...names: string[]) =>
      (resource: string) =>
        !names.includes(resource) || 'pin: stays on 1.0.0';
    const first = plan(6, canaryHalfAll);
    const [canary = '', second = '', third = ''] = first.plan.members;
    const none = advanceRollout(first, [start], 0, barred(canary));
    expect(none.rollout).toMatchObject({
      members: '......',
      wave: 0,
      because: `1 member may not begin now: ${canary}: pin: stays on 1.0.0`,
    });
    expect(advanceRollout(none.rollout, [{ type: 'promote', all: false }], 0, barred(canary)).rollout).toMatchObject({ members: '.jj...' });
    expect(advanceRollout(none.rollout, [{ type: 'exclude', ordinals: [0] }], 0).rollout).toMatchObject({ members: 'xjj...' });

    const half = advanceRollout(advanceRollout(first, [start], 0).rollout, [member(0, 's')], 0, barred(second)).rollout;
    expect(half).toMatchObject({ members: 's.j...', wave: 1 });
    const rest = advanceRollout(half, [member(2, 's')], 0, barred(second));
    expect(rest.rollout).toMatchObject({ members: 's.sjjj', wave: 2 });
    const last = advanceRollout(rest.rollout, all(3, 6, 's'), 0, barred(second));
    expect(last.rollout).toMatchObject({ state: 'running', because: `1 member may not begin now: ${second}: pin: stays on 1.0.0` });
    const freed = advanceRollout(last.rollout, [time], 0);
    expect(dispatched(freed.effects)).toEqual([1]);
    expect(play(freed.rollout, [member(1, 's')]).rollout.state).toBe('completed');
    expect(advanceRollout(half, [member(2, 'f')], 0, barred(second, third)).rollout.state).toBe('halted');
  });

  it('does not wait for verification where a wave says so', () => {
    const waves = [wave('canary', { count: 1 }, { verify: false }), wave('all', { percent: 100 })];
    const step = play(plan(2, { across: { type: 'waves', waves } }), [start], [member(0, 'v')]);
    expect(dispatched(step.effects)).toEqual([1]);
    expect(play(step.rollout, [member(1, 's')]).rollout.state).toBe('running');
    expect(play(step.rollout, [member(1, 's'), member(0, 's')]).rollout.state).toBe('completed');
  });

  it('lets late joiners in at the end of the last wave', () => {
    const step = play(plan(2, canaryHalfAll), [start], [{ type: 'join', resources: ['late', 'host-0', 'late'] }]);
    expect(step.rollout.plan.members.at(-1)).toBe('late');
    expect(step.rollout.plan.waves.at(-1)).toMatchObject({ name: 'all', to: 3 });
    expect(step.rollout.members).toBe('j..');
  });
});

describe('advanceRollout: pace', () => {
  it('I7: never begins more than maxInFlight, in order', () => {
    const step = play(plan(5, { maxInFlight: 2 }), [start]);
    expect(dispatched(step.effects)).toEqual([0, 1]);
    const next = play(step.rollout, [member(1, 's')]);
    expect(dispatched(next.effects)).toEqual([2]);
    expect(next.rollout.members).toBe('jsj..');
  });

  it('linear goes one after the other, by time and by health', () => {
    const first = play(plan(3, { across: { type: 'linear', everyMs: 100 } }), [start]);
    expect(dispatched(first.effects)).toEqual([0]);
    expect(dispatched(play(first.rollout, 200, [time]).effects)).toEqual([]);
    const early = play(first.rollout, 40, [member(0, 's')]);
    expect(dispatched(early.effects)).toEqual([]);
    expect(early.rollout.wakeAt).toBe(100);
    expect(dispatched(play(early.rollout, 100, [time]).effects)).toEqual([1]);
  });

  it('skips members that may not begin, and says what it waits for', () => {
    const some = advanceRollout(plan(3), [start], 0, (_, i) => i !== 0 || 'freeze: Black Friday');
    expect(dispatched(some.effects)).toEqual([1, 2]);
    const done = advanceRollout(some.rollout, all(1, 3, 's'), 0, () => 'freeze: Black Friday');
    expect(done.rollout).toMatchObject({
      state: 'running',
      members: '.ss',
      because: '1 member may not begin now: host-0: freeze: Black Friday',
    });
    expect(dispatched(advanceRollout(done.rollout, [time], 0).effects)).toEqual([0]);
  });
});

describe('advanceRollout: failures', () => {
  it('halts at the first failure beyond the budget and takes back what is queued', () => {
    const step = play(plan(3), [start], [member(0, 'f', 'exit 1')]);
    expect(step.rollout).toMatchObject({ state: 'halted', because: expect.stringMatching(/^host-\d failed: exit 1$/) });
    expect(step.effects).toContainEqual({ type: 'withdraw', ordinals: [1, 2] });
    const back = play(step.rollout, [member(1, '.'), member(2, 's')]);
    expect(back.rollout.members).toBe('f.s');
    expect(dispatched(back.effects)).toEqual([]);
  });

  it('tolerates failures within the budget and tells them at the end', () => {
    const step = play(plan(3, { failureBudget: { count: 1 } }), [start], [member(0, 'f'), member(1, 's'), member(2, 's')]);
    expect(step.rollout).toMatchObject({ state: 'completed', because: expect.stringContaining('1 of 3 members did not take') });
  });

  it('resume accepts the failures so far; the next one counts again', () => {
    const halted = play(plan(4, { maxInFlight: 1 }), [start], [member(0, 'f')], [{ type: 'resume' }]);
    expect(halted.rollout).toMatchObject({ state: 'running', members: 'fj..' });
    expect(play(halted.rollout, [member(1, 'f')]).rollout.state).toBe('halted');
  });

  it('retries failed members in their place', () => {
    const step = play(plan(4, { maxInFlight: 1 }), [start], [member(0, 'f')], [{ type: 'retryFailed' }]);
    expect(step.rollout).toMatchObject({ state: 'running', members: 'j...' });
    expect(play(step.rollout, [member(0, 'f')]).rollout.state).toBe('halted');
  });

  it('retrying accepts what has been taken back by itself meanwhile; the next failure counts again', () => {
    const byTarget = { kind: 'rollback' as const, on: ['verificationFailure' as const], scope: 'target' as const };
    const halted = play(plan(4, { maxInFlight: 2 }, byTarget), [start], [member(1, 'v')], [member(0, 'f'), member(1, 'f')]);
    expect(halted.rollout).toMatchObject({ state: 'halted', members: 'fb..', forgiven: 0 });
    const retried = play(halted.rollout, [{ type: 'retryFailed' }]);
    expect(retried.rollout).toMatchObject({ state: 'running', members: 'jbj.', forgiven: 1 });
    expect(play(retried.rollout, [member(0, 'f')]).rollout.state).toBe('halted');
  });

  it('pauses for a person when a member is uncertain, and pauses again rather than end with one', () => {
    const step = play(plan(2), [start], [member(0, 'u', 'the agent was lost')]);
    expect(step.rollout).toMatchObject({ state: 'paused', because: expect.stringContaining('waits for a person: the agent was lost') });
    const on = play(step.rollout, [{ type: 'resume' }], [member(1, 's')]);
    expect(on.rollout.state).toBe('paused');
    expect(play(on.rollout, [{ type: 'resume' }, member(0, 's')]).rollout.state).toBe('completed');
    expect(play(on.rollout, [{ type: 'exclude', ordinals: [0] }, { type: 'resume' }]).rollout.state).toBe('completed');
  });
});

describe('advanceRollout: going back', () => {
  const byTarget = { kind: 'rollback' as const, on: ['jobFailure' as const, 'verificationFailure' as const], scope: 'target' as const };
  const byRollout = { ...byTarget, scope: 'rollout' as const };

  it('scope target: the failed member goes back, the rest halts', () => {
    const step = play(plan(3, { maxInFlight: 1 }, byTarget), [start], [member(0, 's')], [member(1, 'v')], [member(1, 'f', '503')]);
    expect(step.rollout).toMatchObject({ state: 'halted', members: 'sb.' });
    expect(step.effects[0]).toMatchObject({ type: 'rollBack', ordinals: [1], because: expect.stringContaining('503') });
    expect(play(step.rollout, [member(1, 'r')]).rollout).toMatchObject({ state: 'halted', members: 'sr.' });
  });

  it('scope rollout: everything that took it goes back, newest first, once live jobs have ended', () => {
    const step = play(plan(4, { maxInFlight: 3 }, byRollout), [start], [member(0, 's')], [member(2, 'f', '503')]);
    expect(step.rollout.members).toBe('sjfj');
    expect(step.effects).toContainEqual({ type: 'withdraw', ordinals: [1, 3] });
    expect(step.rollout.ending).toMatchObject({ state: 'rolledBack', issued: false });
    const quiet = play(step.rollout, [member(1, 's'), member(3, '.')]);
    expect(quiet.effects).toContainEqual(expect.objectContaining({ type: 'rollBack', ordinals: [2, 1, 0] }));
    expect(quiet.rollout.members).toBe('bbb.');
    expect(play(quiet.rollout, all(0, 3, 'r')).rollout).toMatchObject({ state: 'rolledBack', members: 'rrr.' });
  });

  it('goes back only where the rule covers the kind of failure', () => {
    const rule = { ...byTarget, on: ['verificationFailure' as const] };
    expect(play(plan(1, {}, rule), [start], [member(0, 'f')]).rollout.members).toBe('f');
    expect(play(plan(1, {}, rule), [start], [member(0, 'v')], [member(0, 'f')]).rollout.members).toBe('b');
  });

  it('I9: halts where a member could not be taken back, and tries that again only when a person asks', () => {
    const step = play(
      plan(2, {}, byRollout),
      [start],
      [member(0, 's'), member(1, 'f')],
      [member(1, 'r'), member(0, 'f', 'no verified version')],
    );
    expect(step.rollout).toMatchObject({ state: 'halted', because: expect.stringContaining('1 member could not be taken back') });
    expect(step.effects.some((e) => e.type === 'rollBack')).toBe(false);
    const again = play(step.rollout, [{ type: 'rollback', because: 'a person asked' }]);
    expect(again.rollout.members).toBe('br');
    expect(play(again.rollout, [member(0, 'r')]).rollout.state).toBe('rolledBack');
    expect(play(step.rollout, [{ type: 'supersede', by: '2.0.1' }]).rollout.state).toBe('superseded');
  });

  it('an uncertain member goes back too once a person says that it took the version', () => {
    const step = play(plan(2, {}, byRollout), [start], [member(0, 'u'), member(1, 'f')], [member(1, 'r')]);
    expect(step.rollout.state).toBe('halted');
    const said = play(step.rollout, [member(0, 's')]);
    expect(said.rollout.members).toBe('br');
    expect(play(said.rollout, [member(0, 'r')]).rollout.state).toBe('rolledBack');
  });

  it('is rolled back by hand from the middle of anything', () => {
    const step = play(
      plan(3, { maxInFlight: 1 }),
      [start],
      [member(0, 's')],
      [{ type: 'rollback', because: 'ann: it is slow' }],
      [member(1, 's')],
    );
    expect(step.rollout.members).toBe('bb.');
    expect(play(step.rollout, all(0, 2, 'r')).rollout).toMatchObject({ state: 'rolledBack', because: 'ann: it is slow' });
  });
});

describe('advanceRollout: ends', () => {
  it('superseded: started jobs finish, the rest is not begun', () => {
    const step = play(plan(4, { maxInFlight: 2 }), [start], [{ type: 'supersede', by: '2.0.1' }]);
    expect(step.rollout).toMatchObject({ state: 'running', because: 'superseded by 2.0.1' });
    expect(step.effects).toEqual([{ type: 'withdraw', ordinals: [0, 1] }]);
    const end = play(step.rollout, [member(0, '.')], [member(1, 's')]);
    expect(end.rollout).toMatchObject({ state: 'superseded', members: '.s..' });
  });

  it('I6: ends absorb every event', () => {
    const ended: Record<'completed' | 'superseded' | 'rolledBack' | 'cancelled', Rollout> = {
      completed: play(plan(1), [start], [member(0, 's')]).rollout,
      superseded: play(plan(1), [{ type: 'supersede', by: 'x' }]).rollout,
      rolledBack: play(plan(1), [start], [member(0, 's'), { type: 'rollback', because: 'x' }], [member(0, 'r')]).rollout,
      cancelled: play(plan(1), [{ type: 'abort', because: 'x' }]).rollout,
    };
    const events: Record<RolloutEvent['type'], RolloutEvent> = {
      start,
      time,
      member: member(0, 'f'),
      join: { type: 'join', resources: ['late'] },
      pause: { type: 'pause', because: 'x' },
      resume: { type: 'resume' },
      promote: { type: 'promote', all: true },
      retryFailed: { type: 'retryFailed' },
      exclude: { type: 'exclude', ordinals: [0] },
      abort: { type: 'abort', because: 'x' },
      supersede: { type: 'supersede', by: 'y' },
      rollback: { type: 'rollback', because: 'x' },
    };
    for (const [state, rollout] of Object.entries(ended)) {
      expect(rollout.state).toBe(state as RolloutState);
      for (const event of Object.values(events)) expect(advanceRollout(rollout, [event], 10)).toEqual({ rollout, effects: [] });
    }
  });

  it('a batch of 1,000 events on 100,000 members costs no more than a few passes over them', () => {
    const first = advanceRollout(plan(100_000, { failureBudget: { count: 2_000 } }), [start], 0).rollout;
    const batch = [...all(0, 999, 's'), member(999, 'f')];
    const began = performance.now();
    for (let i = 0; i < 10; i++) advanceRollout(first, batch, 1);
    expect((performance.now() - began) / 10).toBeLessThan(200);
  });
});
