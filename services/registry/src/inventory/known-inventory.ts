import type { InventoryKind } from '@slipway/contracts';
import { Inventory, type InventoryChange, type InventoryItem, type Json, type Version } from '@slipway/core';
import type { Store, Tx } from '@slipway/persistence';
import { changes, documents, targets, versions } from '../tables.js';

type Reader = Pick<Tx, 'find' | 'count'>;

/** Changes that are read at once when catching up. */
const PAGE_ROWS = 5_000;

/** The number of the last committed change. */
export async function loadRevision(reader: Reader): Promise<number> {
  const [last] = await reader.find(changes, {}, { orderBy: { revision: 'desc' }, limit: 1, only: ['revision'] });
  return last?.revision ?? 0;
}

/** Kinds whose written form differs from what the feed carries. */
const WRITTEN_KINDS: readonly InventoryKind[] = ['deployment', 'policy'];
const writtenKey = (kind: string, name: string): string => `${kind}/${name}`;

/**
 * The inventory in memory, so that a small change costs little however much there is. It follows the `changes` of the database, which
 * other copies of the registry write too; whoever changes the inventory holds its lock and catches up first.
 */
export class KnownInventory {
  private inventory = new Inventory();
  private written = new Map<string, Json>();
  private loaded = false;
  private catching: Promise<void> = Promise.resolve();

  constructor(private readonly store: Store) {}

  /** Catch up and give the inventory as it is then. */
  async current(reader?: Reader): Promise<KnownInventory> {
    if (reader) await this.follow(reader);
    else {
      const turn = this.catching.then(() => this.store.read((own) => this.follow(own)));
      this.catching = turn.catch(() => undefined);
      await turn;
    }
    return this;
  }

  get all(): Inventory {
    return this.inventory;
  }

  /** What was applied, templates still named; undefined when the document is not there. */
  writtenOf(kind: InventoryKind, name: string): Json | undefined {
    if (WRITTEN_KINDS.includes(kind)) return this.written.get(writtenKey(kind, name));
    return this.docOf(kind, name);
  }

  docOf(kind: InventoryKind, name: string): Json | undefined {
    return this.docs(kind).get(name) as unknown as Json | undefined;
  }

  docs(kind: InventoryKind): ReadonlyMap<string, object> {
    switch (kind) {
      case 'system':
        return this.inventory.systems;
      case 'environment':
        return this.inventory.environments;
      case 'deployment':
        return this.inventory.deployments;
      case 'resource':
        return this.inventory.resources;
      case 'policy':
        return this.inventory.policies;
      case 'metric':
        return this.inventory.metrics;
      case 'variableSet':
        return this.inventory.variableSets;
    }
  }

  /** Take changes that this process has just committed; what does not follow on is left for the next catching up. */
  take(committed: readonly InventoryChange[], written: ReadonlyMap<string, Json>): void {
    if (committed.length === 0 || committed[0]?.revision !== this.inventory.revision + 1) return;
    for (const change of committed) {
      this.inventory.apply(change);
      const key = writtenKey(change.item.kind, change.item.name);
      if (change.item.doc === null) this.written.delete(key);
      else if (written.has(key)) this.written.set(key, written.get(key) as Json);
    }
  }

  private async follow(reader: Reader): Promise<void> {
    if (!this.loaded) await this.load(reader);
    const touched: string[] = [];
    for (;;) {
      const since = this.inventory.revision;
      const page = await reader.find(changes, { revision: { gt: since } }, { orderBy: { revision: 'asc' }, limit: PAGE_ROWS });
      for (const row of page) {
        this.inventory.apply(row);
        if (WRITTEN_KINDS.includes(row.item.kind as InventoryKind)) touched.push(writtenKey(row.item.kind, row.item.name));
      }
      if (page.length < PAGE_ROWS) break;
    }
    if (touched.length > 0) await this.loadWritten(reader, touched);
  }

  /** Rows may already hold changes past the revision read first; applying those changes again does no harm. */
  private async load(reader: Reader): Promise<void> {
    const inventory = new Inventory();
    const revision = await loadRevision(reader);
    for (const row of await reader.find(documents, { removedAt: null }, { only: ['kind', 'name', 'doc', 'revision'] }))
      inventory.set(
        { kind: row.kind, name: row.name, doc: row.doc } as unknown as Exclude<InventoryItem, { kind: 'targets' }>,
        row.revision,
      );
    for (const row of await reader.find(versions, {}, { orderBy: { sequence: 'asc' } }))
      inventory.set({ kind: 'version', name: row.version.tag, doc: row.version satisfies Version }, revision);
    for (const row of await reader.find(targets, {})) inventory.setTarget(row.deployment, row.environment, row.resource, row.revision);
    inventory.advanceTo(revision);
    this.inventory = inventory;
    await this.loadWritten(reader);
    this.loaded = true;
  }

  private async loadWritten(reader: Reader, touched?: readonly string[]): Promise<void> {
    const names = touched?.map((key) => key.slice(key.indexOf('/') + 1));
    const rows = await reader.find(
      documents,
      { kind: WRITTEN_KINDS, ...(names ? { name: names } : {}) },
      { only: ['kind', 'name', 'written', 'removedAt'] },
    );
    for (const row of rows) {
      if (row.removedAt === undefined) this.written.set(writtenKey(row.kind, row.name), row.written);
      else this.written.delete(writtenKey(row.kind, row.name));
    }
  }
}
