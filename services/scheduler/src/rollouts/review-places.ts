import { closeGates } from '../decisions/take-decisions.js';
import { inPlaces } from '../in-places.js';
import { takeBackRejected } from '../rollback/take-back-rejected.js';
import { decisionTable } from '../tables.js';
import { placeKey, type Place, type Work } from '../work.js';
import { leavePins } from '../standing/leave-pins.js';
import type { World } from '../world.js';

/**
 * Look at places again after the inventory changed, or because a sweep proves that nothing was missed: members whose targets are gone leave
 * their rollouts, versions that are no longer deployable are taken back where nobody has begun them, what may go begins.
 */
export async function reviewPlaces(world: World, places: Iterable<Place>): Promise<void> {
  for (const { deployment, environment } of places) {
    const place = { deployment, environment };
    // Most changes concern places at which nothing was ever decided.
    const decided = await world.store.read((reader) => reader.find(decisionTable, place, { only: ['versionId'], limit: 1 }));
    if (decided.length > 0) await inPlaces(world, [place], (work) => reviewPlace(work, place));
  }
}

/** Look at one place again, whose lock the work holds. */
export async function reviewPlace(work: Work, place: Place): Promise<void> {
  const open = await work.loadRolloutsOf(place, { open: true });
  const targets = work.inventory.targets(place.deployment, place.environment);
  for (const row of open) {
    const gone = row.plan.members.flatMap((resource, ordinal) =>
      row.members[ordinal] === '.' && !targets?.has(resource) ? [ordinal] : [],
    );
    if (gone.length > 0) work.rolloutEvents.push({ id: row.id, event: { type: 'exclude', ordinals: gone } });
  }
  await closeGates(work, place, [...new Set(open.map((row) => row.versionId))]);
  await leavePins(work, place);
  await takeBackRejected(work, place);
  work.replan.set(placeKey(place), place);
}
