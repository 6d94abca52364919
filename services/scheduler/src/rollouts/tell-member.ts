import type { MemberFailure, MemberLetter } from '@slipway/core';
import type { Work } from '../work.js';

/** What became of a member: put through its rollout's state machine before the work ends. */
export function memberIs(
  work: Work,
  of: { rolloutId?: string; ordinal?: number },
  letter: MemberLetter,
  because?: string,
  failure?: MemberFailure,
): void {
  if (of.rolloutId === undefined || of.ordinal === undefined) return;
  work.rolloutEvents.push({
    id: of.rolloutId,
    event: { type: 'member', ordinal: of.ordinal, letter, ...(because === undefined ? {} : { because }), ...(failure ? { failure } : {}) },
  });
}
