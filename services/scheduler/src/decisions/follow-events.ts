import type { AgentEnrolled } from '@slipway/contracts';
import type { InventoryChange, NumberedDecision } from '@slipway/core';
import type { FeedSource, Absorbed, Tx } from '@slipway/persistence';
import type { Inbound } from '@slipway/messaging';
import type { World } from '../world.js';
import { takeEnrolments } from '../agents/enrolments.js';
import { reviewPlaces } from '../rollouts/review-places.js';
import { takeDecisions } from './take-decisions.js';

const DECISION = 'slipway.evt.decision.';
const AGENT = 'slipway.evt.agent.';

/** `EVT/scheduler`: what exists, what may go, and which agents there are. All are hints that number themselves, so repeats and old ones change nothing. */
export async function followEvents(world: World, requests: FeedSource, batch: readonly Inbound[]): Promise<void> {
  const changes: InventoryChange[] = [];
  const decisions: NumberedDecision[] = [];
  const enrolled: AgentEnrolled[] = [];
  for (const message of batch) {
    if (message.subject.startsWith(DECISION)) decisions.push(message.body as NumberedDecision);
    else if (message.subject.startsWith(AGENT)) enrolled.push(message.body as AgentEnrolled);
    else changes.push(message.body as InventoryChange);
  }
  if (enrolled.length > 0) await takeEnrolments(world, enrolled);
  if (changes.length > 0) await followInventory(world, requests, changes);
  if (decisions.length > 0) await takeDecisions(world, decisions);
}

async function followInventory(world: World, requests: FeedSource, changes: readonly InventoryChange[]): Promise<void> {
  const absorbed = await world.store.transaction((tx) => world.mirror.absorb(tx, changes));
  await reviewPlaces(world, absorbed.touched);
  if (absorbed.behind) await catchUp(world, requests);
}

/** Ask the registry for what is missing, and look again at the places that it concerns. */
export async function catchUp(world: World, requests: FeedSource): Promise<void> {
  const touched = new Set<{ deployment: string; environment: string }>();
  await world.mirror.catchUp(world.store, requests, async (_: Tx, result: Absorbed) => {
    for (const targets of result.touched) touched.add(targets);
  });
  await reviewPlaces(world, touched);
}
