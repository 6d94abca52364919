import { planSequence } from '@slipway/core';
import type { ReleaseSequence } from './release-sequence.js';
import type { RolloutRow } from '../tables.js';
import { placeOf, type Place, type Work } from '../work.js';
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
  if (within.type === 'blueGreen') await loseWaysBack(work, row, resources);
  const verified = metricsAt(work, row.deployment, row.obligations).length > 0;
  return (resource) => {
    const { releaseId, slot: live } = work.target({ ...placeOf(row), resource });
    const situation = { runs: releaseId !== undefined, verified, rollback: false, ...(live === undefined ? {} : { live }) };
    const keeps = within.type === 'blueGreen' && live !== undefined && releaseId !== undefined;
    return { ...planSequence(within, situation), obligedBy: row.id, ...(keeps ? { kept: { slot: live, releaseId } } : {}) };
  };
}

/** The idle slot gets another version: whatever it kept for the one that runs is no way back any more. */
async function loseWaysBack(work: Work, place: Place, resources: readonly string[]): Promise<void> {
  const running = resources.flatMap((resource) => work.target({ ...placeOf(place), resource }).releaseId ?? []);
  await work.loadReleases(running);
  for (const id of running) {
    const release = work.release(id);
    if (!release.sequence?.kept) continue;
    const { kept: _, ...sequence } = release.sequence;
    work.releases.change(release, { sequence });
  }
}
