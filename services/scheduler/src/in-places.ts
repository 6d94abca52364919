import { settle } from './settle.js';
import { placeKey, Work, type Place } from './work.js';
import type { World } from './world.js';

/**
 * Run one unit of work on these places in one transaction, under their locks, settle what follows and write it. All changes of a place go
 * through here, so that a claim, a report, a decision and a command on it always come one after the other, in every copy of the service.
 */
export async function inPlaces<T>(world: World, places: Iterable<Place>, body: (work: Work) => Promise<T>): Promise<T> {
  const names = [...new Set([...places].map((place) => `place:${placeKey(place)}`))].sort();
  const { result, more, nudges, templates } = await world.store.transaction(async (tx) => {
    await tx.lock(...names);
    const work = new Work(tx, world, await world.mirror.current(tx), world.clock.now());
    const result = await body(work);
    await settle(work);
    await work.flush();
    return { result, more: work.more, nudges: work.nudges, templates: work.templates };
  });
  for (const id of templates.keys()) world.templates.add(id);
  for (const agent of nudges) world.nudgeAgent(agent);
  if (more) world.nudge();
  return result;
}
