import { createMemoryStore } from '@slipway/persistence';
import { tables } from '../src/tables.js';
import { foresightBehaviour } from './foresight-behaviour.js';

foresightBehaviour('the memory store', async () => ({ store: createMemoryStore(tables), close: async () => undefined }));
