import type { Decision, DecisionGroup, RuleResult } from '../../model/decision.js';
import type { DecisionInput } from '../../model/facts.js';
import type { ConditionRule } from '../../model/policy.js';
import { compileExpression } from '../../cel/compile.js';
import { evaluate } from '../evaluate.js';
import { evaluateGate } from '../gates.js';
import { blockersOf, type Blocker } from './blockers.js';
import { bringAbout } from './bring-about.js';
import { findMissing, waysPast, type Choice } from './find-missing.js';
import type { MissingFact } from './missing-fact.js';

/** Groups that are tried, the largest first; targets that differ in more ways are for `--resource`. */
const GROUPS_MAX = 30;
/** Targets of a group that are tried; the others got the same answers. */
const TARGETS_TRIED_MAX = 200;
/** Moments looked at on the way to the earliest: each is the latest that some rule names. */
const MOMENTS_MAX = 200;
/** Nobody waits longer: what opens later is as good as never. */
const AHEAD_MAX_MS = 2 * 366 * 86_400_000;
/** Facts that are left out one by one, to see whether they are needed. */
const LEFT_OUT_MAX = 60;
/** What one fact uncovers is looked for so often: a pin below a pin; facts that help not would be found for ever. */
const ROUNDS_MAX = 8;
/** Combinations tried where rules are satisfied by `any` of several things. */
const CHOICES_MAX = 32;
/** A condition over `now` is looked at minute by minute so far ahead: a week. */
const MINUTES_AHEAD_MAX = 10_080;
const MINUTE_MS = 60_000;

/** What would let a version go to some targets that it may not go to now. */
export interface Unblock {
  /** Identifiers; empty when `rest` is set. */
  resources: string[];
  rest: boolean;
  size: number;
  /** False: neither people nor time help this version; only another version, an override or another policy does. */
  possible: boolean;
  /** The smallest set of facts that are missing. */
  facts: MissingFact[];
  /** The earliest time at which it may go when the facts are brought about as early as they can be. */
  at: number;
  /** When this was asked. */
  now: number;
  timezone: string;
  /** What helps not, when nothing does. */
  because: string[];
}

/**
 * What unblocks each group of a decision that is not allowed: the smallest set of missing facts, and the earliest time at which with them all
 * rules allow together. It is found by trying: the same evaluator says that it does with them, and does not with any of them left out.
 */
export function unblock(input: DecisionInput, decision: Decision): Unblock[] {
  const named = new Set(decision.groups.flatMap((group) => group.resources));
  const blocked = decision.groups.filter((group) => group.verdict !== 'allowed');
  const tried = blocked.length <= GROUPS_MAX ? blocked : [...blocked].sort((a, b) => b.size - a.size).slice(0, GROUPS_MAX);
  return tried.map((group) => {
    const mine = new Set(group.resources);
    const isHere = (identifier: string): boolean => (group.rest ? !named.has(identifier) : mine.has(identifier));
    const targets = firstOf(input, isHere);
    return { ...headOf(group), now: decision.decidedAt, ...unblockTargets({ ...input, targets }, decision.decidedAt) };
  });
}

function headOf({ resources, rest, size }: DecisionGroup): Pick<Unblock, 'resources' | 'rest' | 'size'> {
  return { resources, rest, size };
}

function firstOf(input: DecisionInput, isHere: (identifier: string) => boolean): DecisionInput['targets'] {
  const found: DecisionInput['targets'] = [];
  for (const target of input.targets) {
    if (found.length >= TARGETS_TRIED_MAX) break;
    if (isHere(target.identifier)) found.push(target);
  }
  return found;
}

type Found = Pick<Unblock, 'possible' | 'facts' | 'at' | 'timezone' | 'because'>;

function unblockTargets(input: DecisionInput, now: number): Found {
  let best: Found | undefined;
  for (const choice of choicesOf(blockersOf(evaluate(input, now), input), input)) {
    const found = search(input, now, choice);
    if (best === undefined || isBetter(found, best)) best = found;
  }
  return best?.possible ? { ...best, facts: withoutNeedless(input, best, now) } : (best as Found);
}

/** What helps at all, then the fewest facts, then the earliest. */
function isBetter(a: Found, b: Found): boolean {
  if (a.possible !== b.possible) return a.possible;
  if (a.facts.length !== b.facts.length) return a.facts.length < b.facts.length;
  return a.at < b.at;
}

/** Every way past the rules that `any` of several things satisfies. */
function choicesOf(blockers: readonly Blocker[], input: DecisionInput): Choice[] {
  let choices: Choice[] = [new Map()];
  for (const blocker of blockers) {
    const ways = waysPast(blocker, input);
    if (ways > 1 && choices.length * ways <= CHOICES_MAX)
      choices = choices.flatMap((choice) => Array.from({ length: ways }, (_, way) => new Map([...choice, [blocker.key, way]])));
  }
  return choices;
}

/** From moment to moment: what is missing then, and whether with it all rules allow. */
function search(input: DecisionInput, now: number, choice: Choice): Found {
  let at = now;
  let timezone = 'UTC';
  for (let moment = 0; moment < MOMENTS_MAX && at <= now + AHEAD_MAX_MS; moment++) {
    const tried = settle(input, { now, at, choice });
    if (tried.hopeless.length > 0) return hopeless(tried.hopeless, at);
    const left = tried.left.map((blocker) => ({ blocker, until: opensAt(blocker, tried.input, at) }));
    if (left.length === 0) return { possible: true, facts: tried.facts, at, timezone, because: [] };
    const stuck = left.filter(({ until }) => until === undefined).map(({ blocker }) => blocker);
    if (stuck.length > 0) return hopeless(stuck, at);
    // All must allow together, so the latest counts.
    const last = left.reduce((a, b) => ((b.until ?? 0) > (a.until ?? 0) ? b : a));
    at = last.until ?? at + 1;
    timezone = timezoneOf(last.blocker.result) ?? 'UTC';
  }
  return {
    possible: false,
    facts: [],
    at,
    timezone,
    because: ['its rules do not come to allow together within two years, or in the next 200 moments at which one of them changes'],
  };
}

function hopeless(blockers: readonly Blocker[], at: number): Found {
  const because = blockers.map(({ result }) => `${result.rule}: ${result.sentence}`);
  return { possible: false, facts: [], at, timezone: 'UTC', because };
}

/** The facts that are missing at one moment, and what still stands in the way with them: that is for time to remove. */
function settle(input: DecisionInput, { now, at, choice }: { now: number; at: number; choice: Choice }) {
  let facts: MissingFact[] = [];
  for (let round = 0; ; round++) {
    const tried = bringAbout(input, facts, now, at);
    const passed = new Set(facts.flatMap((fact) => (fact.kind === 'other' ? [fact.blocker] : [])));
    const left = blockersOf(evaluate(tried, at), tried).filter(({ key }) => !passed.has(key));
    // A condition over the time is not a fact that people bring about.
    const byPeople = left.filter((blocker) => !readsNow(blocker));
    const missing = findMissing(byPeople, tried, at, choice);
    if (missing.hopeless.length > 0 || missing.facts.length === 0) return { facts, left, hopeless: missing.hopeless, input: tried };
    facts = [...facts, ...missing.facts];
    if (round >= ROUNDS_MAX) return { facts, left, hopeless: left, input: tried };
  }
}

function readsNow({ rule, result }: Blocker): boolean {
  return rule?.kind === 'condition' && result.verdict === 'waiting' && compileExpression(rule.cel).roots.includes('now');
}

/** When time removes a blocker, at the earliest; undefined when it does not. */
function opensAt(blocker: Blocker, input: DecisionInput, at: number): number | undefined {
  const { rule, result } = blocker;
  if (rule?.kind === 'condition') return holdsAt(rule, input, at);
  return result.reevaluateAt !== undefined && result.reevaluateAt > at ? result.reevaluateAt : undefined;
}

function holdsAt(rule: ConditionRule, input: DecisionInput, at: number): number | undefined {
  for (let minute = 1; minute <= MINUTES_AHEAD_MAX; minute++) {
    const now = (Math.floor(at / MINUTE_MS) + minute) * MINUTE_MS;
    if (input.targets.every((resource) => evaluateGate(rule, { input, now, resource }).verdict === 'allowed')) return now;
  }
  return undefined;
}

/** One that another does the work of is no part of the smallest set. */
function withoutNeedless(input: DecisionInput, { facts, at }: Found, now: number): MissingFact[] {
  if (facts.length > LEFT_OUT_MAX || facts.some((fact) => fact.kind === 'other')) return facts;
  let needed = facts;
  for (const fact of facts) {
    const without = needed.filter((one) => one !== fact);
    if (evaluate(bringAbout(input, without, now, at), at).verdict === 'allowed') needed = without;
  }
  return needed;
}

function timezoneOf({ saw }: RuleResult): string | undefined {
  const timezone = typeof saw === 'object' && saw !== null && !Array.isArray(saw) ? saw['timezone'] : undefined;
  return typeof timezone === 'string' ? timezone : undefined;
}
