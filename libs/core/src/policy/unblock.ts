import type { Decision, RuleResult } from '../model/decision.js';
import { formatInstant } from '../text/instant.js';

/**
 * What unblocks a decision: the smallest set of missing facts, each in a few words, then the earliest time. Every blocking rule must come to
 * allow, so the facts add up and the latest of the times counts. Empty when nothing is in the way.
 */
export function unblocks(decision: Decision, now: number): string[] {
  const blocking = decision.groups
    .flatMap((group) => [...group.standing, ...group.policies.flatMap((policy) => policy.rules)])
    .filter((result) => result.verdict !== 'allowed');
  if (blocking.length === 0) return [];
  const facts = [...new Set(blocking.map(missingFact).filter((what) => what !== undefined))];
  // A time unblocks only where no fact is missing; where both are named, the time may just as well make it worse.
  const byTime = blocking.filter((result) => missingFact(result) === undefined && (result.reevaluateAt ?? 0) > now);
  const last = byTime.reduce<RuleResult | undefined>(
    (latest, result) => ((result.reevaluateAt ?? 0) > (latest?.reevaluateAt ?? 0) ? result : latest),
    undefined,
  );
  return last?.reevaluateAt === undefined ? facts : [...facts, `at the earliest ${formatInstant(last.reevaluateAt, timezoneOf(last))}`];
}

function missingFact(result: RuleResult): string | undefined {
  const { needs } = result;
  if (typeof needs === 'object' && needs !== null && !Array.isArray(needs) && typeof needs['what'] === 'string') return needs['what'];
  return result.reevaluateAt === undefined ? result.sentence : undefined;
}

function timezoneOf(result: RuleResult): string {
  const { saw } = result;
  const timezone = typeof saw === 'object' && saw !== null && !Array.isArray(saw) ? saw['timezone'] : undefined;
  return typeof timezone === 'string' ? timezone : 'UTC';
}
