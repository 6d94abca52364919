import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import type { Store } from '@slipway/persistence';
import { loadRevision } from '../inventory/known-inventory.js';
import { changes } from '../tables.js';

/** A page of the feed may hold few big changes: what is read stops before a reply grows past what a message carries. */
const PAGE_BYTES_MAX = 2_000_000;

/** One page of changes after a revision, oldest first, and how far the feed reaches. */
export async function readFeed(store: Store, { since, limit }: ParsedRequestOf<'registry.feed'>): Promise<ReplyOf<'registry.feed'>> {
  return store.read(async (reader) => {
    const rows = await reader.find(changes, { revision: { gt: since } }, { orderBy: { revision: 'asc' }, limit });
    let bytes = 0;
    const fits = rows.findIndex((row) => (bytes += JSON.stringify(row.item).length) > PAGE_BYTES_MAX);
    const page = fits < 0 ? rows : rows.slice(0, Math.max(1, fits));
    return { changes: page, revision: await loadRevision(reader) };
  });
}
