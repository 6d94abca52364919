import type { CompiledExpression } from '../cel/compile.js';
import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import { SlipwayError } from '../errors.js';
import type { RuleResult } from '../model/decision.js';
import type { GateRule, PolicyDoc } from '../model/policy.js';
import { evaluateGate, isGate, readsResource } from './gates.js';
import type { Overrides } from './overrides.js';
import type { RuleContext } from './rule-result.js';
import { activationOf, undecided } from './rule-result.js';

/** A policy that may apply, with what is the same for all targets already answered. */
export interface ApplicablePolicy {
  policy: PolicyDoc;
  /** True: at every target; a result: the selector failed, so it blocks every target; an expression: ask per target. */
  applies: true | RuleResult | CompiledExpression;
  /** In the policy's own order: answered once, or to be asked per target. */
  gates: (RuleResult | GateRule)[];
}

/** Whether a policy has a say in what may go: it is enabled and no shadow. */
export function gates(policy: PolicyDoc): boolean {
  return policy.enabled && policy.shadow !== true;
}

/** The policies that gate and may apply, by name. A rule that does not look at the resource is evaluated once, here. */
export function applicablePolicies(context: RuleContext, overrides: Overrides): ApplicablePolicy[] {
  const enabled = context.input.policies.filter(gates).sort((a, b) => (a.name < b.name ? -1 : 1));
  return enabled.flatMap((policy) => {
    const applies = appliesTo(policy, context);
    if (applies === false) return [];
    const answers = policy.rules.filter(isGate).map((rule) => {
      const perTarget = readsResource(rule) || overrides.isPerTarget(rule.kind);
      return perTarget ? rule : overrides.apply(evaluateGate(rule, context), undefined);
    });
    return [{ policy, applies, gates: answers }];
  });
}

function appliesTo(policy: PolicyDoc, context: RuleContext): boolean | RuleResult | CompiledExpression {
  try {
    const selector = compileExpression(policy.selector);
    if (selector.roots.includes('resource')) return selector;
    return selects(selector, context);
  } catch (error) {
    if (error instanceof SlipwayError) return undecided('selector', error.message);
    throw error;
  }
}

/** Whether a selector matches, or why that cannot be known: which blocks. */
export function selects(selector: CompiledExpression, context: RuleContext): boolean | RuleResult {
  const answer = evaluateBoolean(selector, activationOf(context));
  return 'error' in answer ? undecided('selector', answer.error) : answer.value;
}

/** Whether the policy's selector must be asked per target. */
export function isPerTarget(applies: ApplicablePolicy['applies']): applies is CompiledExpression {
  return typeof applies === 'object' && 'roots' in applies;
}

/** Whether a gate's slot is answered already. */
export function isAnswered(gate: RuleResult | GateRule): gate is RuleResult {
  return 'verdict' in gate;
}
