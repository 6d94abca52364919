import semver from 'semver';
import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import type { RuleResult, Verdict } from '../model/decision.js';
import type { DecisionInput, TargetFact } from '../model/facts.js';
import type { JsonObject } from '../model/json.js';
import type { DependencyRule } from '../model/policy.js';
import { verifies } from '../verification/judge.js';
import type { RuleContext } from './rule-result.js';
import { bestVerdict, undecided, worstVerdict } from './rule-result.js';
import { factOf } from './rule-result.js';

/** Another deployment, with its targets in this environment. */
export type Other = DecisionInput['deployments'][number];

/** What must run, and where: a `dependency` rule, or what a version says it depends on. */
export interface Requirement {
  version: string;
  versionIs: 'range' | 'cel';
  where: 'sameResource' | 'sameEnvironment';
}

interface Presence {
  verdict: Verdict;
  sentence: string;
  what?: string;
}

/** The other deployment must currently run a matching, verified version. */
export function evaluateDependency(rule: DependencyRule, context: RuleContext): RuleResult {
  const known = foundOf(rule, context.input);
  const { others } = known;
  if (typeof others === 'string') return undecided(rule.kind, others);
  const there = others.length > 0 && allThere(others, rule, context);
  if (there && known.allThere) return known.allThere;
  if (others.length === 0) {
    return {
      rule: rule.kind,
      verdict: 'waiting',
      sentence: `no other deployment matches ${rule.on}`,
      needs: { what: `a deployment that matches ${rule.on}` },
    };
  }
  const presences = others.map((other) => presenceOf(other, rule, context));
  const verdicts = presences.map((presence) => presence.verdict);
  const verdict = rule.mode === 'any' ? bestVerdict(verdicts) : worstVerdict(verdicts);
  const answer = answerOf(rule.kind, verdict, presences, rule.mode);
  if (there) known.allThere = answer;
  return answer;
}

/** The others that a rule names in one list of deployments, and its answer where all of them are as it wants. */
interface Found {
  deployment: DecisionInput['deployment'];
  others: Other[] | string;
  allThere?: RuleResult;
}

/** By the list and by rule: a rule is asked at each of 100,000 targets. Input is never changed. */
const found = new WeakMap<DecisionInput['deployments'], Map<DependencyRule, Found>>();

function foundOf(rule: DependencyRule, input: DecisionInput): Found {
  let rules = found.get(input.deployments);
  if (!rules) found.set(input.deployments, (rules = new Map()));
  let known = rules.get(rule);
  if (known?.deployment !== input.deployment) rules.set(rule, (known = { deployment: input.deployment, others: findOthers(rule, input) }));
  return known;
}

/** The other deployments that a rule names, or why that cannot be known. */
export function othersOf(rule: DependencyRule, input: DecisionInput): Other[] | string {
  return foundOf(rule, input).others;
}

/** Whether all run there as the rule wants, which is mostly so: then the answer is the same at all targets. */
function allThere(others: readonly Other[], rule: DependencyRule, { input, resource }: RuleContext): boolean {
  if (rule.where !== 'sameResource' || resource === undefined) return false;
  const { identifier } = resource;
  return others.every((other) => {
    const [there] = sameResource(other, identifier);
    return (
      there !== undefined && runsMatching(other, rule, input, factOf(input, other.deployment.name, input.environment.name, there)) === true
    );
  });
}

function findOthers(rule: DependencyRule, input: DecisionInput): Other[] | string {
  const expression = compileExpression(rule.on);
  const others: Other[] = [];
  for (const other of input.deployments) {
    // One of another system never runs in this environment.
    if (other.deployment.name === input.deployment.name || other.deployment.system !== input.deployment.system) continue;
    const answer = evaluateBoolean(expression, { deployment: other.deployment } as unknown as JsonObject);
    if ('error' in answer) return answer.error;
    if (answer.value) others.push(other);
  }
  return others;
}

/** What the version itself says it depends on: the other deployment in the same environment, by semver range. */
export function evaluateVersionDependency(name: string, range: string, context: RuleContext): RuleResult {
  const other = context.input.deployments.find(({ deployment }) => deployment.name === name);
  if (!other) return undecided('versionDependency', `there is no deployment "${name}"`);
  const presence = presenceOf(other, { version: range, versionIs: 'range', where: 'sameEnvironment' }, context);
  return answerOf('versionDependency', presence.verdict, [presence], 'all');
}

function answerOf(rule: string, verdict: Verdict, presences: Presence[], mode: 'all' | 'any'): RuleResult {
  const wanted = presences.flatMap((presence) => (presence.verdict === 'allowed' || presence.what === undefined ? [] : [presence.what]));
  return {
    rule,
    verdict,
    sentence: presences.map((presence) => presence.sentence).join(mode === 'any' ? ' or ' : ', '),
    ...(verdict === 'allowed' || wanted.length === 0 ? {} : { needs: { what: wanted.join(mode === 'any' ? ' or ' : ' and ') } }),
  };
}

function presenceOf(other: Other, requirement: Requirement, context: RuleContext): Presence {
  const { input, resource } = context;
  const { name } = other.deployment;
  const { environment } = input;
  const what = `${name} ${requirement.version} in ${environment.name}`;
  const there = placesOf(other, requirement, resource?.identifier);
  if (there.length === 0) {
    const place = requirement.where === 'sameResource' ? 'this resource' : environment.name;
    return { verdict: 'waiting', sentence: `${name} has no target at ${place}`, what: `a target of ${name} at ${place}` };
  }
  let matching = 0;
  let first: string | undefined;
  for (const identifier of there) {
    const answer = runsMatching(other, requirement, input, factOf(input, name, environment.name, identifier));
    if (answer === true) matching += 1;
    else if (typeof answer === 'object') return { verdict: 'undecided', sentence: `${name}: cannot be decided: ${answer.error}`, what };
    else first ??= answer;
  }
  const place = requirement.where === 'sameResource' ? 'at this resource' : `in ${environment.name}`;
  if (matching === there.length) return { verdict: 'allowed', sentence: `${name} ${requirement.version} runs ${place}` };
  const count = there.length === 1 ? '' : ` at ${matching} of ${there.length}`;
  return { verdict: 'waiting', sentence: `${name} ${requirement.version} needed ${place}${count}: ${first}`, what };
}

/** Where the other deployment must run for a target. */
export function placesOf(other: Other, requirement: Pick<Requirement, 'where'>, resource: string | undefined): readonly string[] {
  return requirement.where === 'sameResource' ? sameResource(other, resource) : other.resources;
}

/** Resources by the list they stand in, so that asking for each of 100,000 targets stays linear. Input is never changed. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

function sameResource(other: Other, identifier: string | undefined): string[] {
  let set = sets.get(other.resources);
  if (!set) {
    set = new Set(other.resources);
    sets.set(other.resources, set);
  }
  return identifier !== undefined && set.has(identifier) ? [identifier] : [];
}

type InRange = true | string | { error: string };

/** What was said of ranges and tags, most of which are asked of many targets. A pure memo. */
const ranges = new Map<string, Map<string, InRange>>();
const REMEMBERED_MAX = 1_000;

function inRange(tag: string, range: string): InRange {
  let tags = ranges.get(range);
  if (!tags || tags.size >= REMEMBERED_MAX) {
    if (ranges.size >= REMEMBERED_MAX) ranges.clear();
    ranges.set(range, (tags = new Map()));
  }
  let known = tags.get(tag);
  if (known === undefined) tags.set(tag, (known = compareRange(tag, range)));
  return known;
}

function compareRange(tag: string, range: string): InRange {
  if (semver.validRange(range) === null) return { error: `"${range}" is not a semver range` };
  if (semver.valid(tag) === null) return `${tag} runs, which is no semver version`;
  return semver.satisfies(tag, range) ? true : `${tag} runs`;
}

/** True, or why not in a few words, or why that cannot be known. */
export function runsMatching(
  other: Other,
  requirement: Requirement,
  input: DecisionInput,
  fact: TargetFact | undefined,
): true | string | { error: string } {
  const running = fact?.running;
  if (!running) return 'nothing runs there yet';
  if (requirement.versionIs === 'range') {
    const answer = inRange(running.tag, requirement.version);
    if (answer !== true) return answer;
  } else {
    const version = input.versions.get(running.version);
    if (!version) return { error: `version ${running.tag} is not known here` };
    const answer = evaluateBoolean(compileExpression(requirement.version), { version } as unknown as JsonObject);
    if ('error' in answer) return answer;
    if (!answer.value) return `${running.tag} runs`;
  }
  // Metrics of a policy verify it too: then it is what became of it there that tells.
  const outcome = fact.outcomes[running.version]?.state;
  if (outcome === 'failed' || outcome === 'rolledBack') return `${running.tag} runs, but failed there`;
  const verified = running.verified || (outcome !== 'started' && !verifies(other.deployment.verification));
  return verified ? true : `${running.tag} runs, not verified yet`;
}
