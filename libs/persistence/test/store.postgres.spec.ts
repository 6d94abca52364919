import { unpackMessages } from '@slipway/persistence';
import { createTestStore } from '@slipway/testkit';
import { contractTables, storeContract } from './store-contract.js';

storeContract('PostgreSQL', async () => {
  const store = await createTestStore(contractTables);
  return {
    store,
    async sent() {
      const { rows } = await store.pool.query(`select subjects, ids, headers, bodies from ${store.schema}.outbox order by id`);
      return rows.flatMap(unpackMessages).map((message) => ({ ...message, body: JSON.parse(message.body) as unknown }));
    },
    clear: async () =>
      void (await store.pool.query(
        `truncate ${['berths', 'captains', 'outbox', 'inbox'].map((table) => `${store.schema}.${table}`).join(', ')}`,
      )),
    close: () => store.close(),
  };
});
