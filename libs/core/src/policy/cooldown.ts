import type { RuleResult } from '../model/decision.js';
import type { TargetFact } from '../model/facts.js';
import type { CooldownRule } from '../model/policy.js';
import { formatDuration } from '../text/duration.js';
import { formatInstant } from '../text/instant.js';
import type { RuleContext } from './rule-result.js';
import { ownFact } from './rule-result.js';

/** Ends are rounded up to this step, so that targets which began together fall into one group of the decision. */
const END_STEP_MS = 1000;

/** Time since the last deployment to that target began; a deployment of the judged version itself does not hold itself up. */
export function evaluateCooldown(rule: CooldownRule, context: RuleContext): RuleResult {
  const { input, now } = context;
  const fact = ownFact(context);
  const over: RuleResult = {
    rule: rule.kind,
    verdict: 'allowed',
    sentence: `no other deployment began there within ${formatDuration(rule.intervalMs)}`,
  };
  if (fact?.startedAt === undefined || isOwn(fact, input.version.id)) return over;
  const endsAt = Math.ceil((fact.startedAt + rule.intervalMs) / END_STEP_MS) * END_STEP_MS;
  if (now >= endsAt) return over;
  return {
    rule: rule.kind,
    verdict: 'waiting',
    sentence: `the last deployment there began less than ${formatDuration(rule.intervalMs)} ago, over at ${formatInstant(endsAt)}`,
    reevaluateAt: endsAt,
  };
}

/** Whether the last start at the target was this version's: its own retries and later steps must not wait for itself. */
function isOwn(fact: TargetFact, versionId: string): boolean {
  const own = fact.outcomes[versionId];
  if (!own || own.state === 'failed' || own.state === 'rolledBack') return false;
  const others = Object.entries(fact.outcomes).filter(([id]) => id !== versionId);
  return others.every(([, outcome]) => outcome.state !== 'started' && outcome.at <= own.at);
}
