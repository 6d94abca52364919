import { SlipwayError } from '../errors.js';
import type { RuleResult } from '../model/decision.js';
import type { GateRule, ObligationRule, Rule } from '../model/policy.js';
import { evaluateApproval } from './approval.js';
import { evaluateCondition } from './condition.js';
import { evaluateCooldown } from './cooldown.js';
import { evaluateDependency } from './dependency.js';
import { evaluateEnvironmentProgression } from './environment-progression.js';
import type { RuleContext } from './rule-result.js';
import { undecided } from './rule-result.js';
import { evaluateVersionSelector } from './version-selector.js';
import { evaluateWindow } from './window.js';

const OBLIGATIONS: Record<ObligationRule['kind'], true> = {
  gradualRollout: true,
  verification: true,
  retry: true,
  rollback: true,
  concurrency: true,
  timeouts: true,
};

/** Gates answer whether; obligations say how. */
export function isGate(rule: Rule): rule is GateRule {
  return !Object.hasOwn(OBLIGATIONS, rule.kind);
}

/** One gate's answer; a source that cannot be compiled is `undecided`, never a yes. */
export function evaluateGate(rule: GateRule, context: RuleContext): RuleResult {
  try {
    return gateAnswer(rule, context);
  } catch (error) {
    if (error instanceof SlipwayError) return undecided(rule.kind, error.message);
    throw error;
  }
}

function gateAnswer(rule: GateRule, context: RuleContext): RuleResult {
  switch (rule.kind) {
    case 'approval':
      return evaluateApproval(rule, context);
    case 'environmentProgression':
      return evaluateEnvironmentProgression(rule, context);
    case 'dependency':
      return evaluateDependency(rule, context);
    case 'versionSelector':
      return evaluateVersionSelector(rule, context);
    case 'window':
      return evaluateWindow(rule, context);
    case 'cooldown':
      return evaluateCooldown(rule, context);
    case 'condition':
      return evaluateCondition(rule, context);
    default:
      // From a newer policy than this program knows: unknown is never yes.
      return undecided((rule as Rule).kind, 'this rule is not known here');
  }
}
