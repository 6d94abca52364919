import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import type { RuleResult, Verdict } from '../model/decision.js';
import type { DecisionInput } from '../model/facts.js';
import type { JsonObject } from '../model/json.js';
import type { EnvironmentProgressionRule } from '../model/policy.js';
import { formatDuration } from '../text/duration.js';
import { formatInstant } from '../text/instant.js';
import { verifies } from '../verification/judge.js';
import type { RuleContext } from './rule-result.js';
import { bestVerdict, earliest, reevaluated, undecided, worstVerdict } from './rule-result.js';
import type { Successes } from './success-counts.js';
import { SuccessCounts } from './success-counts.js';

/** What one environment that the version must have passed says. */
interface Passage {
  verdict: Verdict;
  sentence: string;
  what?: string;
  since?: number;
  reevaluateAt?: number;
}

/** Another environment of the system, with the targets there. */
export type Dependency = DecisionInput['environments'][number];

/** The version must have succeeded in other environments of the same system; a later failure or rollback there takes the success back. */
export function evaluateEnvironmentProgression(rule: EnvironmentProgressionRule, context: RuleContext): RuleResult {
  const dependencies = dependenciesOf(rule, context.input);
  if (typeof dependencies === 'string') return undecided(rule.kind, dependencies);
  if (dependencies.length === 0) return withoutDependencies(rule);
  const passages = dependencies.map((dependency) => passageOf(rule, context, dependency));
  const verdicts = passages.map((passage) => passage.verdict);
  const verdict = rule.mode === 'any' ? bestVerdict(verdicts) : worstVerdict(verdicts);
  const since = passages.flatMap((passage) => (passage.verdict === 'allowed' && passage.since !== undefined ? [passage.since] : []));
  const wanted = passages.flatMap((passage) => (passage.verdict === 'allowed' || passage.what === undefined ? [] : [passage.what]));
  return {
    rule: rule.kind,
    verdict,
    sentence: passages.map((passage) => passage.sentence).join(rule.mode === 'any' ? ' or ' : ', '),
    ...(verdict === 'allowed' && since.length > 0 ? { satisfiedSince: rule.mode === 'any' ? Math.min(...since) : Math.max(...since) } : {}),
    ...(verdict !== 'allowed' && wanted.length > 0 ? { needs: { what: wanted.join(rule.mode === 'any' ? ' or ' : ' and ') } } : {}),
    ...reevaluated(earliest(passages.map((passage) => passage.reevaluateAt))),
  };
}

/** The environments that the version must have passed, or why that cannot be known. */
export function dependenciesOf(rule: EnvironmentProgressionRule, input: DecisionInput): Dependency[] | string {
  const expression = compileExpression(rule.dependsOn);
  const found: Dependency[] = [];
  for (const dependency of input.environments) {
    if (dependency.environment.name === input.environment.name || dependency.environment.system !== input.environment.system) continue;
    const answer = evaluateBoolean(expression, { environment: dependency.environment } as unknown as JsonObject);
    if ('error' in answer) return answer.error;
    if (answer.value) found.push(dependency);
  }
  return found;
}

function withoutDependencies(rule: EnvironmentProgressionRule): RuleResult {
  if (rule.allowEmpty)
    return { rule: rule.kind, verdict: 'allowed', sentence: `no other environment matches ${rule.dependsOn}, which is allowed` };
  return {
    rule: rule.kind,
    verdict: 'waiting',
    sentence: `no other environment matches ${rule.dependsOn}`,
    needs: { what: `an environment that matches ${rule.dependsOn}` },
  };
}

function passageOf(rule: EnvironmentProgressionRule, context: RuleContext, dependency: Dependency): Passage {
  const { input, now } = context;
  const { name } = dependency.environment;
  const total = dependency.resources.length;
  if (total === 0) {
    return rule.allowEmpty
      ? { verdict: 'allowed', sentence: `${name} has no targets, which is allowed` }
      : { verdict: 'waiting', sentence: `${name} has no targets`, what: `a target in ${name}` };
  }
  const { verified, needed } = successesWanted(rule, input, total);
  const { times, failed } = successesOf(context, dependency, verified);
  const word = verified ? 'verified' : 'succeeded';
  const count = `${name} ${times.length} of ${total} ${word}${needed < total ? ` (${needed} needed)` : ''}`;
  if (times.length < needed) {
    return {
      verdict: 'waiting',
      sentence: failed > 0 ? `${count}, ${failed} failed or rolled back` : count,
      what: `${input.version.tag} ${word} at ${needed - times.length} more of ${name}`,
    };
  }
  return soaked(rule, now, { name, count, metAt: times[needed - 1], newestAt: times.at(-1) });
}

/** Rounded up; what floating point adds to a whole share (1.1 % of 3,000) is no further target. */
function shareOf(total: number, percent: number): number {
  return Math.ceil(Number(((total * percent) / 100).toPrecision(12)));
}

/** How many successes of the targets there a rule wants, and of which sort. */
export function successesWanted(
  rule: EnvironmentProgressionRule,
  input: DecisionInput,
  targets: number,
): { verified: boolean; needed: number } {
  return {
    verified: rule.requireVerified ?? verifies(input.deployment.verification),
    needed: shareOf(targets, rule.successPercent),
  };
}

/** When the version succeeded at each target where it still counts, oldest first. */
function successesOf({ input, successes }: RuleContext, dependency: Dependency, verified: boolean): Successes {
  const counts = successes ?? new SuccessCounts(input);
  return counts.of(dependency, input.version.id, verified);
}

/** `metAt`: the last success that was needed; absent when none was. */
interface Met {
  name: string;
  count: string;
  metAt: number | undefined;
  newestAt: number | undefined;
}

/** Soak counts from the last success that was needed, `maxAge` from the newest: what succeeded again lately is not old. */
function soaked(rule: EnvironmentProgressionRule, now: number, met: Met): Passage {
  if (met.metAt === undefined) return { verdict: 'allowed', sentence: met.count };
  const soakedAt = met.metAt + rule.soakMs;
  const staleAt = rule.maxAgeMs === undefined ? undefined : (met.newestAt ?? met.metAt) + rule.maxAgeMs;
  if (staleAt !== undefined && now >= staleAt) {
    const age = formatDuration(rule.maxAgeMs ?? 0);
    return {
      verdict: 'waiting',
      sentence: `${met.count}, but more than ${age} ago`,
      what: `a success in ${met.name} not older than ${age}`,
    };
  }
  if (now < soakedAt) {
    const soak = formatDuration(rule.soakMs);
    return {
      verdict: 'waiting',
      sentence: `${met.count}, soaks ${soak} until ${formatInstant(soakedAt)}`,
      ...reevaluated(earliest([soakedAt, staleAt])),
    };
  }
  const soak = rule.soakMs > 0 ? `, soaked ${formatDuration(rule.soakMs)} at ${formatInstant(soakedAt)}` : '';
  return {
    verdict: 'allowed',
    sentence: `${met.count} since ${formatInstant(met.metAt)}${soak}`,
    since: soakedAt,
    ...reevaluated(staleAt),
  };
}
