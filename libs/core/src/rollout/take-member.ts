import type { MemberLetter, RolloutEvent } from '../model/rollout.js';
import { enter, failureCount, orderRollBack, overBudget, setLetter, trimForgiven, type RolloutDraft } from './rollout-draft.js';

/*
 * What a member's job or verification may make of its letter. What is not listed is late, doubled or out of order, and changes nothing; the planner
 * alone writes `j`, and `b` where the rule says so.
 */
const follows: Record<MemberLetter, string> = {
  '.': 'x',
  j: 'vsfux.',
  v: 'sfux',
  s: 'b',
  f: 'b',
  u: 'vsfb',
  x: '',
  b: 'rfux',
  r: '',
};

export function takeMember(draft: RolloutDraft, event: Extract<RolloutEvent, { type: 'member' }>): void {
  const { ordinal, letter } = event;
  const was = draft.letters[ordinal];
  if (was === undefined || was === letter || !follows[was].includes(letter)) return;
  setLetter(draft, ordinal, letter);
  trimForgiven(draft);
  const name = draft.plan.members[ordinal] ?? '';
  if (letter === 'u') return uncertain(draft, `${name} waits for a person: ${event.because ?? 'its outcome is unknown'}`);
  if (letter === 's') return settledWell(draft, ordinal, was);
  if (letter === 'f') return failed(draft, ordinal, was, `${name} failed: ${event.because ?? 'no reason was given'}`);
  if (letter === 'b') return stopIfOver(draft, `${name} is rolled back: ${event.because ?? 'a person asked for it'}`);
}

function uncertain(draft: RolloutDraft, because: string): void {
  if (draft.state === 'running' && !draft.ending) enter(draft, 'paused', because);
}

/** An uncertain member that did take the version, while the rollout goes back: it goes back too. */
function settledWell(draft: RolloutDraft, ordinal: number, was: MemberLetter): void {
  if (was === 'u' && draft.ending?.state === 'rolledBack' && draft.ending.issued) orderRollBack(draft, ordinal, draft.ending.because);
}

function failed(draft: RolloutDraft, ordinal: number, was: MemberLetter, because: string): void {
  // Bringing it back failed: nothing does that twice by itself (I9).
  if (was === 'b') return stopIfOver(draft, because);
  const goesBack = ruleCovers(draft, was);
  if (draft.ending?.state === 'rolledBack') {
    if (draft.ending.issued) orderRollBack(draft, ordinal, draft.ending.because);
    return;
  }
  if (goesBack && draft.rule?.scope === 'rollout' && overBudget(draft)) {
    draft.ending = { state: 'rolledBack', because, issued: false };
    draft.because = because;
    draft.withdraws = true;
    return;
  }
  if (goesBack) orderRollBack(draft, ordinal, because);
  stopIfOver(draft, because);
}

/** `j` failing is a job's failure, `v` a verification's; of an uncertain one nobody knows which, so either rule covers it. */
function ruleCovers(draft: RolloutDraft, was: MemberLetter): boolean {
  const on = draft.rule?.on ?? [];
  if (was === 'j') return on.includes('jobFailure');
  if (was === 'v') return on.includes('verificationFailure');
  return on.length > 0;
}

function stopIfOver(draft: RolloutDraft, because: string): void {
  if (draft.ending || !overBudget(draft)) return;
  if (draft.state !== 'running' && draft.state !== 'paused') return;
  const budget = draft.plan.failureBudget;
  enter(draft, 'halted', budget === 0 ? because : `${because} (${failureCount(draft)} failures, ${budget} tolerated)`);
}
