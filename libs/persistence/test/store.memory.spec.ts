import { describe, expect, it } from '@jest/globals';
import { createMemoryStore, type MemoryStore } from '@slipway/persistence';
import { captains, contractTables, storeContract } from './store-contract.js';

storeContract('memory', async () => {
  let store: MemoryStore = createMemoryStore(contractTables);
  return {
    store: { transaction: (work) => store.transaction(work), read: (work) => store.read(work) },
    sent: async () => store.outbox().flatMap((row) => row.messages),
    clear: async () => void (store = createMemoryStore(contractTables)),
    close: async () => undefined,
  };
});

describe('the memory store under the simulation', () => {
  it('forgets what was not committed when its process dies, and serves the next one', async () => {
    const store = createMemoryStore(contractTables);
    let goOn = () => undefined as void;
    const stuck = store.transaction(async (tx) => {
      await tx.put(captains, [{ name: 'Ann', licence: '1' }]);
      await new Promise<void>((resolve) => (goOn = resolve));
      await tx.send([{ subject: 's', id: '1', body: 1 }]);
    });
    const waiting = store.transaction((tx) => tx.put(captains, [{ name: 'Bo', licence: '2' }]));
    await Promise.resolve();
    store.crash();
    await store.transaction((tx) => tx.put(captains, [{ name: 'Cy', licence: '3' }]));
    goOn();
    await expect(stuck).rejects.toMatchObject({ code: 'persistence.store.crashed' });
    await expect(waiting).rejects.toMatchObject({ code: 'persistence.store.crashed' });
    expect(store.snapshot()['captains']).toEqual([{ name: 'Cy', licence: '3' }]);
    expect(store.outbox()).toEqual([]);
  });

  it('hands out unsent outbox rows until they are marked', async () => {
    const store = createMemoryStore(contractTables);
    await store.transaction((tx) => tx.send([{ subject: 's', id: '1', body: 1 }]));
    await store.transaction((tx) => tx.send([{ subject: 's', id: '2', body: 2 }]));
    store.markSent([1]);
    expect(store.outbox('unsent').map((row) => row.messages[0]?.id)).toEqual(['2']);
    expect(store.outbox()).toHaveLength(2);
  });
});
