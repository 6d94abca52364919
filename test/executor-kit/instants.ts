import type { World } from './world.js';

/** An instant that does not come within this (real time), though the run is followed, does not come at all. */
const QUIET_MS = 150;
/** Of the turns in which an executor follows a run, so many are tried: they are all alike. */
const WHILE_FOLLOWING_MAX = 3;

/** Does something at the k-th instant of the agent from now on; false when it has no so many before it is only followed. */
export async function atInstant(world: World, k: number, act: () => void): Promise<boolean> {
  const { agent } = world;
  let seen = 0;
  let reached = false;
  let followedAt = Infinity;
  let quietSince = performance.now();
  agent.atInstants((name) => {
    quietSince = performance.now();
    seen++;
    if (name === 'follow is called') followedAt = Math.min(followedAt, seen);
    if (seen !== k || seen > followedAt + WHILE_FOLLOWING_MAX) return;
    agent.atInstants(undefined);
    world.where = `at instant ${k} (${name})`;
    reached = true;
    act();
  });
  const quiet = (): boolean => performance.now() - quietSince > QUIET_MS && agent.executor.following > 0 && world.begun > 0;
  const enough = (): boolean => k > followedAt + WHILE_FOLLOWING_MAX;
  await world.until(`instant ${k} is reached`, () => reached || agent.final || enough() || quiet());
  agent.atInstants(undefined);
  return reached;
}
