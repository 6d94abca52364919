import type { ReplyOf, StandingFact } from '@slipway/contracts';
import { freezeCheck, type FreezeFact, type Inventory, type PinFact } from '@slipway/core';
import { inPlaces } from '../in-places.js';
import { reviewPlace } from '../rollouts/review-places.js';
import { decisionTable, jobTable, rolloutTable, standingTable, type StandingRow } from '../tables.js';
import { placeKey, type Place } from '../work.js';
import type { World } from '../world.js';

/** How many facts whose time has come are taken at once. */
const DUE_MAX = 100;

type Fact = Pick<StandingRow, 'kind' | 'fact'>;

/**
 * Store freezes and pins, take back what they stop and begin what they allow again. When this resolves nothing that they stop can start any more (I11):
 * whoever granted a claim before the facts were stored has let go of its place since. A fact known already is looked at again, an older word is not.
 */
export async function takeStanding(world: World, facts: readonly StandingFact[]): Promise<number> {
  const taken = await world.store.transaction(async (tx) => {
    await tx.lock('standing');
    const newest = new Map<string, StandingFact>();
    for (const one of facts) if (one.revision > (newest.get(one.fact.id)?.revision ?? 0)) newest.set(one.fact.id, one);
    const known = await tx.find(standingTable, { id: [...newest.keys()] });
    for (const row of known) if ((newest.get(row.id)?.revision ?? 0) < row.revision) newest.delete(row.id);
    const rows = [...newest.values()].map(rowOf);
    if (rows.length > 0) await tx.put(standingTable, rows);
    return rows;
  });
  await reviewStanding(world, taken);
  for (const { expiresAt } of taken) if (expiresAt !== undefined) world.wakeBy(expiresAt);
  return taken.length;
}

/** What tells which freezes and pins there are: the policy service. */
export interface StandingSource {
  ask(operation: 'policy.standing', request: Record<string, never>): Promise<ReplyOf<'policy.standing'>>;
}

/** Compare with what the policy service has, which proves that no word of a freeze or pin was missed. Throws when it does not answer. */
export async function sweepStanding(world: World, source: StandingSource): Promise<void> {
  const { facts, revision } = await source.ask('policy.standing', {});
  const rows = await world.store.read((reader) => reader.find(standingTable, {}));
  const known = new Map(rows.map((row) => [row.id, row.revision]));
  const missed = facts.filter((one) => one.revision > (known.get(one.fact.id) ?? 0));
  const standing = new Set(facts.map((one) => one.fact.id));
  const ended = { at: world.clock.now(), by: 'the policy service', verb: 'lifted' } as const;
  const over = rows
    .filter((row) => row.endedAt === undefined && row.revision <= revision && !standing.has(row.id))
    .map((row) => ({ kind: row.kind, verb: 'lifted', revision: row.revision, fact: row.fact, ended }) as StandingFact);
  if (missed.length + over.length > 0) await takeStanding(world, [...missed, ...over]);
}

/** Look again where freezes and pins have just expired. Gives how many; those are not in force whatever becomes of this. */
export async function expireStanding(world: World, now: number): Promise<number> {
  const due = await world.store.read((reader) =>
    reader.find(standingTable, { endedAt: null, expiresAt: { lte: now } }, { orderBy: { expiresAt: 'asc' }, limit: DUE_MAX }),
  );
  if (due.length === 0) return 0;
  await reviewStanding(world, due);
  // Noted only now, so that a crash before lets the next wake look again.
  await world.store.transaction(async (tx) => {
    await tx.lock('standing');
    const rows = await tx.find(standingTable, { id: due.map((row) => row.id), endedAt: null });
    if (rows.length > 0)
      await tx.put(
        standingTable,
        rows.map((row) => ({ ...row, endedAt: row.expiresAt ?? now })),
      );
  });
  return due.length;
}

/** When the next freeze or pin expires. */
export async function nextStandingExpiry(world: World): Promise<number | undefined> {
  const [first] = await world.store.read((reader) =>
    reader.find(standingTable, { endedAt: null, expiresAt: { gt: 0 } }, { orderBy: { expiresAt: 'asc' }, limit: 1, only: ['expiresAt'] }),
  );
  return first?.expiresAt;
}

function rowOf({ kind, revision, fact, ended }: StandingFact): StandingRow {
  const { expiresAt } = fact;
  return {
    id: fact.id,
    kind,
    revision,
    fact,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(ended === undefined ? {} : { endedAt: ended.at }),
  };
}

/** Every place that facts concern and where anything was ever decided or goes on, one after the other, each under its lock. */
async function reviewStanding(world: World, facts: readonly Fact[]): Promise<void> {
  if (facts.length === 0) return;
  const inventory = await world.store.read((reader) => world.mirror.current(reader));
  const concerned = [...(await livePlaces(world)).values()].filter((place) => facts.some((one) => concerns(inventory, one, place)));
  for (const place of concerned) {
    await inPlaces(world, [place], async (work) => {
      await reviewPlace(work, place);
      // A rollback that a freeze held is asked again.
      work.freed.set(placeKey(place), place);
    });
  }
}

/** Places with decisions, open rollouts or rollbacks: elsewhere there is nothing that could start. */
async function livePlaces(world: World): Promise<Map<string, Place>> {
  const names = { only: ['deployment', 'environment'] } as const;
  const rows = await world.store.read(async (reader): Promise<Place[]> => [
    ...(await reader.find(decisionTable, {}, names)),
    ...(await reader.find(rolloutTable, { finishedAt: null }, names)),
    ...(await reader.find(jobTable, { finishedAt: null, rollback: true }, names)),
  ]);
  return new Map(rows.map(({ deployment, environment }) => [placeKey({ deployment, environment }), { deployment, environment }]));
}

/** Whether a fact may say something of the place. What is gone from the inventory is looked at too. */
function concerns(inventory: Inventory, { kind, fact }: Fact, place: Place): boolean {
  if (kind === 'pin') {
    const pin = fact as PinFact;
    return pin.deployment === place.deployment && pin.environment === place.environment;
  }
  const deployment = inventory.deployments.get(place.deployment);
  const environment = inventory.environments.get(place.environment);
  const check = freezeCheck(fact as FreezeFact);
  if (deployment === undefined || environment === undefined || check.readsResource) return true;
  return check.ask({ deployment, environment }) !== undefined;
}
