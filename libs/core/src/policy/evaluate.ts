import type { Decision, DecisionGroup, PolicyResult, RuleResult } from '../model/decision.js';
import type { DecisionInput } from '../model/facts.js';
import type { ResourceDoc } from '../model/inventory.js';
import type { PolicyDoc } from '../model/policy.js';
import type { ApplicablePolicy } from './applicable.js';
import { applicablePolicies, isAnswered, isPerTarget, selects } from './applicable.js';
import { evaluateGate } from './gates.js';
import type { Outcome } from './group-targets.js';
import { AnswerTree } from './group-targets.js';
import { mergeObligations } from './obligations.js';
import { Overrides } from './overrides.js';
import type { RuleContext } from './rule-result.js';
import { earliest, reevaluated, worstVerdict } from './rule-result.js';
import type { StandingCheck } from './standing.js';
import { standingChecks } from './standing.js';

/** Most sentences in `because`: the groups carry all of them. */
const BECAUSE_MAX = 20;

/** Everything that is asked for one decision; what does not depend on the target is answered already. */
interface Questions {
  input: DecisionInput;
  now: number;
  overrides: Overrides;
  sharedStanding: RuleResult[];
  perTarget: StandingCheck[];
  policies: ApplicablePolicy[];
}

/**
 * Whether one version may go to each target of one environment, and how, with every reason. The one evaluator: gate, explain, simulate and
 * shadow call it. Same input and `now` give the same decision, and the verdicts stay the same from `now` until `reevaluateAt` (I10).
 */
export function evaluate(input: DecisionInput, now: number): Decision {
  const questions = ask(input, now);
  const groups = groupsOf(questions);
  const empty = groups.length === 0;
  return {
    deployment: input.deployment.name,
    environment: input.environment.name,
    versionId: input.version.id,
    version: input.version.tag,
    verdict: empty ? 'waiting' : worstVerdict(groups.map((group) => group.verdict)),
    targets: input.targets.length,
    because: empty ? [`targets: ${input.deployment.name} has none in ${input.environment.name}`] : becauseOf(groups, input.targets.length),
    groups,
    decidedAt: now,
    ...reevaluated(earliest(groups.map((group) => group.reevaluateAt))),
  };
}

function ask(input: DecisionInput, now: number): Questions {
  const context: RuleContext = { input, now };
  const checks = standingChecks(input, now);
  const overrides = new Overrides(input, now);
  return {
    input,
    now,
    overrides,
    sharedStanding: checks.filter((check) => !check.readsResource).flatMap((check) => check.ask(context) ?? []),
    perTarget: checks.filter((check) => check.readsResource),
    policies: applicablePolicies(context, overrides),
  };
}

/** One pass over the targets, only when some question depends on the target. */
function groupsOf(questions: Questions): DecisionGroup[] {
  const { targets } = questions.input;
  if (targets.length === 0) return [];
  const root = new AnswerTree();
  const asksTargets =
    questions.perTarget.length > 0 || questions.policies.some(({ applies, gates }) => isPerTarget(applies) || !gates.every(isAnswered));
  if (!asksTargets) return [groupOf(questions, [], { resources: [], rest: true, size: targets.length })];
  for (const resource of targets) answerFor(questions, resource, root).members.push(resource.identifier);
  const ends = [...root.ends()];
  const largest = ends.reduce((best, end) => (end.members.length > best.members.length ? end : best));
  return ends.map((end) => {
    const rest = end === largest;
    return groupOf(questions, end.answers(), { resources: rest ? [] : end.members, rest, size: end.members.length });
  });
}

function answerFor(questions: Questions, resource: ResourceDoc, root: AnswerTree): AnswerTree {
  const context: RuleContext = { input: questions.input, now: questions.now, resource };
  let node = root;
  for (const check of questions.perTarget) node = node.next(check.ask(context));
  for (const { applies, gates } of questions.policies) {
    if (isPerTarget(applies)) {
      const matches = selects(applies, context);
      node = node.next(matches);
      if (matches !== true) continue;
    }
    for (const gate of gates) {
      if (!isAnswered(gate)) node = node.next(questions.overrides.apply(evaluateGate(gate, context), resource.identifier));
    }
  }
  return node;
}

/** Puts the answers of one group back beside the questions they answer. */
function groupOf(
  questions: Questions,
  answers: readonly Outcome[],
  members: Pick<DecisionGroup, 'resources' | 'rest' | 'size'>,
): DecisionGroup {
  let next = 0;
  const take = (): Outcome => answers[next++];
  const standing = [...questions.sharedStanding];
  for (let check = 0; check < questions.perTarget.length; check++) {
    const answer = take();
    if (typeof answer === 'object') standing.push(answer);
  }
  const policies: PolicyResult[] = [];
  const speaking: PolicyDoc[] = [];
  for (const { policy, applies, gates } of questions.policies) {
    const matches = isPerTarget(applies) ? take() : applies;
    if (matches === true) {
      const rules = gates.map((gate) => (isAnswered(gate) ? gate : (take() as RuleResult)));
      policies.push({ policy: policy.name, verdict: worstVerdict(rules.map((rule) => rule.verdict)), rules });
      speaking.push(policy);
    } else if (typeof matches === 'object' && 'verdict' in matches) {
      policies.push({ policy: policy.name, verdict: matches.verdict, rules: [matches] });
    }
  }
  const results = [...standing, ...policies.flatMap((policy) => policy.rules)];
  return {
    ...members,
    verdict: worstVerdict(results.map((result) => result.verdict)),
    standing,
    policies,
    obligations: mergeObligations(questions.input.deployment, speaking),
    ...reevaluated(earliest(results.map((result) => result.reevaluateAt))),
  };
}

function becauseOf(groups: readonly DecisionGroup[], targets: number): string[] {
  const counts = new Map<string, number>();
  for (const group of groups) {
    const results = [...group.standing, ...group.policies.flatMap((policy) => policy.rules)];
    const sentences = results.filter((result) => result.verdict !== 'allowed').map((result) => `${result.rule}: ${result.sentence}`);
    for (const sentence of new Set(sentences)) counts.set(sentence, (counts.get(sentence) ?? 0) + group.size);
  }
  const sentences = [...counts].sort(([, a], [, b]) => b - a);
  return sentences
    .slice(0, BECAUSE_MAX)
    .map(([sentence, size]) => (size === targets ? sentence : `${sentence} (${size} of ${targets} targets)`));
}
