import type { Decision, DecisionGroup, RuleResult, Verdict } from '@slipway/core';
import type { Expectation, RuleExpectation } from './case-schema.js';
import { showTime } from './times.js';

/** A decision with what is told beside it. */
export interface Answer {
  decision: Decision;
  unblocks: readonly string[];
  /** All targets that were judged. */
  targets: readonly string[];
}

/** How an answer differs from what a case expects, one line each; empty when it does not. */
export function differences({ decision, unblocks, targets }: Answer, expected: Expectation): string[] {
  const found: string[] = [];
  const say = (what: string, want: unknown, got: unknown): void =>
    void found.push(`${what}: expected ${show(want)}, but it is ${show(got)}`);
  if (decision.verdict !== expected.verdict) say('verdict', expected.verdict, decision.verdict);
  if (expected.targets) {
    const got = verdicts(decision, targets);
    if (!same(sorted(got), sorted(expected.targets))) say('targets', sorted(expected.targets), sorted(got));
  }
  compareTime('reevaluateAt', expected.reevaluateAt, decision.reevaluateAt, say);
  for (const list of ['because', 'unblocks'] as const) {
    const want = expected[list];
    const got = list === 'because' ? decision.because : unblocks;
    if (want && !(want.length === got.length && want.every((text, index) => matches(text, got[index]!)))) say(list, want, got);
  }
  const used = new Set<RuleResult>();
  for (const rule of expected.rules ?? []) compareRule(rule, decision, targets, used, say);
  if (expected.onlyRules) {
    const others = decision.groups.flatMap(resultsOf).filter(({ result }) => !used.has(result));
    if (others.length > 0)
      say(
        'rules',
        'no others',
        others.map(({ result }) => `${result.rule} ${result.verdict}: ${result.sentence}`),
      );
  }
  if (expected.obligations) {
    const got = decision.groups.map(({ obligations }) => obligations as unknown);
    if (!got.every((one) => contains(one, expected.obligations))) say('obligations', expected.obligations, got[0]);
  }
  return found;
}

type Say = (what: string, want: unknown, got: unknown) => void;

function compareRule(expected: RuleExpectation, decision: Decision, targets: readonly string[], used: Set<RuleResult>, say: Say): void {
  const { rule, policy, on } = expected;
  const groups = on === undefined ? decision.groups : decision.groups.filter((group) => members(group, decision, targets).includes(on));
  const found = groups.flatMap(resultsOf).filter((one) => one.result.rule === rule && (policy === undefined || one.policy === policy));
  const [first] = found;
  const name = [rule, policy && `of ${policy}`, on && `at ${on}`].filter(Boolean).join(' ');
  if (!first) {
    const there = groups.flatMap(resultsOf).map(({ result }) => result.rule);
    return say(name, expected.verdict, there.length === 0 ? 'not there' : `not there beside ${there.join(', ')}`);
  }
  for (const { result } of found) used.add(result);
  const result =
    found.find(
      (one) => one.result.verdict === expected.verdict && (expected.says === undefined || matches(expected.says, one.result.sentence)),
    )?.result ?? first.result;
  if (result.verdict !== expected.verdict) say(name, expected.verdict, `${result.verdict}: ${result.sentence}`);
  if (expected.says !== undefined && !matches(expected.says, result.sentence)) say(`${name} says`, expected.says, result.sentence);
  const needs = (result.needs as { what?: string } | undefined)?.what;
  if (expected.needs !== undefined && !matches(expected.needs, needs ?? '')) say(`${name} needs`, expected.needs, needs);
  if (expected.ask !== undefined && !matches(expected.ask, result.ask ?? '')) say(`${name} ask`, expected.ask, result.ask);
  if (expected.overriddenBy !== undefined && expected.overriddenBy !== result.overriddenBy)
    say(`${name} overriddenBy`, expected.overriddenBy, result.overriddenBy);
  compareTime(`${name} since`, expected.since, result.satisfiedSince, say);
  compareTime(`${name} reevaluateAt`, expected.reevaluateAt, result.reevaluateAt, say);
}

function compareTime(what: string, expected: number | 'none' | undefined, got: number | undefined, say: Say): void {
  if (expected === undefined || (expected === 'none' ? got === undefined : got === expected)) return;
  say(what, expected === 'none' ? 'none' : showTime(expected), got === undefined ? 'none' : showTime(got));
}

function resultsOf(group: DecisionGroup): { policy: string | undefined; result: RuleResult }[] {
  return [
    ...group.standing.map((result) => ({ policy: undefined, result })),
    ...group.policies.flatMap(({ policy, rules }) => rules.map((result) => ({ policy, result }))),
  ];
}

function members(group: DecisionGroup, decision: Decision, targets: readonly string[]): readonly string[] {
  if (!group.rest) return group.resources;
  const named = new Set(decision.groups.flatMap(({ resources }) => resources));
  return targets.filter((target) => !named.has(target));
}

/** Verdict by target. */
export function verdicts(decision: Decision, targets: readonly string[]): Record<string, Verdict> {
  return Object.fromEntries(decision.groups.flatMap((group) => members(group, decision, targets).map((target) => [target, group.verdict])));
}

/** Equal, but that `*` in what is expected stands for anything. */
export function matches(expected: string, got: string): boolean {
  const parts = expected.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(got);
}

function contains(got: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(got) && got.length === wanted.length && wanted.every((one, index) => contains(got[index], one));
  if (typeof wanted !== 'object' || wanted === null) return wanted === 'absent' ? got === undefined : got === wanted;
  return (
    typeof got === 'object' &&
    got !== null &&
    Object.entries(wanted).every(([key, one]) => contains((got as Record<string, unknown>)[key], one))
  );
}

const sorted = <T>(record: Record<string, T>): [string, T][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const show = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value, null, 1)?.replace(/\n\s*/g, ' ') ?? 'nothing');
