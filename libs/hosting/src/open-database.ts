import { setTimeout as pause } from 'node:timers/promises';
import { SlipwayError } from '@slipway/core';
import { createPostgresStore, type PostgresStore, type PostgresStoreOptions } from '@slipway/persistence';
import { Backoff } from '@slipway/runtime';

const RETRY = { firstMs: 100, maxMs: 3_000 };

/** Open the store and migrate it, for as long as it takes PostgreSQL to be there. Anything but its absence is thrown. */
export async function openDatabase(options: PostgresStoreOptions, stopping: () => boolean): Promise<PostgresStore> {
  const { log, ids } = options;
  const store = await createPostgresStore(options);
  const backoff = new Backoff(RETRY, () => ids.random());
  for (;;) {
    try {
      const steps = await store.migrate();
      if (steps.length > 0) log.info('schema migrated', { schema: options.schema, steps });
      return store;
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.kind !== 'unavailable' || stopping()) {
        await store.close();
        throw error;
      }
      const retryMs = backoff.next();
      log.warn('still waiting for PostgreSQL', { because: error.message, retryMs });
      await pause(retryMs);
    }
  }
}
