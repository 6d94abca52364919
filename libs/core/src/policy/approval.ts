import type { RuleResult } from '../model/decision.js';
import type { ApprovalFact } from '../model/facts.js';
import type { ApprovalRule } from '../model/policy.js';
import { formatInstant } from '../text/instant.js';
import type { RuleContext } from './rule-result.js';
import { earliest, reevaluated } from './rule-result.js';

/** N approvals of (version, environment) by distinct people; one rejection blocks until it is withdrawn. */
export function evaluateApproval(rule: ApprovalRule, context: RuleContext): RuleResult {
  const { deployment, environment, version } = context.input;
  const votes = latestVotes(context);
  const rejection = votes.find((vote) => vote.verdict === 'rejected');
  if (rejection) {
    const why = rejection.reason ? `: ${rejection.reason}` : '';
    return {
      rule: rule.kind,
      verdict: 'denied',
      sentence: `rejected by ${person(rejection.by)}${why}`,
      saw: { rejectedBy: rejection.by, at: rejection.at },
      needs: { what: `${person(rejection.by)} to withdraw the rejection` },
      ask: `slipway withdraw ${deployment.name} ${version.tag} -e ${environment.name}`,
    };
  }
  const author = version.author === undefined || rule.allowAuthor ? undefined : person(version.author);
  const counted = votes.filter((vote) => person(vote.by) !== author && expiryOf(rule, vote) > context.now).sort((a, b) => a.at - b.at);
  const seats = seatsOf(rule);
  const filled = seats.map((seat) => counted.filter((vote) => mayFill(seat, vote)));
  const missing = seats.map((seat, index) => Math.max(0, seat.required - filled[index]!.length));
  const relevant = filled.flat();
  const lapse = earliest(relevant.map((vote) => expiryOf(rule, vote)));
  const answer = {
    rule: rule.kind,
    sentence: sentenceOf(seats, filled, author !== undefined && votes.some((vote) => person(vote.by) === author)),
    saw: { approvedBy: [...new Set(relevant.map((vote) => vote.by))] },
    ...reevaluated(lapse === undefined || lapse === Infinity ? undefined : lapse),
  };
  if (missing.every((count) => count === 0)) {
    const since = Math.max(0, ...seats.map((seat, index) => (seat.required === 0 ? 0 : filled[index]![seat.required - 1]!.at)));
    return {
      ...answer,
      verdict: 'allowed',
      ...(since > 0 ? { satisfiedSince: since, sentence: `${answer.sentence}, since ${formatInstant(since)}` } : {}),
    };
  }
  const wanted = seats.flatMap((seat, index) => (missing[index]! > 0 ? [`${countOf(missing[index]!)} from ${namesOf(seat)}`] : []));
  return {
    ...answer,
    verdict: 'waiting',
    needs: { what: wanted.join(' and '), approvals: missing.reduce((sum, count) => sum + count, 0), from: rule.from },
    ask: `slipway approve ${deployment.name} ${version.tag} -e ${environment.name}`,
  };
}

/** Who together must bring how many approvals; `from` empty means anyone. */
export interface Seat {
  required: number;
  from: string[];
}

/** The seats that a rule wants filled; one person may fill several. */
export function seatsOf(rule: ApprovalRule): Seat[] {
  if (!rule.perGroup || rule.from.length === 0) return [{ required: rule.required, from: rule.from }];
  return rule.from.map((from) => ({ required: from.startsWith('user:') ? Math.min(1, rule.required) : rule.required, from: [from] }));
}

/** Whether a vote counts for a seat. */
export function mayFill(seat: Seat, vote: Pick<ApprovalFact, 'by' | 'groups'>): boolean {
  if (seat.from.length === 0) return true;
  const groups = vote.groups.map((group) => group.replace(/^group:/, ''));
  return seat.from.some((from) =>
    from.startsWith('group:') ? groups.includes(from.slice('group:'.length)) : person(from) === person(vote.by),
  );
}

/** The last word of each person on this version in this environment. */
export function latestVotes({ input }: RuleContext): ApprovalFact[] {
  const byPerson = new Map<string, ApprovalFact>();
  for (const vote of input.approvals) {
    if (vote.version !== input.version.id || vote.environment !== input.environment.name) continue;
    const earlier = byPerson.get(person(vote.by));
    if (!earlier || earlier.at < vote.at || (earlier.at === vote.at && vote.verdict === 'rejected')) byPerson.set(person(vote.by), vote);
  }
  return [...byPerson.values()];
}

/** A person's name without what says that it is one. */
export function person(name: string): string {
  return name.replace(/^user:/, '');
}

/** When a vote counts no longer. */
export function expiryOf(rule: ApprovalRule, vote: ApprovalFact): number {
  return rule.expiresAfterMs === undefined ? Infinity : vote.at + rule.expiresAfterMs;
}

/** Who may fill a seat, in words. */
export function namesOf(seat: Seat): string {
  return seat.from.length === 0 ? 'anyone' : seat.from.map((from) => from.replace(/^(group|user):/, '')).join(' or ');
}

function countOf(count: number): string {
  return count === 1 ? 'one approval' : `${count} approvals`;
}

function sentenceOf(seats: Seat[], filled: ApprovalFact[][], authorTried: boolean): string {
  const parts = seats.map((seat, index) => {
    const people = filled[index]!.map((vote) => person(vote.by));
    return `${people.length} of ${seat.required} from ${namesOf(seat)}${people.length > 0 ? ` (${people.join(', ')})` : ''}`;
  });
  return parts.join(', ') + (authorTried ? '; the author does not count' : '');
}
