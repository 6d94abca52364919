import type { Store } from '@slipway/persistence';
import { historyTable } from '../tables.js';

const DAY_MS = 86_400_000;
/** Facts of targets are many: a quarter of a year shows how a policy would have done. */
export const RELEASES_KEPT_MS = 92 * DAY_MS;
/** Versions and people's words are few, and what stands today may rest on one of last year; as long as the stream keeps events. */
export const WORDS_KEPT_MS = 400 * DAY_MS;
/** How often it is looked for what is too old. */
const PRUNE_EVERY_MS = 3_600_000;

/** Forgets history that is too old, now and then. Any copy may do it at any time: what is gone is gone. */
export class HistoryPruner {
  private prunedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly store: Store) {}

  async prune(now: number): Promise<void> {
    if (now - this.prunedAt < PRUNE_EVERY_MS) return;
    this.prunedAt = now;
    await this.store.transaction(async (tx) => {
      await tx.remove(historyTable, { kind: ['release', 'shadow'], at: { lt: now - RELEASES_KEPT_MS } });
      await tx.remove(historyTable, { at: { lt: now - WORDS_KEPT_MS } });
    });
  }
}
