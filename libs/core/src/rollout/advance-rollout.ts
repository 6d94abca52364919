import type { PlannedWave, Rollout, RolloutEffect, RolloutEvent, RolloutState } from '../model/rollout.js';
import { moveOn, type MayBegin } from './move-on.js';
import { closeDraft, enter, failureCount, openDraft, setLetter, trimForgiven, waveOf, type RolloutDraft } from './rollout-draft.js';
import { takeMember } from './take-member.js';
import { waveNamed } from '../text/wave-name.js';

/*
 * The life of a rollout: pending → running ⇄ paused | halted → completed | superseded | rolledBack | cancelled.
 *
 * I5: whatever is not over has a live member, a `wakeAt`, or a `because` for a person. I6: ends absorb; what is to end while jobs are live keeps
 * its state and an `ending`, until they have ended. I7: members begin in order, once, never more than `maxInFlight`, none after a halt.
 */

type Cell<E> = (draft: RolloutDraft, event: E) => void;
type Row = { [T in RolloutEvent['type']]: Cell<Extract<RolloutEvent, { type: T }>> };

const keep = (): void => undefined;

const open: Row = {
  start: keep,
  time: keep,
  member: takeMember,
  join: (draft, { resources }) => join(draft, resources),
  pause: (draft, { because }) => (draft.ending ? undefined : enter(draft, 'paused', because)),
  resume: (draft) => resume(draft),
  promote: (draft, { all }) => promote(draft, all),
  retryFailed: (draft) => retryFailed(draft),
  exclude: (draft, { ordinals }) => exclude(draft, ordinals),
  abort: (draft, { because }) => end(draft, 'cancelled', because),
  supersede: (draft, { by }) => end(draft, 'superseded', `superseded by ${by}`),
  rollback: (draft, { because }) => end(draft, 'rolledBack', because),
};

const over: Row = {
  start: keep,
  time: keep,
  member: keep,
  join: keep,
  pause: keep,
  resume: keep,
  promote: keep,
  retryFailed: keep,
  exclude: keep,
  abort: keep,
  supersede: keep,
  rollback: keep,
};

const table: Record<RolloutState, Row> = {
  // It may wait to be let into its first wave: nothing but that, or an end, leads out.
  pending: { ...open, start, time: start, promote: promoteFirst, pause: keep, resume: keep },
  running: { ...open, resume: keep },
  // Its first reason stands: pausing what is paused or halted says nothing new.
  paused: { ...open, pause: keep },
  halted: { ...open, pause: keep, promote: keep },
  completed: over,
  superseded: over,
  rolledBack: over,
  cancelled: over,
};

export interface RolloutStep {
  /** The very same object when nothing changed; else its generation is one higher. */
  rollout: Rollout;
  effects: RolloutEffect[];
}

/**
 * What a batch of events makes of a rollout, and what must be carried out. Total and idempotent; O(members + events). No events: like `time`.
 * `mayBegin` bars members from beginning now, each for a reason; whoever bars one calls again when that has changed.
 */
export function advanceRollout(
  rollout: Rollout,
  events: readonly RolloutEvent[],
  now: number,
  mayBegin: MayBegin = () => true,
): RolloutStep {
  if (table[rollout.state] === over) return { rollout, effects: [] };
  const draft = openDraft(rollout, now);
  for (const event of events) (table[draft.state][event.type] as Cell<RolloutEvent>)(draft, event);
  if (table[draft.state] !== over) moveOn(draft, mayBegin);
  return closeDraft(rollout, draft);
}

/** Whether the rollout has ended (I6). */
export function isRolloutOver(rollout: Pick<Rollout, 'state'>): boolean {
  return table[rollout.state] === over;
}

function start(draft: RolloutDraft): void {
  const first = waveOf(draft);
  if (first?.approve && !draft.promoted) {
    draft.because = `${waveNamed(first.name)} waits to be approved before it begins`;
    draft.wakeAt = undefined;
    return;
  }
  if (first?.approve && draft.promoted === 'wave') draft.promoted = undefined;
  draft.because = undefined;
  draft.state = 'running';
  draft.effects.push({ type: 'announce', verb: 'started' });
}

/** Appended to the last wave, in the order given; who is a member already stays what it is. */
function join(draft: RolloutDraft, resources: readonly string[]): void {
  const there = new Set(draft.plan.members);
  const late = [...new Set(resources)].filter((r) => !there.has(r));
  if (late.length === 0 || draft.ending) return;
  const members = [...draft.plan.members, ...late];
  const last: PlannedWave = draft.plan.waves.at(-1) ?? { name: 'all', from: 0, to: 0, holdMs: 0, verify: true, approve: false };
  draft.plan = { ...draft.plan, members, waves: [...draft.plan.waves.slice(0, -1), { ...last, to: members.length }] };
  for (let i = 0; i < late.length; i++) draft.letters.push('.');
  draft.counts['.'] += late.length;
}

/** The failures and uncertain members so far are accepted: what comes is measured against the whole budget again. */
function resume(draft: RolloutDraft): void {
  if (draft.ending) return;
  draft.forgiven = failureCount(draft);
  enter(draft, 'running');
}

function promote(draft: RolloutDraft, all: boolean): void {
  if (draft.ending) return;
  draft.promoted = all || draft.promoted === 'all' ? 'all' : 'wave';
}

function promoteFirst(draft: RolloutDraft, { all }: { all: boolean }): void {
  promote(draft, all);
  if (waveOf(draft)?.approve && !draft.ending) start(draft);
}

/** Failed members begin again in their place; uncertain ones are never blindly repeated. */
function retryFailed(draft: RolloutDraft): void {
  if (draft.ending || draft.counts.f === 0) return;
  draft.letters.forEach((letter, i) => {
    if (letter === 'f') setLetter(draft, i, '.');
  });
  // Whoever has it go on accepts what has been taken back meanwhile, as by resuming.
  if (draft.state === 'running') trimForgiven(draft);
  else draft.forgiven = failureCount(draft);
  if (draft.state !== 'pending') enter(draft, 'running');
}

function exclude(draft: RolloutDraft, ordinals: readonly number[]): void {
  for (const i of ordinals) {
    const letter = draft.letters[i];
    if (letter === '.' || letter === 'f' || letter === 'u') setLetter(draft, i, 'x');
  }
  trimForgiven(draft);
}

/** Nothing new begins; it ends so when its live jobs have ended. Going back outranks the other ends, until it is stuck. */
function end(draft: RolloutDraft, state: 'superseded' | 'cancelled' | 'rolledBack', because: string): void {
  const { ending, counts } = draft;
  const stuck = ending?.issued === true && counts.b === 0;
  if (ending && !stuck && (state !== 'rolledBack' || ending.state === 'rolledBack')) return;
  draft.ending = { state, because, issued: false };
  draft.because = because;
  draft.withdraws = true;
}
