import { createMemoryStore } from '@slipway/persistence';
import { tables } from '../src/tables.js';
import { policyBehaviour } from './policy-behaviour.js';

policyBehaviour('the memory store', async () => ({ store: createMemoryStore(tables), close: async () => undefined }));
