import { subjects } from '@slipway/contracts';
import type { InventoryChange, InventoryItem } from '@slipway/core';
import type { OutboxMessage, Tx } from '@slipway/persistence';
import { changes } from '../tables.js';
import { loadRevision } from './known-inventory.js';

/** Whoever numbers changes holds this lock until the commit: revisions are contiguous and seen in order. */
export const INVENTORY_LOCK = 'registry.inventory';

/** What happened to one item, with the words that people read first in its event. */
export interface NumberedItem {
  item: InventoryItem;
  verb: 'applied' | 'removed' | 'published' | 'statusChanged' | 'changed';
  told: Record<string, string | number>;
}

function subjectOf({ item, verb }: NumberedItem): string {
  if (item.kind === 'targets') return subjects.targets(item.doc.deployment, item.doc.environment);
  if (item.kind === 'version') return subjects.version(item.doc.deployment, verb === 'published' ? 'published' : 'statusChanged');
  return subjects.inventory(item.kind, item.name, item.doc === null ? 'removed' : 'applied');
}

function eventOf(numbered: NumberedItem, change: InventoryChange): OutboxMessage {
  return {
    subject: subjectOf(numbered),
    id: `registry.revision.${change.revision}`,
    body: { ...numbered.told, verb: numbered.verb, revision: change.revision, at: change.at, item: change.item },
  };
}

/** Number the items, write them into the feed and announce them. The caller holds INVENTORY_LOCK. */
export async function commitChanges(tx: Tx, items: readonly NumberedItem[], at: number): Promise<InventoryChange[]> {
  if (items.length === 0) return [];
  const revision = await loadRevision(tx);
  const numbered = items.map(({ item }, i): InventoryChange => ({ revision: revision + i + 1, at, item }));
  await Promise.all([tx.add(changes, numbered), tx.send(items.map((item, i) => eventOf(item, numbered[i] as InventoryChange)))]);
  return numbered;
}
