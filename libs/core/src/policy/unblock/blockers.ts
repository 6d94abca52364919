import type { Decision, RuleResult } from '../../model/decision.js';
import type { DecisionInput } from '../../model/facts.js';
import type { GateRule } from '../../model/policy.js';
import { isGate } from '../gates.js';

/** One answer that stands in the way, with the rule that gave it where it was a policy's. */
export interface Blocker {
  /** The same for the same question, whenever it is asked. */
  key: string;
  result: RuleResult;
  rule?: GateRule;
}

/** All that stands in the way of any judged target, each question once. */
export function blockersOf(decision: Decision, input: DecisionInput): Blocker[] {
  const policies = new Map(input.policies.map((policy) => [policy.name, policy]));
  const found = new Map<string, Blocker>();
  const add = (blocker: Blocker): void => {
    // Of one question the answer counts that holds longest.
    const known = found.get(blocker.key);
    if (!known || (known.result.reevaluateAt ?? Infinity) < (blocker.result.reevaluateAt ?? Infinity)) found.set(blocker.key, blocker);
  };
  for (const group of decision.groups) {
    for (const result of group.standing)
      if (result.verdict !== 'allowed') add({ key: `${result.rule}: ${JSON.stringify(result.saw ?? result.sentence)}`, result });
    for (const { policy, rules } of group.policies) {
      const gates = policies.get(policy)?.rules.filter(isGate) ?? [];
      rules.forEach((result, index) => {
        if (result.verdict === 'allowed') return;
        const rule = result.rule === 'selector' ? undefined : gates[index];
        add({ key: `${policy}#${rule ? index : 'selector'}`, result, ...(rule ? { rule } : {}) });
      });
    }
  }
  return [...found.values()];
}
