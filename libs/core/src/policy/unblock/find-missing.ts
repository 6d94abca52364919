import { targetKey, type DecisionInput } from '../../model/facts.js';
import type { ApprovalRule, DependencyRule, EnvironmentProgressionRule } from '../../model/policy.js';
import { othersOf, type Requirement } from '../dependency.js';
import { dependenciesOf } from '../environment-progression.js';
import type { Blocker } from './blockers.js';
import { missingApprovals } from './missing-approvals.js';
import type { MissingFact } from './missing-fact.js';
import { missingRunning, type Wanted } from './missing-running.js';
import { missingSuccesses, type Passing } from './missing-successes.js';

/** What is missing for these blockers, those aside that time alone removes. */
export interface Missing {
  facts: MissingFact[];
  /** Nothing that people or time do to this version helps here. */
  hopeless: Blocker[];
}

/** Which way is taken past rules that `any` of several things would satisfy: the position by the blocker's key. */
export type Choice = ReadonlyMap<string, number>;

const VERSION_DEPENDENCY = 'versionDependency';

/** The facts that must be brought about so that these blockers, met at `now`, let go. */
export function findMissing(blockers: readonly Blocker[], input: DecisionInput, now: number, choice: Choice): Missing {
  const missing: Missing = { facts: [], hopeless: [] };
  const approvals: { blocker: Blocker; rule: ApprovalRule }[] = [];
  const passings = new Map<string, Passing[]>();
  const wanted: Wanted[] = [];
  for (const blocker of blockers) {
    const { rule, result, key } = blocker;
    if (rule?.kind === 'approval') approvals.push({ blocker, rule });
    else if (rule?.kind === 'environmentProgression' && result.verdict !== 'undecided') {
      for (const passing of passingsOf(rule, input, choice.get(key), result, missing, key)) {
        const { name } = passing.dependency.environment;
        passings.set(name, [...(passings.get(name) ?? []), passing]);
      }
    } else if (rule?.kind === 'dependency' && result.verdict !== 'undecided') wanted.push(...wantedOf(rule, input, choice.get(key), key));
    else if (result.rule === VERSION_DEPENDENCY && result.verdict === 'waiting') wanted.push(...ownDependencies(input, key));
    else standAlone(blocker, input, missing);
  }
  if (approvals.length > 0) {
    const found = missingApprovals(
      approvals.map(({ rule }) => rule),
      { input, now },
    );
    if (found === undefined) missing.hopeless.push(...approvals.map(({ blocker }) => blocker));
    else missing.facts.push(...found);
  }
  for (const list of passings.values()) missing.facts.push(...missingSuccesses(list, input, now));
  missing.facts.push(...missingRunning(wanted, input));
  return missing;
}

/** Ways past a rule that one of several things satisfies; one where there is no choice. */
export function waysPast({ rule }: Blocker, input: DecisionInput): number {
  if (rule?.kind === 'environmentProgression' && rule.mode === 'any') return Math.max(1, listOf(dependenciesOf(rule, input)).length);
  if (rule?.kind === 'dependency' && rule.mode === 'any') return Math.max(1, listOf(othersOf(rule, input)).length);
  return 1;
}

function listOf<T>(found: readonly T[] | string): readonly T[] {
  return typeof found === 'string' ? [] : found;
}

function passingsOf(
  rule: EnvironmentProgressionRule,
  input: DecisionInput,
  way: number | undefined,
  result: Blocker['result'],
  missing: Missing,
  blocker: string,
): Passing[] {
  const all = listOf(dependenciesOf(rule, input));
  const chosen = rule.mode === 'any' ? all.filter((_, index) => index === (way ?? 0)) : all;
  if (chosen.length === 0) missing.facts.push({ kind: 'other', blocker, what: wordsOf(result) });
  return chosen.flatMap((dependency) => {
    if (dependency.resources.length > 0) return [{ rule, dependency }];
    if (!rule.allowEmpty) missing.facts.push({ kind: 'other', blocker, what: `a target in ${dependency.environment.name}` });
    return [];
  });
}

function wantedOf(rule: DependencyRule, input: DecisionInput, way: number | undefined, blocker: string): Wanted[] {
  const all = listOf(othersOf(rule, input));
  const chosen = rule.mode === 'any' ? all.filter((_, index) => index === (way ?? 0)) : all;
  return chosen.map((other) => ({ blocker, other, requirement: rule }));
}

function ownDependencies(input: DecisionInput, blocker: string): Wanted[] {
  return input.version.dependsOn.flatMap(({ deployment, range }) => {
    const other = input.deployments.find((one) => one.deployment.name === deployment);
    const requirement: Requirement = { version: range, versionIs: 'range', where: 'sameEnvironment' };
    return other ? [{ blocker, other, requirement }] : [];
  });
}

/** Blockers that have nothing to do with each other. */
function standAlone(blocker: Blocker, input: DecisionInput, missing: Missing): void {
  const { result, key } = blocker;
  const { version, targets } = input;
  const other = (): void => void missing.facts.push({ kind: 'other', blocker: key, what: wordsOf(result) });
  switch (result.rule) {
    case 'versionStatus':
      if (version.status === 'building' || version.status === 'paused') missing.facts.push({ kind: 'status', from: version.status });
      else missing.hopeless.push(blocker);
      return;
    case 'quarantine':
      for (const { identifier } of targets) {
        const fact = input.targetFacts.get(targetKey(input.deployment.name, input.environment.name, identifier));
        if (fact?.quarantined.includes(version.id)) missing.facts.push({ kind: 'quarantineRelease', resource: identifier });
      }
      return;
    case 'pin':
      // One that expires is waited out.
      if (result.reevaluateAt !== undefined) return;
      for (const pin of input.pins)
        if (pin.deployment === input.deployment.name && pin.environment === input.environment.name && pin.version !== version.id)
          if (pin.expiresAt === undefined) missing.facts.push({ kind: 'unpin', pin: pin.id });
      return;
    case 'freeze':
    case 'cooldown':
      return;
    case 'condition':
      if (result.verdict === 'denied') missing.hopeless.push(blocker);
      else other();
      return;
    case 'window':
    case 'versionSelector':
      if (result.verdict === 'denied') missing.hopeless.push(blocker);
      else if (result.verdict === 'undecided') other();
      return;
    default:
      other();
  }
}

function wordsOf({ needs, sentence }: Blocker['result']): string {
  const what = typeof needs === 'object' && needs !== null && !Array.isArray(needs) ? needs['what'] : undefined;
  return typeof what === 'string' ? what : sentence;
}
