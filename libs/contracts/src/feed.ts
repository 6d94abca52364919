import type { InventoryChange } from '@slipway/core';
import { z } from 'zod';

/** How many changes one page of the feed holds. */
export const FEED_PAGE_MAX = 1_000;

/**
 * The body of inventory events and the rows of `registry.feed`. Revisions are contiguous. A mirror applies the change that is exactly
 * its revision + 1, drops what is older, and asks the feed for the rest when it sees a gap: an event is a hint to look again.
 */
export const inventoryChangeSchema = z.looseObject({
  revision: z.int().min(1),
  at: z.number(),
  item: z.looseObject({ kind: z.string(), name: z.string() }),
}) as unknown as z.ZodType<InventoryChange>;

export const feedRequestSchema = z.object({ since: z.int().min(0), limit: z.int().min(1).max(FEED_PAGE_MAX).default(FEED_PAGE_MAX) });
export const feedReplySchema = z.object({ changes: z.array(inventoryChangeSchema), revision: z.int().min(0) });
