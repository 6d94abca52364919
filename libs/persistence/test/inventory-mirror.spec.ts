import { describe, expect, it } from '@jest/globals';
import type { Inventory, InventoryChange, InventoryItem } from '@slipway/core';
import { createMemoryStore, InventoryMirror, inventoryTables, type FeedSource } from '@slipway/persistence';
import fc from 'fast-check';

const host = (name: string, kind = 'host'): InventoryItem => ({
  kind: 'resource',
  name,
  doc: { identifier: name, name, kind, version: '1', metadata: {}, config: {}, variables: {} },
});
const targets = (added: string[], removed: string[] = []): InventoryItem => ({
  kind: 'targets',
  name: 'd/e',
  doc: { deployment: 'd', environment: 'e', added, removed },
});
const version = (tag: string, sequence: number, status: 'ready' | 'paused' = 'ready'): InventoryItem => ({
  kind: 'version',
  name: tag,
  doc: { id: `v${sequence}`, deployment: 'd', tag, name: tag, status, sequence, config: {}, metadata: {}, dependsOn: [], createdAt: 0 },
});

const items = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('host', 'vm')).map(([name, kind]) => host(name, kind)),
    fc.constant<InventoryItem>({ kind: 'resource', name: 'a', doc: null }),
    fc.constantFrom(targets(['a', 'b']), targets(['a'], ['b']), targets([], ['a'])),
    fc.constantFrom(version('1', 1), version('2', 2), version('1', 1, 'paused')),
  ),
  { minLength: 1, maxLength: 25 },
);
const numbered = (list: InventoryItem[]): InventoryChange[] => list.map((item, at) => ({ revision: at + 1, at, item }));
const feedOf = (changes: InventoryChange[], page = 3): FeedSource => ({
  ask: async (_operation, { since }) => ({
    changes: changes.filter((change) => change.revision > since).slice(0, page),
    revision: changes.length,
  }),
});
const seen = (inventory: Inventory) => ({
  revision: inventory.revision,
  resources: [...inventory.resources.entries()].sort(),
  versions: inventory.versions.of('d'),
  targets: [...(inventory.targets('d', 'e')?.resources() ?? [])].sort().map((r) => [r, inventory.targetRevision('d', 'e', r)]),
});

async function mirrored(changes: InventoryChange[]): Promise<ReturnType<typeof seen>> {
  const store = createMemoryStore(inventoryTables);
  const mirror = new InventoryMirror();
  await mirror.catchUp(store, feedOf(changes));
  return seen(await mirror.current(store));
}

describe('the inventory mirror', () => {
  it('is the same whatever is repeated, reordered, lost or batched on the way, once it has caught up', async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.array(fc.array(fc.nat(30), { maxLength: 6 }), { maxLength: 12 }), async (list, deliveries) => {
        const changes = numbered(list);
        const store = createMemoryStore(inventoryTables);
        const mirror = new InventoryMirror();
        for (const delivery of deliveries) {
          const batch = delivery.flatMap((n) => changes[n % changes.length] ?? []);
          const result = await store.transaction((tx) => mirror.absorb(tx, batch));
          expect(result.behind).toBe(batch.some((change) => change.revision > result.revision));
          expect((await mirror.current(store)).revision).toBe(result.revision);
        }
        expect(await mirror.catchUp(store, feedOf(changes))).toBe(changes.length);
        expect(seen(await mirror.current(store))).toEqual(await mirrored(changes));
      }),
      { numRuns: 60 },
    );
  });

  it('is the same in every copy of a service, and in one that starts from the rows', async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.array(fc.nat(2), { minLength: 1, maxLength: 40 }), async (list, turns) => {
        const changes = numbered(list);
        const store = createMemoryStore(inventoryTables);
        const copies = [new InventoryMirror(), new InventoryMirror()];
        let given = 0;
        for (const turn of turns) {
          if (turn === 2) for (const copy of copies) expect((await copy.current(store)).revision).toBe(given);
          else
            given = (await store.transaction((tx) => (copies[turn] as InventoryMirror).absorb(tx, changes.slice(0, given + 1)))).revision;
        }
        const expected = await mirrored(changes.slice(0, given));
        for (const copy of [...copies, new InventoryMirror()]) expect(seen(await copy.current(store))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('comes to the same when a transaction that absorbed changes is rolled back', async () => {
    const changes = numbered([host('a'), targets(['a']), version('1', 1), host('a', 'vm')]);
    const store = createMemoryStore(inventoryTables);
    const mirror = new InventoryMirror();
    const other = new InventoryMirror();
    await store.transaction((tx) => mirror.absorb(tx, changes.slice(0, 2)));
    const failing = store.transaction(async (tx) => {
      await mirror.absorb(tx, changes.slice(2));
      throw new Error('the commit failed');
    });
    await expect(failing).rejects.toThrow('the commit failed');
    expect((await other.current(store)).revision).toBe(2);
    const again = await store.transaction((tx) => mirror.absorb(tx, changes.slice(2)));
    expect([...again.touched].map((pair) => pair.environment)).toEqual(['e']);
    expect(seen(await other.current(store))).toEqual(seen(await mirror.current(store)));
    expect((await other.current(store)).targetRevision('d', 'e', 'a')).toBe(4);
  });

  it('gives what absorbs a page of the feed a place in its transaction, and says when the feed itself has a gap', async () => {
    const changes = numbered([host('a'), targets(['a']), host('b')]);
    const store = createMemoryStore(inventoryTables);
    const mirror = new InventoryMirror();
    await mirror.catchUp(store, feedOf(changes, 2), async (tx, { revision }) =>
      tx.send([{ subject: 's', id: String(revision), body: revision }]),
    );
    expect(store.outbox().flatMap((row) => row.messages.map((message) => message.body))).toEqual([2, 3]);
    const broken: FeedSource = { ask: async () => ({ changes: [{ revision: 9, at: 0, item: host('c') }], revision: 9 }) };
    await expect(mirror.catchUp(store, broken)).rejects.toMatchObject({ code: 'persistence.inventory.feedGap' });
  });
});
