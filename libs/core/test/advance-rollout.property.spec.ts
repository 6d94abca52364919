import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  advanceRollout,
  checkPlan,
  isRolloutOver,
  type GradualRolloutRule,
  type MemberLetter,
  type RollbackRule,
  type Rollout,
  type RolloutEvent,
} from '@slipway/core';
import { live, plan, wave } from './rollout-samples.js';

const RUNS = { numRuns: 400 };

const gradual: fc.Arbitrary<Partial<GradualRolloutRule>> = fc.record({
  across: fc.oneof(
    fc.constant({ type: 'allAtOnce' as const }),
    fc.record({ type: fc.constant('linear' as const), everyMs: fc.integer({ min: 0, max: 500 }) }),
    fc.record({ type: fc.constant('linearNormalized' as const), withinMs: fc.integer({ min: 0, max: 5_000 }) }),
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.record({ count: fc.integer({ min: 1, max: 9 }) }), fc.record({ percent: fc.integer({ min: 1, max: 100 }) })),
          fc.integer({ min: 0, max: 300 }),
          fc.boolean(),
          fc.boolean(),
        ),
        { maxLength: 4 },
      )
      .map((waves) => ({
        type: 'waves' as const,
        waves: waves.map(([size, holdMs, approve, verify], i) => wave(`w${i}`, size, { holdMs, approve, verify })),
      })),
  ),
  maxInFlight: fc.integer({ min: 1, max: 5 }),
  failureBudget: fc.oneof(fc.record({ count: fc.integer({ min: 0, max: 3 }) }), fc.record({ percent: fc.integer({ min: 0, max: 50 }) })),
  bakeMs: fc.integer({ min: 0, max: 200 }),
});

const rollback: fc.Arbitrary<RollbackRule | undefined> = fc.option(
  fc.record({
    kind: fc.constant('rollback' as const),
    on: fc.subarray(['jobFailure' as const, 'verificationFailure' as const]),
    scope: fc.constantFrom('target' as const, 'rollout' as const),
  }),
  { nil: undefined },
);

const begun = fc.tuple(fc.integer({ min: 1, max: 12 }), gradual, rollback).map(([n, rule, back]) => plan(n, rule, back));

const letter = fc.constantFrom<MemberLetter>('.', 'j', 'v', 's', 'f', 'u', 'x', 'b', 'r');
const command: fc.Arbitrary<RolloutEvent> = fc.oneof(
  fc.constant<RolloutEvent>({ type: 'pause', because: 'a person asked' }),
  fc.constant<RolloutEvent>({ type: 'resume' }),
  fc.record({ type: fc.constant('promote' as const), all: fc.boolean() }),
  fc.constant<RolloutEvent>({ type: 'retryFailed' }),
  fc.record({ type: fc.constant('exclude' as const), ordinals: fc.array(fc.nat(14), { maxLength: 3 }) }),
  fc.record({ type: fc.constant('join' as const), resources: fc.array(fc.constantFrom('late-1', 'late-2', 'host-0'), { maxLength: 2 }) }),
);
const ending: fc.Arbitrary<RolloutEvent> = fc.constantFrom<RolloutEvent>(
  { type: 'abort', because: 'a person asked' },
  { type: 'supersede', by: '2.0.1' },
  { type: 'rollback', because: 'a person asked' },
);
const anything: fc.Arbitrary<RolloutEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('member' as const), ordinal: fc.nat(13), letter }) },
  { weight: 2, arbitrary: fc.constant<RolloutEvent>({ type: 'time' }) },
  { weight: 1, arbitrary: fc.constant<RolloutEvent>({ type: 'start' }) },
  { weight: 2, arbitrary: command },
  { weight: 1, arbitrary: ending },
);
const history = fc.array(fc.tuple(fc.array(anything, { maxLength: 5 }), fc.integer({ min: 0, max: 300 })), { maxLength: 25 });

/** I5: something is live, time will move it, or a sentence says which person or fact it waits for. */
function expectAwaited(rollout: Rollout): void {
  if (isRolloutOver(rollout)) {
    expect(rollout.wakeAt).toBeUndefined();
    return;
  }
  const awaited = live(rollout) > 0 || rollout.members.includes('b') || rollout.wakeAt !== undefined || rollout.because !== undefined;
  expect({ state: rollout.state, members: rollout.members, awaited }).toMatchObject({ awaited: true });
}

describe('advanceRollout, for any events in any order', () => {
  it('I5, I6, I7: always awaited, ends absorb, never too many live, order and bounds kept, none begun after a halt', () => {
    fc.assert(
      fc.property(begun, history, (first, batches) => {
        let rollout = first;
        let now = 0;
        for (const [events, passes] of batches) {
          now += passes;
          const before = rollout;
          const step = advanceRollout(rollout, events, now);
          rollout = step.rollout;
          expectAwaited(rollout);
          expect(rollout.members).toHaveLength(rollout.plan.members.length);
          expect(checkPlan(rollout).filter((f) => f.severity === 'fatal')).toEqual([]);
          if (isRolloutOver(before)) expect(rollout).toBe(before);
          for (const effect of step.effects) {
            if (effect.type !== 'dispatch') continue;
            expect(live(rollout)).toBeLessThanOrEqual(rollout.plan.maxInFlight);
            expect(rollout.state).toBe('running');
            expect(rollout.ending).toBeUndefined();
            expect(effect.ordinals).toEqual([...effect.ordinals].sort((a, b) => a - b));
            expect(Math.max(...effect.ordinals)).toBeLessThan(rollout.plan.waves[rollout.wave]?.to ?? 0);
          }
        }
      }),
      RUNS,
    );
  });

  it('settles at once: with nothing new, nothing changes', () => {
    fc.assert(
      fc.property(begun, history, (first, batches) => {
        let rollout = first;
        let now = 0;
        for (const [events, passes] of batches) {
          now += passes;
          rollout = advanceRollout(rollout, events, now).rollout;
          const again = advanceRollout(rollout, rollout.state === 'pending' ? [] : [{ type: 'time' }], now);
          expect(again.rollout).toBe(rollout);
          expect(again.effects).toEqual([]);
        }
      }),
      RUNS,
    );
  });

  it('one batch or many: the same outcomes give the same letters and state', () => {
    // `b` is a person's word, which comes too late once the rollout is over.
    const of = letter.filter((one) => one !== 'b');
    const outcome = fc.record({ type: fc.constant('member' as const), ordinal: fc.nat(13), letter: of });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), rollback, fc.array(outcome, { maxLength: 12 }), (n, back, events) => {
        const started = advanceRollout(plan(n, { failureBudget: { count: n } }, back), [{ type: 'start' }], 0).rollout;
        const whole = advanceRollout(started, events, 5).rollout;
        let single = started;
        for (const event of events)
          single = isRolloutOver(whole) && isRolloutOver(single) ? single : advanceRollout(single, [event], 5, () => 'a freeze').rollout;
        if (whole.members.includes('.') || whole.members.includes('j')) return;
        expect({ state: single.state, members: single.members }).toEqual({ state: whole.state, members: whole.members });
      }),
      RUNS,
    );
  });
});

/** Carries out effects with outcomes drawn at random; repeats and delays what it says. */
function carryOut(
  first: Rollout,
  draw: (n: number) => number,
  commands: readonly RolloutEvent[],
): { rollout: Rollout; begun: Map<number, number> } {
  let rollout = first;
  let now = 0;
  let pending: RolloutEvent[] = [{ type: 'start' }];
  const starts = new Map<number, number>();
  let next = 0;
  for (let round = 0; round < 400 && !isRolloutOver(rollout); round++) {
    const events = pending.filter(() => draw(3) > 0);
    pending = pending.filter((e) => !events.includes(e));
    if (next < commands.length && draw(4) === 0) events.push(commands[next++]!);
    const stale = events.filter((e) => e.type === 'member' && e.letter !== 'f');
    const step = advanceRollout(rollout, [...events, ...stale], now);
    rollout = step.rollout;
    for (const effect of step.effects) {
      if (effect.type === 'dispatch') for (const o of effect.ordinals) starts.set(o, (starts.get(o) ?? 0) + 1);
    }
    [...rollout.members].forEach((l, ordinal) => {
      if (pending.some((e) => e.type === 'member' && e.ordinal === ordinal)) return;
      const outcomes: Partial<Record<string, MemberLetter[]>> = {
        j: ['v', 's', 's', 's', 'f', 'u'],
        v: ['s', 's', 's', 'f', 'u'],
        b: ['r', 'r', 'r', 'f'],
      };
      const possible = outcomes[l];
      if (possible && draw(2) === 0) pending.push({ type: 'member', ordinal, letter: possible[draw(possible.length)]! });
    });
    now = pending.length > 0 ? now + 1 : Math.max(now + 1, rollout.wakeAt ?? now);
  }
  return { rollout, begun: starts };
}

describe('a rollout carried out with random outcomes', () => {
  it('I13: ends, or waits for a person by name; and without commands each member begins at most once (I7)', () => {
    fc.assert(
      fc.property(begun, fc.infiniteStream(fc.nat(1_000)), (first, stream) => {
        const { rollout, begun: starts } = carryOut(first, (n) => (stream.next().value as number) % n, []);
        for (const times of starts.values()) expect(times).toBe(1);
        if (isRolloutOver(rollout)) return;
        expect(live(rollout)).toBe(0);
        expect(rollout.because).toBeDefined();
        expect(['pending', 'running'].includes(rollout.state) ? rollout.because : rollout.state).toMatch(
          /waits to be approved|paused|halted/,
        );
      }),
      RUNS,
    );
  });

  it('I13: an abort ends it whatever happened before, save for what could not be taken back', () => {
    fc.assert(
      fc.property(begun, fc.array(command, { maxLength: 6 }), ending, fc.infiniteStream(fc.nat(1_000)), (first, commands, last, stream) => {
        const { rollout } = carryOut(first, (n) => (stream.next().value as number) % n, [
          ...commands,
          last,
          { type: 'promote', all: true },
        ]);
        if (!isRolloutOver(rollout)) expect(rollout.because).toBeDefined();
        expect(live(rollout)).toBe(0);
      }),
      RUNS,
    );
  });
});
