import type { DecisionGroup, Obligations, PolicyResult, RuleResult } from '../model/decision.js';
import type { PolicyDoc } from '../model/policy.js';
import type { Outcome } from './column.js';
import type { AskedQuestion } from './place-columns.js';
import { earliest, reevaluated, worstVerdict } from './rule-result.js';

/** Most sentences in `because`: the groups carry all of them. */
const BECAUSE_MAX = 20;

/** Everything that is asked for one decision; what does not depend on the target is answered already. */
export interface Plan {
  standing: RuleResult[];
  perTarget: AskedQuestion[];
  policies: PlannedPolicy[];
}

/** A policy that may apply. */
export interface PlannedPolicy {
  policy: PolicyDoc;
  /** True: at every target; a result: the selector failed, so it blocks every target; else asked of each target. */
  applies: true | RuleResult | AskedQuestion;
  /** In the policy's own order. */
  gates: (RuleResult | AskedQuestion)[];
}

/** Whether an answer has still to be looked up for the target. */
export function isAsked(answer: unknown): answer is AskedQuestion {
  return typeof answer === 'object' && answer !== null && 'column' in answer;
}

/** The group of the target at this place in the list. */
export function groupAt(
  plan: Plan,
  index: number,
  members: Pick<DecisionGroup, 'resources' | 'rest' | 'size'>,
  obligationsOf: (speaking: readonly PolicyDoc[]) => Obligations,
): DecisionGroup {
  const answered = (answer: Outcome | AskedQuestion): Outcome => (isAsked(answer) ? answer.column.at(index) : answer);
  const standing = [...plan.standing];
  for (const check of plan.perTarget) {
    const answer = answered(check);
    if (typeof answer === 'object') standing.push(answer);
  }
  const policies: PolicyResult[] = [];
  const speaking: PolicyDoc[] = [];
  for (const { policy, applies, gates } of plan.policies) {
    const matches = answered(applies);
    if (matches === true) {
      const rules = gates.map((gate) => answered(gate) as RuleResult);
      policies.push({ policy: policy.name, verdict: worstVerdict(rules.map((rule) => rule.verdict)), rules });
      speaking.push(policy);
    } else if (typeof matches === 'object') policies.push({ policy: policy.name, verdict: matches.verdict, rules: [matches] });
  }
  const results = [...standing, ...policies.flatMap((policy) => policy.rules)];
  return {
    ...members,
    verdict: worstVerdict(results.map((result) => result.verdict)),
    standing,
    policies,
    obligations: obligationsOf(speaking),
    ...reevaluated(earliest(results.map((result) => result.reevaluateAt))),
  };
}

/** What holds the version up, in plain sentences, what holds up most targets first. */
export function becauseOf(groups: readonly DecisionGroup[], targets: number): string[] {
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

/** Whether a reader could not tell the decisions of two plans apart: the same policies and questions, and equal answers to what is the same for all targets. */
export function samePlan(a: Plan, b: Plan): boolean {
  return (
    sameAnswers(a.standing, b.standing) &&
    sameAnswers(a.perTarget, b.perTarget) &&
    a.policies.length === b.policies.length &&
    a.policies.every(({ policy, applies, gates }, index) => {
      const other = b.policies[index]!;
      return policy === other.policy && sameAnswers([applies, ...gates], [other.applies, ...other.gates]);
    })
  );
}

function sameAnswers(a: readonly (true | RuleResult | AskedQuestion)[], b: readonly (true | RuleResult | AskedQuestion)[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((one, index) => {
    const other = b[index]!;
    return one === other || (!isAsked(one) && !isAsked(other) && JSON.stringify(one) === JSON.stringify(other));
  });
}
