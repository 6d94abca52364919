import { createTestStore } from '@slipway/testkit';
import { tables } from '../src/tables.js';
import { factsOfPeopleBehaviour } from './facts-of-people-behaviour.js';

factsOfPeopleBehaviour('PostgreSQL', async () => {
  const store = await createTestStore(tables);
  return { store, close: () => store.close() };
});
