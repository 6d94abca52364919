import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Inventory } from '@slipway/core';
import type { PostgresStore } from '@slipway/persistence';
import { createTestStore } from '@slipway/testkit';
import { tables } from '../src/tables.js';
import { host, refusal, registryOn, SHOP } from './fixture.js';

describe('the registry on PostgreSQL', () => {
  let store: PostgresStore;
  beforeAll(async () => {
    store = await createTestStore(tables);
  }, 120_000);
  afterAll(() => store.close());

  it('numbers changes without gaps while several copies apply and publish at once, and the feed makes the same inventory', async () => {
    const copies = [registryOn(store), registryOn(store), registryOn(store)];
    const [first] = copies;
    await first?.apply(SHOP);
    await Promise.all(
      Array.from({ length: 30 }, (_, i) => {
        const copy = copies[i % copies.length];
        return i % 3 === 0
          ? copy?.ci([{ deployment: 'checkout', body: { tag: `1.0.${i}` } }])
          : copy?.apply(host(`par-${i % 7}`, i % 2 === 0 ? 'production' : 'staging', 'checkout', `name: host ${i}\n`));
      }),
    );
    const feed = await registryOn(store).feed();
    expect(feed.map((c) => c.revision)).toEqual(feed.map((_, i) => i + 1));
    const mirror = new Inventory();
    for (const change of feed) mirror.apply(change);
    for (const copy of [...copies, registryOn(store)]) {
      const { items } = await copy.ask('registry.list', { kind: 'target' });
      const mirrored = [...mirror.pairs()].flatMap((p) =>
        [...p.resources()].map((resource) => ({ deployment: p.deployment, environment: p.environment, resource })),
      );
      const sorted = (list: unknown[]) => list.map((t) => JSON.stringify(t)).sort();
      expect(sorted(items)).toEqual(sorted(mirrored));
      const versions = (await copy.ask('registry.list', { kind: 'version', deployment: 'checkout' })).items as { sequence: number }[];
      expect(versions.map((v) => v.sequence)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    }
  });

  it('keeps nothing of an apply that is refused, and a removed resource can come back', async () => {
    const registry = registryOn(store);
    const before = await registry.feed();
    const error = await refusal(
      registry.apply(`${host('new-1', 'production')}---\nkind: Environment\nname: x\nsystem: nowhere\nresources: "true"\n`),
    );
    expect(error.code).toBe('registry.documents.invalid');
    expect(await registry.feed()).toEqual(before);
    await registry.apply('kind: Resource\nidentifier: par-1\nstate: absent\n');
    expect((await refusal(registry.ask('registry.get', { kind: 'resource', name: 'par-1' }))).kind).toBe('missing');
    const back = await registryOn(store).apply(host('par-1', 'production'));
    expect(back).toMatchObject({ changes: [{ verb: 'create', name: 'par-1' }], targets: { added: 1, removed: 0 } });
  });
});
