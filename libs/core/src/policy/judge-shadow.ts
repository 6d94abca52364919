import type { Decision, DecisionGroup, PolicyResult, Verdict } from '../model/decision.js';
import type { DecisionInput } from '../model/facts.js';
import type { PolicyDoc } from '../model/policy.js';
import { gates } from './applicable.js';
import { evaluate } from './evaluate.js';
import { earliest, reevaluated, worstVerdict } from './rule-result.js';

/** What a shadow policy says of targets that got the same answers from it and from the gate. */
export interface ShadowGroup {
  resources: string[];
  /** Every judged target that no other group names. */
  rest: boolean;
  size: number;
  /** `hold`: the gate lets go what this policy would not; `letGo`: the gate holds what would go if this policy stood in place of the others. */
  would: 'hold' | 'letGo' | 'agree';
  /** Of the gate, and as if this policy were the only one. */
  live: Verdict;
  verdict: Verdict;
  result: PolicyResult;
}

/** What one shadow policy says of one version at the targets that it concerns. */
export interface ShadowJudgement {
  policy: string;
  /** Targets it concerns; no group names the others. */
  targets: number;
  groups: ShadowGroup[];
  /** What it would hold or let go, in plain sentences. */
  because: string[];
  reevaluateAt?: number;
}

/** Most sentences kept of one judgement. */
const BECAUSE_MAX = 20;

/** The policies that are judged beside the gate. */
export function shadowPolicies(policies: readonly PolicyDoc[]): PolicyDoc[] {
  return policies.filter((policy) => policy.enabled && policy.shadow === true).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The input as it would be if this shadow policy, or one that is not there yet, gated and no other did. */
export function withOnly(input: DecisionInput, policy: PolicyDoc): DecisionInput {
  const { shadow: _, ...live } = policy;
  return { ...input, policies: [live] };
}

/**
 * What each shadow policy that concerns the version says, beside the decision that gates. The same evaluator: a shadow's verdict is that of a
 * gate with this policy alone; the worst of it and of the decision is what the gate would say with this policy beside the others.
 */
export function judgeShadows(input: DecisionInput, decision: Decision): ShadowJudgement[] {
  return shadowPolicies(input.policies).flatMap((policy) => {
    const alone = evaluate(withOnly(input, policy), decision.decidedAt);
    const groups = compare(input, decision, alone, policy.name);
    const targets = groups.reduce((sum, group) => sum + group.size, 0);
    if (targets === 0) return [];
    return [{ policy: policy.name, targets, groups, because: becauseOf(groups), ...reevaluated(again(alone, policy.name)) }];
  });
}

/** When time alone can change what the policy says: of the groups that it concerns. */
function again(alone: Decision, policy: string): number | undefined {
  return earliest(alone.groups.filter((group) => resultOf(group, policy)).map((group) => group.reevaluateAt));
}

function resultOf(group: DecisionGroup, policy: string): PolicyResult | undefined {
  return group.policies.find((one) => one.policy === policy);
}

/** Targets by the answers of both decisions. */
function compare(input: DecisionInput, live: Decision, alone: Decision, policy: string): ShadowGroup[] {
  const [only] = alone.groups;
  if (live.groups.length <= 1 && alone.groups.length === 1) {
    const result = only && resultOf(only, policy);
    return result ? [groupOf([], live.groups[0]?.verdict ?? live.verdict, only, result, { rest: true, size: only.size })] : [];
  }
  const verdicts = groupFinder(live);
  const answers = groupFinder(alone);
  const found = new Map<string, { members: string[]; live: DecisionGroup; alone: DecisionGroup }>();
  for (const { identifier } of input.targets) {
    const [a, b] = [verdicts(identifier), answers(identifier)];
    if (!a || !b) continue;
    const key = `${a.verdict} ${alone.groups.indexOf(b)}`;
    const group = found.get(key);
    if (group) group.members.push(identifier);
    else found.set(key, { members: [identifier], live: a, alone: b });
  }
  const concerned = [...found.values()].flatMap((group) => {
    const result = resultOf(group.alone, policy);
    return result ? [{ ...group, result }] : [];
  });
  const all = concerned.reduce((sum, group) => sum + group.members.length, 0) === input.targets.length;
  const largest = concerned.reduce((best, group) => Math.max(best, group.members.length), 0);
  const rest = all ? concerned.find((group) => group.members.length === largest) : undefined;
  return concerned.map((group) =>
    groupOf(group === rest ? [] : group.members, group.live.verdict, group.alone, group.result, {
      rest: group === rest,
      size: group.members.length,
    }),
  );
}

function groupOf(
  resources: string[],
  live: Verdict,
  alone: DecisionGroup,
  result: PolicyResult,
  members: Pick<ShadowGroup, 'rest' | 'size'>,
): ShadowGroup {
  // Pins, freezes and quarantine hold whatever the policies say: they are on both sides and never a disagreement.
  const verdict = worstVerdict([...alone.standing.map((one) => one.verdict), result.verdict]);
  const lets = verdict === 'allowed';
  const would = lets === (live === 'allowed') ? 'agree' : lets ? 'letGo' : 'hold';
  return { resources, ...members, would, live, verdict, result };
}

/** The group of a decision in which a target is. */
export function groupFinder(decision: Decision): (resource: string) => DecisionGroup | undefined {
  const named = new Map<string, DecisionGroup>();
  let rest: DecisionGroup | undefined;
  for (const group of decision.groups) {
    if (group.rest) rest = group;
    else for (const resource of group.resources) named.set(resource, group);
  }
  return (resource) => named.get(resource) ?? rest;
}

function becauseOf(groups: readonly ShadowGroup[]): string[] {
  const sentences = groups
    .filter((group) => group.would === 'hold')
    .flatMap((group) => group.result.rules.filter((rule) => rule.verdict !== 'allowed').map((rule) => `${rule.rule}: ${rule.sentence}`));
  return [...new Set(sentences)].slice(0, BECAUSE_MAX);
}
