import type { CompiledExpression } from '../cel/compile.js';
import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import { SlipwayError } from '../errors.js';
import type { RuleResult } from '../model/decision.js';
import type { JsonObject } from '../model/json.js';
import type { PolicyDoc } from '../model/policy.js';
import { undecided } from './rule-result.js';

/** Whether a policy has a say in what may go: it is enabled and no shadow. */
export function gates(policy: PolicyDoc): boolean {
  return policy.enabled && policy.shadow !== true;
}

/** The selector, or why it cannot be asked: which blocks. */
export function selectorOf(policy: PolicyDoc): CompiledExpression | RuleResult {
  try {
    return compileExpression(policy.selector);
  } catch (error) {
    if (error instanceof SlipwayError) return undecided('selector', error.message);
    throw error;
  }
}

/** Whether a selector matches, or why that cannot be known: which blocks. */
export function selects(selector: CompiledExpression, activation: JsonObject): boolean | RuleResult {
  const answer = evaluateBoolean(selector, activation);
  return 'error' in answer ? undecided('selector', answer.error) : answer.value;
}
