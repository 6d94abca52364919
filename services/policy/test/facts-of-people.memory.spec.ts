import { createMemoryStore } from '@slipway/persistence';
import { tables } from '../src/tables.js';
import { factsOfPeopleBehaviour } from './facts-of-people-behaviour.js';

factsOfPeopleBehaviour('the memory store', async () => ({ store: createMemoryStore(tables), close: async () => undefined }));
