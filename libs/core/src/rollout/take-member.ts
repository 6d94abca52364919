import type { MemberFailure, MemberLetter, RolloutEvent } from '../model/rollout.js';
import { enter, failureCount, orderRollBack, overBudget, setLetter, trimForgiven, type RolloutDraft } from './rollout-draft.js';

/*
 * What a member's job or verification may make of its letter. What is not listed is late, doubled or out of order, and changes nothing; the planner
 * alone writes `j`, and `b` where the rule says so; an uncertain member of which a person has spoken goes on where it stood.
 */
const follows: Record<MemberLetter, string> = {
  '.': 'x',
  j: 'vsfux.',
  v: 'sfux',
  s: 'b',
  f: 'b',
  u: 'jvsfbr',
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
  if (letter === 'f') {
    const { because = 'no reason was given', failure } = event;
    return failed(draft, { ordinal, was, failure, because: failure?.of === 'stopped' ? because : `${name} failed: ${because}` });
  }
  if (letter === 'b') return stopIfOver(draft, `${name} is rolled back: ${event.because ?? 'a person asked for it'}`);
}

function uncertain(draft: RolloutDraft, because: string): void {
  if (draft.state === 'running' && !draft.ending) enter(draft, 'paused', because);
}

/** An uncertain member that did take the version, while the rollout goes back: it goes back too. */
function settledWell(draft: RolloutDraft, ordinal: number, was: MemberLetter): void {
  if (was === 'u' && draft.ending?.state === 'rolledBack' && draft.ending.issued) orderRollBack(draft, ordinal, draft.ending.because);
}

interface Failed {
  ordinal: number;
  was: MemberLetter;
  because: string;
  failure: MemberFailure | undefined;
}

function failed(draft: RolloutDraft, { ordinal, was, because, failure }: Failed): void {
  // Bringing it back failed: nothing does that twice by itself (I9).
  if (was === 'b') return stopIfOver(draft, because);
  const ruled = ruleCovers(draft, was, failure);
  if (draft.ending?.state === 'rolledBack') {
    // Half a version is no state to wait in; its target would be free for another one meanwhile.
    if (draft.ending.issued || failure?.back) orderRollBack(draft, ordinal, draft.ending.because);
    return;
  }
  if (ruled && draft.rule?.scope === 'rollout' && overBudget(draft)) {
    draft.ending = { state: 'rolledBack', because, issued: false };
    draft.because = because;
    draft.withdraws = true;
    return;
  }
  if (ruled || failure?.back) orderRollBack(draft, ordinal, because);
  stopIfOver(draft, because);
}

/** `j` failing is a job's failure, `v` a verification's, unless it is said; of an uncertain one nobody knows which, so either rule covers it. */
function ruleCovers(draft: RolloutDraft, was: MemberLetter, failure: MemberFailure | undefined): boolean {
  const on = draft.rule?.on ?? [];
  const of = failure?.of ?? (was === 'j' ? 'job' : was === 'v' ? 'verification' : 'either');
  if (of === 'job') return on.includes('jobFailure');
  if (of === 'verification') return on.includes('verificationFailure');
  return of === 'either' && on.length > 0;
}

function stopIfOver(draft: RolloutDraft, because: string): void {
  if (draft.ending || !overBudget(draft)) return;
  if (draft.state !== 'running' && draft.state !== 'paused') return;
  const budget = draft.plan.failureBudget;
  enter(draft, 'halted', budget === 0 ? because : `${because} (${failureCount(draft)} failures, ${budget} tolerated)`);
}
