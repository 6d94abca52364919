import type { RolloutEvent } from '@slipway/core';
import { jobTable, type RolloutRow } from '../tables.js';
import { placeKey, type Work } from '../work.js';
import { gateAt } from './gate.js';

/**
 * Whether a member of this rollout may begin now, for core's planner: the newest decision allows it there (I2), and nothing else is live at its
 * target (I1); or why not. What is barred is asked again when a decision comes and when a job of the place ends.
 */
export async function mayBeginIn(
  work: Work,
  rollout: RolloutRow,
  events: readonly RolloutEvent[],
): Promise<(resource: string) => true | string> {
  if (!rollout.members.includes('.') && !events.some(bringsPending)) return () => 'nothing is left to begin';
  const { deployment, environment, versionId } = rollout;
  const decision = (await work.loadDecisions(rollout, [versionId])).get(versionId);
  const others = await work.tx.find(
    jobTable,
    { deployment, environment, occupies: true, rolloutId: { not: rollout.id } },
    { only: ['id', 'resource'] },
  );
  const taken = new Set(others.filter((job) => !work.jobs.has(job)).map((job) => job.resource));
  for (const job of work.jobs.all()) if (job.occupies && placeKey(job) === placeKey(rollout)) taken.add(job.resource);
  const standing = work.standingAt(rollout);
  const targets = work.inventory.targets(deployment, environment);
  const status = work.inventory.versions.byId(versionId)?.status ?? 'unknown';
  return (resource) => {
    if (status !== 'ready') return `version ${rollout.version} is ${status}`;
    if (taken.has(resource)) return 'another job is live there';
    const gate = gateAt(decision, resource, targets?.revisionOf(resource), work.now, standing.saysTo(rollout, resource));
    return gate.open || gate.because;
  };
}

/** These leave members to begin where there were none. */
function bringsPending(event: RolloutEvent): boolean {
  return event.type === 'join' || event.type === 'retryFailed' || (event.type === 'member' && event.letter === '.');
}
