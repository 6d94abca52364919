import type { ApprovalFact } from '../../model/facts.js';

/** One fact that is missing: with all of them brought about in time the version may go. */
export type MissingFact =
  /** One person's approval: of whoever is named, else of someone in all of these groups; `words` tells all of the latter together. */
  | { kind: 'approval'; by?: string; groups: string[]; words: string }
  /** Who rejected must say otherwise. */
  | { kind: 'word'; by: string; groups: string[]; say: 'approved' | 'withdrawn' }
  /** The judged version must succeed there. */
  | { kind: 'success'; environment: string; resource: string; verified: boolean; soakMs: number }
  /** Another deployment must run this version there, verified. */
  | { kind: 'running'; deployment: string; resource: string; version: { id: string; tag: string }; wanted: string }
  | { kind: 'status'; from: 'building' | 'paused' }
  | { kind: 'quarantineRelease'; resource: string }
  | { kind: 'unpin'; pin: string }
  /** What cannot be tried out: a target that should be there, an expression that should hold. */
  | { kind: 'other'; blocker: string; what: string };

/** The person who is imagined where anyone of some groups will do. */
function imagined(index: number): string {
  return `user:(anyone ${index + 1})`;
}

/** The vote that a missing fact stands for, `groups` being all that any rule names. */
export function voteOf(fact: Extract<MissingFact, { kind: 'approval' }>, index: number): Pick<ApprovalFact, 'by' | 'groups'> {
  return { by: fact.by ?? imagined(index), groups: fact.groups };
}
