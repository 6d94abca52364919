import { planSequence } from '@slipway/core';
import type { ReleaseSequence, RolloutRow } from '../tables.js';
import { placeOf, type Work } from '../work.js';
import { metricsAt } from './make-step.js';
import { dropRetire, pendingRetires } from './retires.js';

/**
 * The sequences by which members of a rollout take their version, for strategies within a target. What another sequence would still have retired
 * there is left to this one.
 */
export async function startSequences(
  work: Work,
  row: RolloutRow,
  resources: readonly string[],
): Promise<(resource: string) => ReleaseSequence | undefined> {
  const { within } = row.obligations.gradualRollout;
  if (!within || resources.length === 0) return () => undefined;
  await work.loadTargets(row, resources);
  for (const job of (await pendingRetires(work, row, resources)).values())
    dropRetire(work, job, `${row.version} comes to slot ${job.slot}`);
  const verified = metricsAt(work, row.deployment, row.obligations).length > 0;
  return (resource) => {
    const { releaseId, slot: live } = work.target({ ...placeOf(row), resource });
    const situation = { runs: releaseId !== undefined, verified, rollback: false, ...(live === undefined ? {} : { live }) };
    const keeps = within.type === 'blueGreen' && live !== undefined && releaseId !== undefined;
    return { ...planSequence(within, situation), obligedBy: row.id, ...(keeps ? { kept: { slot: live, releaseId } } : {}) };
  };
}
