import type { ReleaseEvent } from '@slipway/contracts';
import type { TargetFact, VersionOutcome } from '@slipway/core';

/** Outcomes remembered per target; older ones concern versions that left the candidates long ago. */
export const OUTCOMES_PER_TARGET_MAX = 20;

/** The fact after an event, or the same object when the event is not newer: duplicates and stragglers change nothing (I3). */
export function projectRelease(fact: TargetFact | undefined, event: ReleaseEvent): TargetFact {
  if (fact !== undefined && event.sequence <= fact.sequence) return fact;
  return {
    deployment: event.deployment,
    environment: event.environment,
    resource: event.resource,
    sequence: event.sequence,
    ...(event.startedAt === undefined ? {} : { startedAt: event.startedAt }),
    ...(event.running === undefined ? {} : { running: event.running }),
    outcomes: withOutcome(fact?.outcomes ?? {}, event.versionId, outcomeAfter(fact, event)),
    quarantined: event.quarantined,
  };
}

/**
 * A version that succeeded there and is released anew, with other variables or config, keeps its success while that is under way, and since when it
 * counts: only a failure takes it back.
 */
function outcomeAfter(fact: TargetFact | undefined, { verb, versionId, outcome }: ReleaseEvent): VersionOutcome {
  const known = fact?.outcomes[versionId];
  if (known?.state !== 'succeeded' || fact?.running?.version !== versionId) return outcome;
  if (verb === 'started') return known;
  return verb === 'succeeded' && (known.verified || !outcome.verified) ? { ...outcome, at: known.at } : outcome;
}

function withOutcome(outcomes: Record<string, VersionOutcome>, version: string, outcome: VersionOutcome): Record<string, VersionOutcome> {
  const all = { ...outcomes, [version]: outcome };
  const ids = Object.keys(all);
  if (ids.length <= OUTCOMES_PER_TARGET_MAX) return all;
  const kept = ids.sort((a, b) => all[b]!.at - all[a]!.at || (a < b ? -1 : 1)).slice(0, OUTCOMES_PER_TARGET_MAX);
  return Object.fromEntries(kept.map((id) => [id, all[id]!]));
}
