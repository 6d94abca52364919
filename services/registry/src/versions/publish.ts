import { didYouMean, type VersionPayload } from '@slipway/contracts';
import { SlipwayError, type ErrorShape, type InventoryChange, type Version, type VersionStatus } from '@slipway/core';
import type { Store, Tx } from '@slipway/persistence';
import type { Clock, Ids } from '@slipway/runtime';
import semver from 'semver';
import { commitChanges, INVENTORY_LOCK, type NumberedItem } from '../inventory/commit-changes.js';
import type { KnownInventory } from '../inventory/known-inventory.js';
import { versions } from '../tables.js';
import { decideVersion, type VersionDecision } from './decide-version.js';

export interface VersionDeps {
  store: Store;
  clock: Clock;
  ids: Ids;
  known: KnownInventory;
}

export interface Publication {
  deployment: string;
  payload: VersionPayload;
}

export type PublicationResult = { version: Version; duplicate: boolean } | { error: ErrorShape };

/** `registry.deployment.unknown`. */
export function unknownDeployment(known: KnownInventory, deployment: string, doing: string): SlipwayError {
  const names = known.all.deployments.keys();
  return new SlipwayError({
    code: 'registry.deployment.unknown',
    kind: 'missing',
    message: `${doing}: there is no deployment ${deployment}${didYouMean(deployment, names)}; apply a Deployment document of that name first`,
    details: { deployment },
  });
}

function checkPayload(known: KnownInventory, { deployment, payload }: Publication): void {
  const doing = `Publishing ${deployment} ${payload.tag}`;
  if (!known.all.deployments.has(deployment)) throw unknownDeployment(known, deployment, doing);
  for (const { deployment: other, range } of payload.dependsOn) {
    if (!known.all.deployments.has(other)) throw unknownDeployment(known, other, `${doing} with dependsOn`);
    if (semver.validRange(range) === null)
      throw new SlipwayError({
        code: 'registry.version.rangeInvalid',
        kind: 'invalid',
        message: `${doing}: dependsOn ${other} wants ${JSON.stringify(range)}, which is not a range of versions; write one like ">=1.2.0" or "^2"`,
      });
  }
}

export const itemOf = (version: Version, verb: 'published' | 'statusChanged', because?: string): NumberedItem => ({
  item: { kind: 'version', name: version.tag, doc: version },
  verb,
  told: { version: version.tag, deployment: version.deployment, status: version.status, ...(because === undefined ? {} : { because }) },
});

/** Decide each publication after those before it, so that one batch may hold a version and its next status. */
class Batch {
  readonly fresh = new Map<string, Version>();
  readonly changed = new Map<string, Version>();
  readonly items: NumberedItem[] = [];
  private readonly byTag = new Map<string, Version>();
  private readonly sequences = new Map<string, number>();

  constructor(private readonly deps: VersionDeps) {}

  take(publication: Publication): PublicationResult {
    try {
      checkPayload(this.deps.known, publication);
      const decision = this.decide(publication);
      this.record(decision);
      return { version: decision.version, duplicate: decision.kind === 'duplicate' };
    } catch (error) {
      if (error instanceof SlipwayError) return { error: error.toShape() };
      throw error;
    }
  }

  private decide({ deployment, payload }: Publication): VersionDecision {
    const { versions: history } = this.deps.known.all;
    const known = this.byTag.get(`${deployment}/${payload.tag}`) ?? history.byTag(deployment, payload.tag);
    const sequence = (this.sequences.get(deployment) ?? history.of(deployment).at(-1)?.sequence ?? 0) + 1;
    return decideVersion(deployment, payload, known, { id: this.deps.ids.next(), sequence, now: this.deps.clock.now() });
  }

  private record({ kind, version }: VersionDecision): void {
    if (kind === 'duplicate') return;
    this.byTag.set(`${version.deployment}/${version.tag}`, version);
    this.items.push(itemOf(version, kind === 'new' ? 'published' : 'statusChanged'));
    if (kind === 'new') {
      this.sequences.set(version.deployment, version.sequence);
      this.fresh.set(version.id, version);
    } else if (this.fresh.has(version.id)) this.fresh.set(version.id, version);
    else this.changed.set(version.id, version);
  }
}

async function write(tx: Tx, { fresh, changed }: Batch, at: number): Promise<void> {
  const row = (version: Version) => ({
    id: version.id,
    deployment: version.deployment,
    tag: version.tag,
    sequence: version.sequence,
    version,
    changedAt: at,
  });
  if (fresh.size > 0) await tx.insert(versions, [...fresh.values()].map(row));
  if (changed.size > 0) await tx.put(versions, [...changed.values()].map(row));
}

/** Record versions in this order, in one transaction; what is refused comes back as an error and keeps nothing else from being recorded. */
export async function publishVersions(deps: VersionDeps, publications: readonly Publication[]): Promise<PublicationResult[]> {
  const { results, committed } = await deps.store.transaction(async (tx) => {
    await Promise.all([tx.lock(INVENTORY_LOCK), deps.known.current(tx)]);
    const batch = new Batch(deps);
    const taken = publications.map((publication) => batch.take(publication));
    const at = deps.clock.now();
    const [committed] = await Promise.all([commitChanges(tx, batch.items, at), write(tx, batch, at)]);
    return { results: taken, committed };
  });
  deps.known.take(committed, new Map());
  return results;
}

export interface StatusRequest {
  deployment: string;
  tag: string;
  status: Exclude<VersionStatus, 'building'>;
  reason?: string | undefined;
}

/** What a person's word on a version has become. */
export interface StatusSaid {
  done: string;
  /** The change that it made, unless the version had that status before. */
  changes: InventoryChange[];
  /** The inventory's revision with it. */
  revision: number;
}

/** Give a version another status by a person's word. Throws `registry.version.unknown`. */
export async function setVersionStatus(
  deps: VersionDeps,
  { deployment, tag, status, reason }: StatusRequest,
  by: string,
): Promise<StatusSaid> {
  const because = `${by}${reason === undefined ? '' : `: ${reason}`}`;
  let committed: InventoryChange[] = [];
  let revision = 0;
  await deps.store.transaction(async (tx) => {
    await tx.lock(INVENTORY_LOCK);
    committed = [];
    const { versions: history, revision: before } = (await deps.known.current(tx)).all;
    const version = history.byTag(deployment, tag);
    if (!version) throw unknownVersion(deps.known, deployment, tag, status);
    revision = before;
    if (version.status === status) return;
    const at = deps.clock.now();
    const changed: Version = { ...version, status, statusBecause: because };
    await tx.patch(versions, [{ id: version.id, version: changed, changedAt: at }]);
    committed = await commitChanges(tx, [itemOf(changed, 'statusChanged', because)], at);
    revision = committed.at(-1)?.revision ?? before;
  });
  deps.known.take(committed, new Map());
  return { done: `${deployment} ${tag} is ${status}`, changes: committed, revision };
}

function unknownVersion(known: KnownInventory, deployment: string, tag: string, status: VersionStatus): SlipwayError {
  const doing = `Making ${deployment} ${tag} ${status}`;
  if (!known.all.deployments.has(deployment)) return unknownDeployment(known, deployment, doing);
  const tags = known.all.versions.of(deployment).map((version) => version.tag);
  return new SlipwayError({
    code: 'registry.version.unknown',
    kind: 'missing',
    message: `${doing}: ${deployment} has no version ${tag}${didYouMean(tag, tags.slice(-200))}`,
    details: { deployment, tag },
  });
}
