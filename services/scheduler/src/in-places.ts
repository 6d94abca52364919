import { settle } from './settle.js';
import { jobTable } from './tables.js';
import { placeKey, Work, type Place } from './work.js';
import type { World } from './world.js';

/**
 * Run one unit of work on these places in one transaction, under their locks, settle what follows and write it. All changes of a place go
 * through here, so that a claim, a report, a decision and a command on it always come one after the other, in every copy of the service.
 */
export async function inPlaces<T>(
  world: World,
  places: Iterable<Place>,
  body: (work: Work) => Promise<T>,
  /** Jobs of these places that the body needs; they come with the locks. */
  jobs: readonly string[] = [],
): Promise<T> {
  const names = [...new Set([...places].map((place) => `place:${placeKey(place)}`))].sort();
  const { result, wakeAt, nudges, templates } = await world.store.transaction(async (tx) => {
    const [, inventory, rows] = await Promise.all([
      tx.lock(...names),
      world.mirror.current(tx),
      jobs.length === 0 ? [] : tx.find(jobTable, { id: [...new Set(jobs)] }),
    ]);
    const work = new Work(tx, world, inventory, world.clock.now());
    work.jobs.loaded(rows);
    const result = await body(work);
    await settle(work);
    work.flush();
    return { result, wakeAt: work.more ? world.clock.now() : work.dueAt, nudges: work.nudges, templates: work.templates };
  });
  for (const id of templates.keys()) world.templates.add(id);
  for (const agent of nudges) world.nudgeAgent(agent);
  if (wakeAt !== undefined) world.wakeBy(wakeAt);
  return result;
}
