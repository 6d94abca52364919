import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  advanceSequence,
  hasTurned,
  planSequence,
  planSwitchBack,
  type Sequence,
  type SequenceEvent,
  type SequenceStep,
  type SequenceSituation,
  type WithinStrategy,
} from '@slipway/core';

const RUNS = { numRuns: 1_000 };

const canary: fc.Arbitrary<WithinStrategy> = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 5 })
  .chain((weights) =>
    fc.tuple(
      ...[...weights.sort((a, b) => a - b), 100].map((weight) =>
        fc.record({ weight: fc.constant(weight), holdMs: fc.nat(1_000), verify: fc.boolean() }),
      ),
    ),
  )
  .map((steps) => ({ type: 'canary' as const, steps }));
const blueGreen: fc.Arbitrary<WithinStrategy> = fc.record({
  type: fc.constant('blueGreen' as const),
  preview: fc.boolean(),
  keepOldMs: fc.nat(1_000),
});
const situation: fc.Arbitrary<SequenceSituation> = fc
  .record({
    runs: fc.boolean(),
    live: fc.option(fc.constantFrom('blue' as const, 'green' as const), { nil: undefined }),
    verified: fc.boolean(),
    rollback: fc.boolean(),
  })
  .map(({ live, ...rest }) => ({ ...rest, ...(live === undefined ? {} : { live, runs: true }) }));
const planned = fc.oneof(
  fc.tuple(fc.oneof(canary, blueGreen), situation).map(([within, at]) => ({ sequence: planSequence(within, at), at })),
  fc
    .tuple(fc.constantFrom('blue' as const, 'green' as const), fc.boolean())
    .map(([slot, verified]) => ({ sequence: planSwitchBack(slot, verified), at: { runs: true, verified, rollback: true } })),
);
const event: fc.Arbitrary<SequenceEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<SequenceEvent>({ type: 'good' }) },
  { weight: 1, arbitrary: fc.constantFrom<SequenceEvent>({ type: 'bad' }, { type: 'again' }, { type: 'stop' }, { type: 'takeBack' }) },
);
const events = fc.array(event, { maxLength: 40 });
const isOver = ({ state }: Sequence): boolean => state === 'done' || state === 'takenBack';

/** The share that the version has at the target, as its executor was told, and each job in turn. */
function follow(first: Sequence, told: readonly SequenceEvent[]): { sequence: Sequence; begun: SequenceStep[] } {
  let sequence = first;
  const begun = [first.steps[0] as SequenceStep];
  for (const each of told) {
    const step = advanceSequence(sequence, each);
    for (const effect of step.effects) if (effect.type === 'begin') begun.push(effect.step);
    sequence = step.sequence;
  }
  return { sequence, begun };
}

describe('a sequence of jobs at one target, for any events in any order', () => {
  it('has weights that only rise until the version has all of it; what goes back goes back to nothing at once', () => {
    fc.assert(
      fc.property(planned, events, ({ sequence: first }, told) => {
        const { begun } = follow(first, told);
        const back = begun.findIndex((step, i) => i > 0 && step.weight < begun[i - 1]!.weight);
        const forward = back < 0 ? begun : begun.slice(0, back);
        expect(forward.map((step) => step.weight)).toEqual(forward.map((step) => step.weight).sort((a, b) => a - b));
        if (back >= 0) expect(begun.slice(back).every((step) => step.weight === 0)).toBe(true);
      }),
      RUNS,
    );
  });

  it('I1: begins at most one job per event, and none while nothing was said of the last one', () => {
    fc.assert(
      fc.property(planned, events, ({ sequence: first }, told) => {
        let sequence = first;
        for (const each of told) {
          const { effects, sequence: next } = advanceSequence(sequence, each);
          expect(effects.filter((effect) => effect.type === 'begin').length).toBeLessThanOrEqual(1);
          sequence = next;
        }
      }),
      RUNS,
    );
  });

  it('I6: ends absorb: what comes after them changes nothing and begins nothing', () => {
    fc.assert(
      fc.property(planned, events, event, ({ sequence: first }, told, late) => {
        const { sequence } = follow(first, told);
        if (isOver(sequence)) expect(advanceSequence(sequence, late)).toEqual({ sequence, effects: [] });
        if (isOver(sequence)) expect(advanceSequence(sequence, late).sequence).toBe(sequence);
      }),
      RUNS,
    );
  });

  it('is done when each of its jobs ends well, with all of the traffic, measured last where anything is measured', () => {
    fc.assert(
      fc.property(planned, ({ sequence: first, at }) => {
        const { sequence, begun } = follow(
          first,
          first.steps.map(() => ({ type: 'good' })),
        );
        expect(sequence.state).toBe('done');
        expect(begun).toEqual(first.steps);
        expect(begun.at(-1)?.weight).toBe(100);
        if (at.verified) expect(begun.at(-1)?.action).toBe('verify');
        else expect(begun.some((step) => step.action === 'verify')).toBe(false);
      }),
      RUNS,
    );
  });

  it('never leaves what ran before until it turns: a stop or failure before is taken back by one job, and by none when only its deploy failed', () => {
    fc.assert(
      fc.property(planned, fc.nat(20), fc.constantFrom('bad' as const, 'stop' as const), ({ sequence: first }, good, type) => {
        const { sequence: before } = follow(
          first,
          Array.from({ length: good }, () => ({ type: 'good' as const })),
        );
        const { sequence, effects } = advanceSequence(before, { type });
        if (isOver(before) || (type === 'stop' && hasTurned(before))) return expect(sequence).toBe(before);
        const moved = before.at > 0 && !hasTurned(before) && before.back !== undefined;
        expect(effects).toEqual([{ type: 'failed', back: moved }]);
        if (hasTurned(before)) return expect(advanceSequence(sequence, { type: 'takeBack' }).sequence).toBe(sequence);
        const back = advanceSequence(sequence, { type: 'takeBack' });
        expect(back.effects).toEqual(moved ? [{ type: 'begin', step: before.back }] : [{ type: 'takenBack' }]);
        expect(advanceSequence(back.sequence, { type: 'good' }).sequence.state).toBe('takenBack');
      }),
      RUNS,
    );
  });

  it('of two slots never touches the one that serves before it switches, and retires it only after', () => {
    fc.assert(
      fc.property(blueGreen, situation, events, (within, at, told) => {
        const { begun, sequence } = follow(planSequence(within, at), told);
        for (const step of begun) expect(step.slot).not.toBe(at.live ?? 'none');
        expect(new Set(begun.map((step) => step.slot)).size).toBe(1);
        expect(sequence.retires?.slot).toBe(at.live);
      }),
      RUNS,
    );
  });
});

describe('the plan of a sequence', () => {
  const canary: WithinStrategy = {
    type: 'canary',
    steps: [
      { weight: 25, holdMs: 180_000, verify: true },
      { weight: 50, holdMs: 60_000, verify: false },
      { weight: 100, holdMs: 0, verify: true },
    ],
  };
  const told = (sequence: Sequence): string[] =>
    sequence.steps.map((s) => `${s.action} ${s.slot ?? ''}${s.weight}${s.afterMs > 0 ? ` after ${s.afterMs / 1_000}s` : ''}`);

  it('shifts, holds, measures at the end of the hold, and goes on', () => {
    const sequence = planSequence(canary, { runs: true, verified: true, rollback: false });
    expect(told(sequence)).toEqual(['deploy 0', 'shift 25', 'verify 25 after 180s', 'shift 50', 'shift 100 after 60s', 'verify 100']);
    expect(sequence.steps[sequence.turn]).toMatchObject({ action: 'shift', weight: 100 });
  });

  it('holds also where nothing is measured', () => {
    expect(told(planSequence(canary, { runs: true, verified: false, rollback: false }))).toEqual([
      'deploy 0',
      'shift 25',
      'shift 50 after 180s',
      'shift 100 after 60s',
    ]);
  });

  it('takes over at once where nothing runs yet, and when it brings an earlier version back', () => {
    const whole = ['deploy 0', 'shift 100', 'verify 100'];
    expect(told(planSequence(canary, { runs: false, verified: true, rollback: false }))).toEqual(whole);
    expect(told(planSequence(canary, { runs: true, verified: true, rollback: true }))).toEqual(whole);
  });

  it('fills the idle slot, previews it, switches, measures, and keeps the old slot for a while', () => {
    const blueGreen: WithinStrategy = { type: 'blueGreen', preview: true, keepOldMs: 600_000 };
    const sequence = planSequence(blueGreen, { runs: true, live: 'blue', verified: true, rollback: false });
    expect(told(sequence)).toEqual(['deploy green0', 'verify green0', 'switch green100', 'verify green100']);
    expect(sequence.retires).toEqual({ slot: 'blue', afterMs: 600_000 });
    expect(sequence.back).toMatchObject({ action: 'retire', slot: 'green' });
    const back = planSequence(blueGreen, { runs: true, live: 'green', verified: true, rollback: true });
    expect(told(back)).toEqual(['deploy blue0', 'switch blue100', 'verify blue100']);
    expect(back.retires).toEqual({ slot: 'green', afterMs: 0 });
    expect(told(planSwitchBack('blue', true))).toEqual(['switch blue100', 'verify blue100']);
  });

  it('has a state for every event, so that nothing can fall through', () => {
    const states: Sequence['state'][] = ['running', 'failed', 'takingBack', 'stuck', 'takenBack', 'done'];
    const types: SequenceEvent['type'][] = ['good', 'bad', 'again', 'stop', 'takeBack'];
    const first = planSequence(canary, { runs: true, verified: true, rollback: false });
    const table = states.map((state) =>
      types.map((type) => advanceSequence({ ...first, at: 1, state }, { type }).sequence.state).join(' '),
    );
    expect(table).toEqual([
      'running failed running failed takingBack',
      'failed failed failed failed takingBack',
      'takenBack stuck takingBack takingBack takingBack',
      'stuck stuck stuck stuck takingBack',
      'takenBack takenBack takenBack takenBack takenBack',
      'done done done done done',
    ]);
  });
});
