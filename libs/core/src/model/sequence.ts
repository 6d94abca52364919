/*
 * How one release comes to its one target when more than a single `deploy` is needed: a frozen list of jobs, one after the other (SPEC 5, "within").
 */

/** The two places at a target of which one serves (`blueGreen`). */
export type SlotName = 'blue' | 'green';

export type SequenceAction = 'deploy' | 'shift' | 'switch' | 'retire' | 'verify';

/** One job of a sequence. */
export interface SequenceStep {
  action: SequenceAction;
  /** Percent of the traffic that the version has once this is done. */
  weight: number;
  slot?: SlotName;
  /** Begins not before so long after the end of the step before it. */
  afterMs: number;
}

/**
 * `running`: the step at `at` is live, held or about to be made · `failed`: a step ended badly, or was stopped · `takingBack`: what had moved is being
 * moved back · `stuck`: that failed too, a person must look · `takenBack` and `done` absorb (I6)
 */
export type SequenceState = 'running' | 'failed' | 'takingBack' | 'stuck' | 'takenBack' | 'done';

export interface Sequence {
  steps: SequenceStep[];
  /** Index of the step that is live or next. */
  at: number;
  /** Once this step has succeeded the version is what runs at the target; before, the target never left what it ran. */
  turn: number;
  state: SequenceState;
  /** The one job that takes the version back as long as it has not turned; absent when nothing would have to be moved. */
  back?: SequenceStep;
  /** What is removed after it is done, and when. */
  retires?: { slot: SlotName; afterMs: number };
}

export type SequenceEvent =
  /** The job of the current step ended well; a verification passed. */
  | { type: 'good' }
  /** It failed for good, or its verification did. */
  | { type: 'bad' }
  /** It ended without having begun, and may go on: the same step again. */
  | { type: 'again' }
  /** It is to go no further, and none of its jobs is live. */
  | { type: 'stop' }
  /** What has moved is to be moved back. */
  | { type: 'takeBack' };

export type SequenceEffect =
  /** Make the job of this step. */
  | { type: 'begin'; step: SequenceStep }
  /** The version is what runs at the target now. */
  | { type: 'turned' }
  | { type: 'done' }
  /** `back`: something has moved, and is taken back whatever the rollback rule says. */
  | { type: 'failed'; back: boolean }
  | { type: 'takenBack' }
  | { type: 'stuck' };
