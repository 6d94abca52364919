import { createTestStore } from '@slipway/testkit';
import { tables } from '../src/tables.js';
import { policyBehaviour } from './policy-behaviour.js';

policyBehaviour('PostgreSQL', async () => {
  const store = await createTestStore(tables);
  return { store, close: () => store.close() };
});
