import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import type { RuleResult } from '../model/decision.js';
import type { JsonObject } from '../model/json.js';
import type { ConditionRule } from '../model/policy.js';
import type { RuleContext } from './rule-result.js';
import { activationOf, ownFact, reevaluated, undecided } from './rule-result.js';

/** A condition sees `now` cut to this step, and is asked again at the next one: within a step its answer cannot change (I10). */
const NOW_STEP_MS = 60_000;

/** Anything the facts can express. `now` and all times are epoch milliseconds; `running` is null where nothing runs. */
export function evaluateCondition(rule: ConditionRule, context: RuleContext): RuleResult {
  const expression = compileExpression(rule.cel);
  const activation: JsonObject = activationOf(context);
  const readsNow = expression.roots.includes('now');
  const step = Math.floor(context.now / NOW_STEP_MS) * NOW_STEP_MS;
  if (readsNow) activation['now'] = step;
  if (expression.roots.includes('running')) activation['running'] = runningAt(context);
  const again = reevaluated(readsNow ? step + NOW_STEP_MS : undefined);
  const answer = evaluateBoolean(expression, activation);
  if ('error' in answer) return { ...undecided(rule.kind, answer.error), ...again };
  if (answer.value) return { rule: rule.kind, verdict: 'allowed', sentence: `${rule.cel} holds`, ...again };
  const mayChange = readsNow || expression.roots.includes('running');
  return {
    rule: rule.kind,
    verdict: mayChange ? 'waiting' : 'denied',
    sentence: rule.message,
    needs: { what: `that ${rule.cel}` },
    ...again,
  };
}

function runningAt(context: RuleContext): JsonObject | null {
  const fact = ownFact(context);
  return fact?.running ? { ...fact.running } : null;
}
