import type { Decision, DecisionGroup, PolicyResult, Verdict } from '../model/decision.js';
import type { DecisionInput } from '../model/facts.js';
import type { PolicyDoc } from '../model/policy.js';
import { evaluate } from './evaluate.js';
import { pairGroups } from './pair-groups.js';
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
function withOnly(input: DecisionInput, policy: PolicyDoc): DecisionInput {
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

/** Targets by the answers of both decisions, those aside that the policy does not concern. */
function compare(input: DecisionInput, live: Decision, alone: Decision, policy: string): ShadowGroup[] {
  const pairs = pairGroups(input.targets, live, alone);
  const concerned = pairs.flatMap((pair) => {
    const result = resultOf(pair.after, policy);
    return result ? [{ ...pair, result }] : [];
  });
  const merged = new Map<string, ShadowGroup>();
  for (const { before, after, result, ...members } of concerned) {
    const group = groupOf(members, before.verdict, after, result);
    const key = `${before.verdict} ${alone.groups.indexOf(after)}`;
    const known = merged.get(key);
    if (!known) merged.set(key, group);
    else
      merged.set(key, {
        ...known,
        size: known.size + group.size,
        rest: known.rest || group.rest,
        resources: [...known.resources, ...group.resources],
      });
  }
  // Where some targets are not concerned, or one entry was made of several, all are named.
  const all = concerned.length === pairs.length;
  const rest = pairs.find((pair) => pair.rest);
  return [...merged.values()].map((group) => {
    if (!group.rest || (all && group.resources.length === 0)) return group;
    if (all) return { ...group, resources: [] };
    const named = new Set(pairs.flatMap((pair) => (pair === rest ? [] : pair.resources)));
    const others = input.targets.map((target) => target.identifier).filter((identifier) => !named.has(identifier));
    return { ...group, rest: false, resources: [...group.resources, ...others] };
  });
}

function groupOf(
  members: Pick<ShadowGroup, 'resources' | 'rest' | 'size'>,
  live: Verdict,
  alone: DecisionGroup,
  result: PolicyResult,
): ShadowGroup {
  // Pins, freezes and quarantine hold whatever the policies say: they are on both sides and never a disagreement.
  const verdict = worstVerdict([...alone.standing.map((one) => one.verdict), result.verdict]);
  const lets = verdict === 'allowed';
  const would = lets === (live === 'allowed') ? 'agree' : lets ? 'letGo' : 'hold';
  return { ...members, would, live, verdict, result };
}

function becauseOf(groups: readonly ShadowGroup[]): string[] {
  const sentences = groups
    .filter((group) => group.would === 'hold')
    .flatMap((group) => group.result.rules.filter((rule) => rule.verdict !== 'allowed').map((rule) => `${rule.rule}: ${rule.sentence}`));
  return [...new Set(sentences)].slice(0, BECAUSE_MAX);
}
