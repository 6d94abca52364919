import type { AgentEnrolled, StandingFact } from '@slipway/contracts';
import { SlipwayError, type InventoryChange, type NumberedDecision } from '@slipway/core';
import type { FeedSource, Absorbed, Tx } from '@slipway/persistence';
import type { Inbound } from '@slipway/messaging';
import type { World } from '../world.js';
import { takeEnrolments } from '../agents/enrolments.js';
import { reviewPlaces } from '../rollouts/review-places.js';
import { takeStanding } from '../standing/take-standing.js';
import { takeDecisions } from './take-decisions.js';

const DECISION = 'slipway.evt.decision.';
const AGENT = 'slipway.evt.agent.';
const STANDING = ['slipway.evt.freeze.', 'slipway.evt.pin.'];

/** `EVT/scheduler`: what exists, what may go, what people froze and pinned, and which agents there are. All are hints that number themselves, so repeats and old ones change nothing. */
export async function followEvents(world: World, requests: FeedSource, batch: readonly Inbound[]): Promise<void> {
  const changes: InventoryChange[] = [];
  const decisions: NumberedDecision[] = [];
  const enrolled: AgentEnrolled[] = [];
  const standing: StandingFact[] = [];
  for (const message of batch) {
    if (message.subject.startsWith(DECISION)) decisions.push(message.body as NumberedDecision);
    else if (message.subject.startsWith(AGENT)) enrolled.push(message.body as AgentEnrolled);
    else if (STANDING.some((prefix) => message.subject.startsWith(prefix))) standing.push(message.body as StandingFact);
    else changes.push(message.body as InventoryChange);
  }
  if (enrolled.length > 0) await takeEnrolments(world, enrolled);
  if (changes.length > 0) await followInventory(world, requests, changes);
  if (standing.length > 0) await takeStanding(world, standing);
  if (decisions.length > 0) await takeDecisions(world, decisions);
}

async function followInventory(world: World, requests: FeedSource, changes: readonly InventoryChange[]): Promise<void> {
  const absorbed = await world.store.transaction((tx) => world.mirror.absorb(tx, changes));
  // What a new version means, its decisions will say.
  if (!changes.every(isNewVersion)) await reviewPlaces(world, absorbed.touched);
  if (absorbed.behind) await catchUp(world, requests);
}

/** What somebody waits for: the inventory up to a revision, where it concerns one deployment. `changes` may save the way to the registry. */
export interface ChangesToTake {
  deployment: string;
  revision: number;
  changes: readonly InventoryChange[];
}

/**
 * When this resolves the inventory is known here up to that revision, and nothing of the deployment that it stops can start any more (I2). Gives the
 * revision reached. Throws `unavailable` when that is not far enough.
 */
export async function takeChanges(world: World, requests: FeedSource, { deployment, revision, changes }: ChangesToTake): Promise<number> {
  const absorbed = await world.store.transaction((tx) => world.mirror.absorb(tx, changes));
  if (absorbed.revision < revision) await catchUp(world, requests);
  const inventory = await world.store.read((reader) => world.mirror.current(reader));
  if (inventory.revision < revision)
    throw new SlipwayError({
      code: 'scheduler.changes.behind',
      kind: 'unavailable',
      message: `Taking the inventory up to revision ${revision}: it is known up to ${inventory.revision} here; the rest is on its way`,
    });
  // Also what had come by events before: only once each place was locked since is every earlier claim there answered.
  await reviewPlaces(world, new Set([...absorbed.touched, ...inventory.pairs(deployment)]));
  return inventory.revision;
}

/** CI's word of a version that nobody has decided on yet: as it was first said it is built or being built, never taken back. */
function isNewVersion({ item }: InventoryChange): boolean {
  return item.kind === 'version' && (item.doc.status === 'ready' || item.doc.status === 'building');
}

/** Ask the registry for what is missing, and look again at the places that it concerns. */
export async function catchUp(world: World, requests: FeedSource): Promise<void> {
  const touched = new Set<{ deployment: string; environment: string }>();
  await world.mirror.catchUp(world.store, requests, async (_: Tx, result: Absorbed) => {
    for (const targets of result.touched) touched.add(targets);
  });
  await reviewPlaces(world, touched);
}
