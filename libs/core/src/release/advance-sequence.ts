import type { Sequence, SequenceEffect, SequenceEvent, SequenceState } from '../model/sequence.js';

/*
 * The life of a sequence: running → done, or running → failed → takingBack → takenBack | stuck. Every cell is filled, ends absorb (I6).
 *
 * Weights only rise until the version has all of it; whatever ends badly before that leads to one job back to none, and never to another step.
 * A failure after the turn is not taken back here: bringing the earlier version back is a release of its own.
 */

export interface SequenceStepTaken {
  /** The very same object when nothing changed. */
  sequence: Sequence;
  effects: SequenceEffect[];
}

type Cell = (sequence: Sequence) => SequenceStepTaken;
type Row = { [T in SequenceEvent['type']]: Cell };

const keep: Cell = (sequence) => ({ sequence, effects: [] });
const over: Row = { good: keep, bad: keep, again: keep, stop: keep, takeBack: keep };

const table: Record<SequenceState, Row> = {
  running: {
    good: goOn,
    bad: fail,
    again: (sequence) => ({ sequence, effects: [{ type: 'begin', step: stepOf(sequence) }] }),
    stop: (sequence) => (hasTurned(sequence) ? keep(sequence) : fail(sequence)),
    takeBack: (sequence) => takeBack(sequence),
  },
  failed: { ...over, takeBack },
  takingBack: {
    ...over,
    good: (sequence) => ({ sequence: { ...sequence, state: 'takenBack' }, effects: [{ type: 'takenBack' }] }),
    bad: (sequence) => ({ sequence: { ...sequence, state: 'stuck' }, effects: [{ type: 'stuck' }] }),
    again: (sequence) => ({ sequence, effects: sequence.back ? [{ type: 'begin', step: sequence.back }] : [] }),
  },
  stuck: { ...over, takeBack },
  takenBack: over,
  done: over,
};

/** What one event makes of a sequence, and what must be done about it. Total; what comes late or twice after an end changes nothing. */
export function advanceSequence(sequence: Sequence, event: SequenceEvent): SequenceStepTaken {
  return table[sequence.state][event.type](sequence);
}

/** Whether the version is what runs at the target. */
export function hasTurned({ at, turn, state }: Pick<Sequence, 'at' | 'turn' | 'state'>): boolean {
  return state === 'done' || at > turn;
}

/** Whether the step at which it is now is the measuring of what it has become, after which nothing of it can be stepped back. */
export function isLastLook(sequence: Sequence): boolean {
  return hasTurned(sequence) && sequence.at === sequence.steps.length - 1;
}

function stepOf({ steps, at }: Sequence): Sequence['steps'][number] {
  const step = steps[at];
  if (!step) throw new Error(`a sequence of ${steps.length} steps has none at ${at}`);
  return step;
}

function goOn(sequence: Sequence): SequenceStepTaken {
  const { steps, at, turn } = sequence;
  const effects: SequenceEffect[] = at === turn ? [{ type: 'turned' }] : [];
  const next = steps[at + 1];
  if (!next) return { sequence: { ...sequence, state: 'done' }, effects: [...effects, { type: 'done' }] };
  return { sequence: { ...sequence, at: at + 1 }, effects: [...effects, { type: 'begin', step: next }] };
}

/** A `deploy` that failed has moved nothing yet, so nothing has to be moved back: whether it is tried again is the rollback rule's and people's business. */
function fail(sequence: Sequence): SequenceStepTaken {
  const back = sequence.back !== undefined && sequence.at > 0 && !hasTurned(sequence);
  return { sequence: { ...sequence, state: 'failed' }, effects: [{ type: 'failed', back }] };
}

/** After the turn there is nothing to take back by steps; before the first job was done there is nothing to take back at all. */
function takeBack(sequence: Sequence): SequenceStepTaken {
  if (hasTurned(sequence)) return keep(sequence);
  if (sequence.back === undefined || sequence.at === 0)
    return { sequence: { ...sequence, state: 'takenBack' }, effects: [{ type: 'takenBack' }] };
  return { sequence: { ...sequence, state: 'takingBack' }, effects: [{ type: 'begin', step: sequence.back }] };
}
