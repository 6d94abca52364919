import type { MemberLetter, PlannedWave } from '../model/rollout.js';
import { enter, failureCount, liveCount, orderRollBack, waveOf, type RolloutDraft } from './rollout-draft.js';
import { waveNamed } from '../text/wave-name.js';

/*
 * What follows from the state as it is, after all events of a batch: ending what is to end, finishing waves, beginning members. Every rollout that
 * is left here has a live member, a `wakeAt`, or a `because` that says which person or fact it waits for (I5).
 */

/** Whether a member may begin now (the latest decision allows it, nothing else is live at its target), or why not. */
export type MayBegin = (resource: string, ordinal: number) => true | string;

export function moveOn(draft: RolloutDraft, mayBegin: MayBegin): void {
  if (draft.state !== 'pending') draft.wakeAt = undefined;
  if (draft.ending) endWhenQuiet(draft);
  else if (draft.state === 'running') advanceWaves(draft, mayBegin);
  else if (draft.state === 'halted' && allTakenBack(draft)) finish(draft, 'rolledBack', draft.because);
  emitOrders(draft);
}

/** `superseded` and `cancelled` wait for what is live, and for what is taken back meanwhile; `rolledBack` then orders the way back, and waits for that. */
function endWhenQuiet(draft: RolloutDraft): void {
  const { ending } = draft;
  if (!ending || liveCount(draft) > 0) return;
  if (ending.state !== 'rolledBack') return draft.counts.b > 0 ? undefined : finish(draft, ending.state, ending.because);
  if (!ending.issued) {
    draft.ending = { ...ending, issued: true };
    for (let i = draft.letters.length - 1; i >= 0; i--) {
      if (draft.letters[i] === 's' || draft.letters[i] === 'f') orderRollBack(draft, i, ending.because);
    }
  }
  if (draft.counts.b > 0) return;
  const stuck = draft.counts.f + draft.counts.u;
  if (stuck === 0) return finish(draft, 'rolledBack', ending.because);
  const because = `${ending.because}; ${stuck} ${stuck === 1 ? 'member' : 'members'} could not be taken back`;
  enter(draft, 'halted', because);
  draft.because = because;
}

/** Each member failed by itself and is back where it was: nothing is left that a person could go on with. */
function allTakenBack({ counts, letters }: RolloutDraft): boolean {
  return counts.r > 0 && counts.r + counts.x === letters.length;
}

function finish(draft: RolloutDraft, state: 'completed' | 'superseded' | 'cancelled' | 'rolledBack', because?: string): void {
  draft.ending = undefined;
  draft.waveDoneAt = undefined;
  draft.promoted = undefined;
  draft.wakeAt = undefined;
  enter(draft, state, because);
}

function advanceWaves(draft: RolloutDraft, mayBegin: MayBegin): void {
  draft.because = undefined;
  let from = 0;
  let pending = 0;
  for (;;) {
    const wave = waveOf(draft);
    if (!wave) return complete(draft);
    const open = countOpen(draft, from, wave.to);
    from = wave.to;
    pending += open.pending;
    const works = open.busy > 0 || (wave.verify && liveCount(draft) > 0);
    if (pending > 0 || works) {
      const heldBack = begin(draft, wave.to, mayBegin);
      if (works || heldBack < pending || !goesOnWithout(draft, wave)) {
        draft.waveDoneAt = undefined;
        return;
      }
    }
    const last = draft.wave === draft.plan.waves.length - 1;
    if (last && pending > 0) return;
    if (draft.waveDoneAt === undefined) {
      draft.waveDoneAt = draft.now;
      draft.effects.push({ type: 'announce', verb: 'waveDone', wave: wave.name });
    }
    if (last) return liveCount(draft) === 0 ? complete(draft) : undefined;
    if (!nextWaveMayStart(draft)) return;
    draft.wave++;
    draft.waveDoneAt = undefined;
    if (draft.promoted === 'wave') draft.promoted = undefined;
    draft.effects.push({ type: 'announce', verb: 'waveStarted', wave: waveOf(draft)?.name ?? '' });
  }
}

/** `pending`: still to begin; `busy`: their job or their way back is not done. A running verification is not counted here. */
function countOpen({ letters }: RolloutDraft, from: number, to: number): { pending: number; busy: number } {
  let pending = 0;
  let busy = 0;
  for (let i = from; i < to; i++) {
    const letter = letters[i];
    if (letter === '.') pending++;
    else if (letter === 'j' || letter === 'b') busy++;
  }
  return { pending, busy };
}

/** Members that may not begin hold up nobody but themselves, unless the wave would then be one that nobody went through (a canary is not skipped silently). */
function goesOnWithout({ letters, promoted }: RolloutDraft, { from, to, verify }: PlannedWave): boolean {
  if (promoted) return true;
  for (let i = from; i < to; i++) if (letters[i] === 's' || (!verify && letters[i] === 'v')) return true;
  return false;
}

function nextWaveMayStart(draft: RolloutDraft): boolean {
  if (draft.promoted) return true;
  const wave = waveOf(draft);
  const next = draft.plan.waves[draft.wave + 1];
  if (!wave || !next) return false;
  const at = (draft.waveDoneAt ?? draft.now) + wave.holdMs + (draft.wave === 0 ? draft.plan.bakeMs : 0);
  if (draft.now < at) draft.wakeAt = at;
  else if (next.approve) draft.because = `${waveNamed(wave.name)} is done; ${waveNamed(next.name)} waits to be approved before it begins`;
  return draft.now >= at && !next.approve;
}

/** In order, and never more than `maxInFlight` at once (I7). Gives how many of those that still have to begin are held back by something of their own. */
function begin(draft: RolloutDraft, to: number, mayBegin: MayBegin): number {
  const { plan, letters, now } = draft;
  let room = plan.maxInFlight - liveCount(draft);
  const linearAt = plan.everyMs === undefined || draft.lastStartAt === undefined ? now : draft.lastStartAt + plan.everyMs;
  if (plan.everyMs !== undefined && draft.counts.b > 0) room = 0;
  if (room > 0 && now < linearAt) {
    draft.wakeAt = linearAt;
    return 0;
  }
  const ordinals: number[] = [];
  let barred = 0;
  let first = '';
  for (let i = 0; i < to && room > 0; i++) {
    if (letters[i] !== '.') continue;
    const may = mayBegin(plan.members[i] ?? '', i);
    if (may !== true) {
      if (barred++ === 0) first = `${plan.members[i]}: ${may}`;
      continue;
    }
    ordinals.push(i);
    room--;
  }
  for (const i of ordinals) startMember(draft, i);
  if (ordinals.length > 0) {
    draft.lastStartAt = now;
    draft.effects.push({ type: 'dispatch', ordinals });
  } else if (barred > 0 && liveCount(draft) === 0) {
    draft.because = `${barred} ${barred === 1 ? 'member' : 'members'} may not begin now: ${first}${barred === 1 ? '' : `; and ${barred - 1} more`}`;
  }
  return barred;
}

function startMember(draft: RolloutDraft, ordinal: number): void {
  draft.counts['.']--;
  draft.counts.j++;
  draft.letters[ordinal] = 'j' satisfies MemberLetter;
}

/** Nothing is left to begin. Failures within the budget are told, not hidden; uncertain members need a person first. */
function complete(draft: RolloutDraft): void {
  const { counts } = draft;
  if (counts.u > 0)
    return enter(
      draft,
      'paused',
      `${counts.u} ${counts.u === 1 ? 'member waits' : 'members wait'} for a person: say what became of them, or exclude them`,
    );
  const failures = failureCount(draft);
  if (failures === 0) return finish(draft, 'completed');
  if (allTakenBack(draft)) return finish(draft, 'rolledBack', 'every member was taken back');
  if (counts.s === 0) return enter(draft, 'halted', `none of ${draft.letters.length - counts.x} members took ${draft.version}`);
  finish(
    draft,
    'completed',
    `${failures} of ${draft.letters.length} members did not take ${draft.version}; the budget tolerates ${draft.plan.failureBudget}`,
  );
}

/** Orders come before announcements of what follows, and take-backs before anything new. */
function emitOrders(draft: RolloutDraft): void {
  const orders: RolloutDraft['effects'] = [];
  if (draft.withdraws && draft.counts.j > 0) {
    const ordinals = draft.letters.flatMap((letter, i) => (letter === 'j' ? [i] : []));
    orders.push({ type: 'withdraw', ordinals });
  }
  for (const [because, ordinals] of draft.rollBacks) {
    orders.push({ type: 'rollBack', ordinals: ordinals.sort((a, b) => b - a), because });
  }
  draft.effects.unshift(...orders);
}
