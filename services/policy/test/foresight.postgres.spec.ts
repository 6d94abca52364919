import { createTestStore } from '@slipway/testkit';
import { tables } from '../src/tables.js';
import { foresightBehaviour } from './foresight-behaviour.js';

foresightBehaviour('PostgreSQL', async () => {
  const store = await createTestStore(tables);
  return { store, close: () => store.close() };
});
