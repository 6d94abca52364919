import { Inventory, SlipwayError, type InventoryChange, type InventoryItem, type InventoryTargets, type JsonObject } from '@slipway/core';
import type { Store, Tx } from './store.js';
import { bigint, boolean, defineTable, json, nullable, text } from './table.js';

/*
 * A service's copy of the inventory: rows in its own schema, and one `Inventory` in memory that follows them. Every thing has one row with
 * the revision of its last change, removed things keep theirs (without a document), so that another copy of the service can catch up by
 * reading the rows past its revision.
 */

export const inventoryItems = defineTable(
  'inventory_items',
  { kind: text<InventoryItem['kind']>(), name: text(), revision: bigint(), doc: nullable(json<JsonObject>()) },
  { key: ['kind', 'name'], indexes: [{ name: 'inventory_items_by_revision', columns: ['revision'] }] },
);

export const inventoryTargets = defineTable(
  'inventory_targets',
  { deployment: text(), environment: text(), resource: text(), revision: bigint(), present: boolean() },
  { key: ['deployment', 'environment', 'resource'], indexes: [{ name: 'inventory_targets_by_revision', columns: ['revision'] }] },
);

const inventoryProgress = defineTable('inventory_progress', { name: text(), revision: bigint() }, { key: ['name'] });

/** To be among the tables of every service that holds a mirror. */
export const inventoryTables = [inventoryItems, inventoryTargets, inventoryProgress];

const PROGRESS_KEY = 'inventory';

/** What became of a set of changes. */
export interface Absorbed {
  /** Pairs whose decisions or coverage may differ now. */
  touched: ReadonlySet<InventoryTargets>;
  /** A change before some of these is missing: those were left out, `catchUp` brings them. */
  behind: boolean;
  /** Highest revision in the tables now. */
  revision: number;
  /** The changes that were news, in order. */
  applied: readonly InventoryChange[];
}

type Reader = Pick<Tx, 'find' | 'count'>;

/** What gives pages of the feed: messaging's `Requests`. */
export interface FeedSource {
  ask(operation: 'registry.feed', request: { since: number }): Promise<{ changes: InventoryChange[]; revision: number }>;
}

export class InventoryMirror {
  /** As new as the last `absorb` or `current`. */
  readonly inventory = new Inventory();

  /**
   * Take changes in any order, some perhaps seen before: what follows on without a gap is written and applied, older ones are dropped. The
   * Inventory in memory takes them at once: they are facts of the registry, so it may be ahead of the tables when this transaction fails.
   */
  async absorb(tx: Tx, changes: readonly InventoryChange[]): Promise<Absorbed> {
    const [, from] = await Promise.all([tx.lock('inventory'), progressOf(tx)]);
    const next: InventoryChange[] = [];
    for (const change of [...changes].sort((a, b) => a.revision - b.revision))
      if (change.revision === from + next.length + 1) next.push(change);
    const reached = from + next.length;
    const behind = changes.some((change) => change.revision > reached);
    if (next.length === 0) return { touched: new Set(), behind, revision: from, applied: [] };

    await Promise.all([
      writeItems(tx, next),
      writeTargets(tx, next),
      tx.put(inventoryProgress, [{ name: PROGRESS_KEY, revision: reached }]),
    ]);
    if (this.inventory.revision < from) await this.follow(tx);
    const touched = new Set<InventoryTargets>();
    for (const change of next) for (const targets of this.inventory.apply(change).pairs) touched.add(targets);
    return { touched, behind, revision: reached, applied: next };
  }

  /** The inventory, at least as new as the committed tables (inside a transaction: as what it has absorbed). Read it without awaiting in between. */
  async current(source: Store | Reader): Promise<Inventory> {
    if ('transaction' in source) await source.read((reader) => this.follow(reader));
    else await this.follow(source);
    return this.inventory;
  }

  /**
   * Ask the feed for what is missing, page by page, until level; for the start, for a gap, and for the sweep. `absorbed` runs in the
   * transaction of each page, so that what follows from it is as durable as the page itself.
   */
  async catchUp(store: Store, requests: FeedSource, absorbed?: (tx: Tx, result: Absorbed) => Promise<void>): Promise<number> {
    for (;;) {
      const since = await store.read(progressOf);
      const page = await requests.ask('registry.feed', { since });
      if (page.changes.length === 0) return since;
      const result = await store.transaction(async (tx) => {
        const taken = await this.absorb(tx, page.changes);
        await absorbed?.(tx, taken);
        return taken;
      });
      if (result.revision >= page.revision) return result.revision;
      if (result.revision <= since) throw feedGap(since, page.changes);
    }
  }

  /** Read the rows past what is in memory. Another call may have been faster while this one read: then it looks again. */
  private async follow(reader: Reader): Promise<void> {
    for (;;) {
      const from = this.inventory.revision;
      const reached = await progressOf(reader);
      if (reached <= from) return;
      const [items, targets] = await Promise.all([
        reader.find(inventoryItems, { revision: { gt: from } }),
        reader.find(inventoryTargets, { revision: { gt: from } }),
      ]);
      if (this.inventory.revision !== from) continue;
      // A row may be newer than `reached`, written in between; it is true all the same, and the next call reads it again.
      for (const row of items) this.inventory.set({ kind: row.kind, name: row.name, doc: row.doc ?? null } as never, row.revision);
      for (const row of targets)
        this.inventory.setTarget(row.deployment, row.environment, row.resource, row.present ? row.revision : undefined);
      this.inventory.advanceTo(reached);
    }
  }
}

function feedGap(since: number, changes: readonly InventoryChange[]): SlipwayError {
  const got = changes.map((change) => change.revision);
  return new SlipwayError({
    code: 'persistence.inventory.feedGap',
    kind: 'unavailable',
    message: `Following the inventory past revision ${since}: the feed gave ${Math.min(...got)} to ${Math.max(...got)} and not ${since + 1}`,
  });
}

async function progressOf(reader: Reader): Promise<number> {
  const [row] = await reader.find(inventoryProgress, { name: PROGRESS_KEY });
  return row?.revision ?? 0;
}

async function writeItems(tx: Tx, changes: readonly InventoryChange[]): Promise<void> {
  const rows = changes.flatMap(({ item, revision }) => {
    if (item.kind === 'targets') return [];
    // A tag is unique within its deployment only.
    const name = item.kind === 'version' ? item.doc.id : item.name;
    return [{ kind: item.kind, name, revision, ...(item.doc === null ? {} : { doc: item.doc as unknown as JsonObject }) }];
  });
  await tx.put(inventoryItems, rows);
}

async function writeTargets(tx: Tx, changes: readonly InventoryChange[]): Promise<void> {
  const rows = changes.flatMap(({ item, revision }) => {
    if (item.kind !== 'targets') return [];
    const { deployment, environment, added, removed } = item.doc;
    const row = (resource: string, present: boolean) => ({ deployment, environment, resource, revision, present });
    return [...removed.map((resource) => row(resource, false)), ...added.map((resource) => row(resource, true))];
  });
  await tx.put(inventoryTargets, rows);
}
