import type { ApprovalFact } from '../../model/facts.js';
import type { ApprovalRule } from '../../model/policy.js';
import { expiryOf, latestVotes, mayFill, namesOf, person, seatsOf, type Seat } from '../approval.js';
import type { RuleContext } from '../rule-result.js';
import type { MissingFact } from './missing-fact.js';

/** People named by rules that are tried in all combinations; of more, all are asked for. */
const NAMED_TRIED_MAX = 10;

/** A seat with what it still lacks. */
interface OpenSeat {
  seat: Seat;
  missing: number;
  /** Whose approval counts there already, and whose never does. */
  closedTo: ReadonlySet<string>;
  /** Someone who is not named may fill it. */
  anyone: boolean;
}

/**
 * The fewest words of people that satisfy all these rules at once, given at `now`: whoever rejected says otherwise, and one approval may fill
 * seats of several rules. Someone may be in all groups; who is named is in those that an earlier word of theirs showed. Undefined when no
 * people can.
 */
export function missingApprovals(rules: readonly ApprovalRule[], context: RuleContext): MissingFact[] | undefined {
  const votes = latestVotes(context);
  const rejecters = votes.filter((vote) => vote.verdict === 'rejected');
  const standing = votes.filter((vote) => vote.verdict === 'approved');
  const open = rules.flatMap((rule) => openSeats(rule, standing, context)).filter(({ missing }) => missing > 0);
  const known = new Map(votes.map((vote) => [person(vote.by), vote.groups]));
  const named = [...new Set(open.flatMap(({ seat }) => seat.from.filter((from) => from.startsWith('user:')).map(person)))];
  const voters = named
    .filter((name) => !rejecters.some((vote) => person(vote.by) === name))
    .map((name) => ({ by: `user:${name}`, groups: known.get(name) ?? [] }));
  const best = fewest(open, voters, rejecters);
  if (best === undefined) return undefined;
  const groups = [...new Set(open.flatMap(({ seat }) => seat.from.flatMap((from) => (from.startsWith('group:') ? [from.slice(6)] : []))))];
  return [
    ...rejecters.map(({ by, groups: mine }): MissingFact => {
      const helps = open.some((seat) => fills(seat, { by, groups: mine }));
      return { kind: 'word', by, groups: mine, say: helps ? 'approved' : 'withdrawn' };
    }),
    ...best.named.map(({ by, groups: mine }): MissingFact => ({
      kind: 'approval',
      by,
      groups: mine,
      words: `an approval by ${person(by)}`,
    })),
    ...Array.from({ length: best.others }, (): MissingFact => ({ kind: 'approval', groups, words: wordsOf(best) })),
  ];
}

type Voter = Pick<ApprovalFact, 'by' | 'groups'>;

function openSeats(rule: ApprovalRule, votes: readonly ApprovalFact[], { input, now }: RuleContext): OpenSeat[] {
  const author = input.version.author === undefined || rule.allowAuthor ? undefined : person(input.version.author);
  return seatsOf(rule).map((seat) => {
    const counted = votes.filter((vote) => person(vote.by) !== author && expiryOf(rule, vote) > now && mayFill(seat, vote));
    const closedTo = new Set([...counted.map((vote) => person(vote.by)), ...(author === undefined ? [] : [author])]);
    const anyone = seat.from.length === 0 || seat.from.some((from) => from.startsWith('group:'));
    return { seat, missing: seat.required - counted.length, closedTo, anyone };
  });
}

function fills({ seat, closedTo }: OpenSeat, voter: Voter): boolean {
  return !closedTo.has(person(voter.by)) && mayFill(seat, voter);
}

/** Who must say a word, and the seats that people who are not named must fill. */
interface Fewest {
  named: Voter[];
  others: number;
  left: { seat: OpenSeat; lacks: number }[];
}

/** `one approval from releasers`, `2 approvals: 2 from anyone, 1 from security`. */
function wordsOf({ others, left }: Fewest): string {
  const lacks = new Map<string, number>();
  for (const { seat, lacks: count } of left) {
    const names = namesOf(seat.seat);
    lacks.set(names, Math.max(lacks.get(names) ?? 0, count));
  }
  const count = others === 1 ? 'one approval' : `${others} approvals`;
  const [only] = lacks.keys();
  if (lacks.size === 1) return `${count} from ${only}`;
  if (others === 1) return `${count} by someone of ${[...lacks.keys()].filter((names) => names !== 'anyone').join(' and of ')}`;
  return `${count}: ${[...lacks].map(([names, needed]) => `${needed} from ${names}`).join(', ')}`;
}

/** The smallest choice of named people, and how many others besides; rejecters say their word in any case. */
function fewest(open: readonly OpenSeat[], voters: readonly Voter[], rejecters: readonly Voter[]): Fewest | undefined {
  let best: Fewest | undefined;
  for (const named of choices(voters)) {
    const saying = [...named, ...rejecters];
    const left = open.map((seat) => ({ seat, lacks: seat.missing - saying.filter((voter) => fills(seat, voter)).length }));
    if (left.some(({ seat, lacks }) => lacks > 0 && !seat.anyone)) continue;
    const others = Math.max(0, ...left.map(({ lacks }) => lacks));
    if (best === undefined || named.length + others < best.named.length + best.others)
      best = { named, others, left: left.filter(({ lacks }) => lacks > 0) };
  }
  return best;
}

function* choices(voters: readonly Voter[]): Generator<Voter[]> {
  if (voters.length > NAMED_TRIED_MAX) return yield [...voters];
  for (let bits = 0; bits < 2 ** voters.length; bits++) yield voters.filter((_, index) => (bits >> index) % 2 === 1);
}
