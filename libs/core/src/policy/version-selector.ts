import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import type { RuleResult } from '../model/decision.js';
import type { VersionSelectorRule } from '../model/policy.js';
import type { RuleContext } from './rule-result.js';
import { activationOf, undecided } from './rule-result.js';

/** Only matching versions. */
export function evaluateVersionSelector(rule: VersionSelectorRule, context: RuleContext): RuleResult {
  const answer = evaluateBoolean(compileExpression(rule.selector), activationOf(context));
  if ('error' in answer) return undecided(rule.kind, answer.error);
  if (answer.value) return { rule: rule.kind, verdict: 'allowed', sentence: `matches ${rule.selector}` };
  return {
    rule: rule.kind,
    verdict: 'denied',
    sentence: `${context.input.version.tag} does not match ${rule.selector}`,
    needs: { what: `a version that matches ${rule.selector}` },
  };
}
