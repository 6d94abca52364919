import type { MemberLetter, PlannedWave, Rollout, RolloutEffect, RolloutPlan, RolloutState } from '../model/rollout.js';

/*
 * A rollout unpacked for the length of one batch: letters in an array, counted once, so that a batch costs O(members + events). Everything that
 * `advanceRollout` calls works on this draft; nobody else ever sees it.
 */

export interface RolloutDraft {
  readonly now: number;
  readonly version: string;
  readonly rule: Rollout['obligations']['rollback'];
  state: RolloutState;
  plan: RolloutPlan;
  letters: MemberLetter[];
  counts: Record<MemberLetter, number>;
  wave: number;
  forgiven: number;
  waveDoneAt: number | undefined;
  lastStartAt: number | undefined;
  promoted: Rollout['promoted'];
  because: string | undefined;
  ending: Rollout['ending'];
  wakeAt: number | undefined;
  effects: RolloutEffect[];
  /** Members to roll back, by reason. */
  rollBacks: Map<string, number[]>;
  /** What is queued must not begin any more. */
  withdraws: boolean;
}

export function openDraft(rollout: Rollout, now: number): RolloutDraft {
  const letters = [...rollout.members] as MemberLetter[];
  const counts: Record<MemberLetter, number> = { '.': 0, j: 0, v: 0, s: 0, f: 0, u: 0, x: 0, b: 0, r: 0 };
  for (const letter of letters) counts[letter]++;
  return {
    now,
    version: rollout.version,
    rule: rollout.obligations.rollback,
    state: rollout.state,
    plan: rollout.plan,
    letters,
    counts,
    wave: rollout.wave,
    forgiven: rollout.forgiven,
    waveDoneAt: rollout.waveDoneAt,
    lastStartAt: rollout.lastStartAt,
    promoted: rollout.promoted,
    because: rollout.because,
    ending: rollout.ending,
    wakeAt: rollout.wakeAt,
    effects: [],
    rollBacks: new Map(),
    withdraws: false,
  };
}

/** The rollout as the draft has it: the very same object when nothing differs, else the next generation. */
export function closeDraft(rollout: Rollout, draft: RolloutDraft): { rollout: Rollout; effects: RolloutEffect[] } {
  const next: Rollout = {
    ...rollout,
    state: draft.state,
    plan: draft.plan,
    members: draft.letters.join(''),
    wave: draft.wave,
    forgiven: draft.forgiven,
  };
  set(next, 'waveDoneAt', draft.waveDoneAt);
  set(next, 'lastStartAt', draft.lastStartAt);
  set(next, 'promoted', draft.promoted);
  set(next, 'because', draft.because);
  set(next, 'ending', draft.ending);
  set(next, 'wakeAt', draft.wakeAt);
  const keys = new Set([...Object.keys(rollout), ...Object.keys(next)]) as Set<keyof Rollout>;
  const changed = [...keys].some((key) => rollout[key] !== next[key]);
  return { rollout: changed ? { ...next, generation: rollout.generation + 1 } : rollout, effects: draft.effects };
}

function set<K extends keyof Rollout>(rollout: Rollout, key: K, value: Rollout[K] | undefined): void {
  if (value === undefined) delete rollout[key];
  else rollout[key] = value;
}

export function setLetter(draft: RolloutDraft, ordinal: number, letter: MemberLetter): void {
  const was = draft.letters[ordinal];
  if (was === undefined || was === letter) return;
  draft.counts[was]--;
  draft.counts[letter]++;
  draft.letters[ordinal] = letter;
}

/** Jobs and verifications that run for members: what `maxInFlight` bounds (I7). */
export function liveCount({ counts }: RolloutDraft): number {
  return counts.j + counts.v;
}

/** Members that failed, those taken back among them; an uncertain one is none yet, it pauses the rollout by itself. */
export function failureCount({ counts }: RolloutDraft): number {
  return counts.f + counts.b + counts.r;
}

/** A failure too many? Those that a person accepted by resuming do not count. */
export function overBudget(draft: RolloutDraft): boolean {
  return failureCount(draft) - draft.forgiven > draft.plan.failureBudget;
}

/** An accepted failure that turned out well, or is tried again, is no allowance for another one. */
export function trimForgiven(draft: RolloutDraft): void {
  draft.forgiven = Math.min(draft.forgiven, failureCount(draft));
}

export function waveOf(draft: RolloutDraft): PlannedWave | undefined {
  return draft.plan.waves[draft.wave];
}

/** Enter a state and say so. */
export function enter(draft: RolloutDraft, state: RolloutState, because?: string): void {
  if (draft.state === state) return;
  draft.state = state;
  draft.because = because;
  draft.effects.push(because === undefined ? { type: 'announce', verb: state } : { type: 'announce', verb: state, because });
  draft.withdraws = state !== 'running';
}

export function orderRollBack(draft: RolloutDraft, ordinal: number, because: string): void {
  setLetter(draft, ordinal, 'b');
  const same = draft.rollBacks.get(because);
  if (same) same.push(ordinal);
  else draft.rollBacks.set(because, [ordinal]);
}
