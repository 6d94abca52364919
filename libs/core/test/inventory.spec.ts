import { describe, expect, it } from '@jest/globals';
import { Inventory, type InventoryChange, type InventoryItem, type ResourceDoc } from '@slipway/core';
import fc from 'fast-check';

const resource = (identifier: string, metadata: Record<string, string> = {}): ResourceDoc => ({
  identifier,
  name: identifier,
  kind: 'host',
  version: '1',
  metadata,
  config: {},
  variables: {},
});
const environment = (name: string, system = 'shop'): InventoryItem => ({
  kind: 'environment',
  name,
  doc: { name, system, resources: 'true', metadata: {} },
});
const deployment = (name: string, system = 'shop'): InventoryItem => ({
  kind: 'deployment',
  name,
  doc: { name, system, resources: 'true', pool: 'p', executor: { type: 'command' }, variables: {}, verification: [], metadata: {} },
});
const host = (name: string): InventoryItem => ({ kind: 'resource', name, doc: resource(name) });
const relating = (name: string, other: string): InventoryItem => ({
  kind: 'resource',
  name,
  doc: { ...resource(name), relations: { other } },
});
const targets = (d: string, e: string, added: string[], removed: string[] = []): InventoryItem => ({
  kind: 'targets',
  name: `${d}/${e}`,
  doc: { deployment: d, environment: e, added, removed },
});
const version = (d: string, tag: string, sequence: number): InventoryItem => ({
  kind: 'version',
  name: `${d}/${tag}`,
  doc: {
    id: `${d}-${tag}`,
    deployment: d,
    tag,
    name: tag,
    status: 'ready',
    sequence,
    config: {},
    metadata: {},
    dependsOn: [],
    createdAt: 0,
  },
});

const numbered = (items: InventoryItem[]): InventoryChange[] => items.map((item, at) => ({ revision: at + 1, at, item }));
const inventoryOf = (items: InventoryItem[]): Inventory => {
  const inventory = new Inventory();
  for (const change of numbered(items)) inventory.apply(change);
  return inventory;
};
const namesOf = (touched: { pairs: { deployment: string; environment: string }[] }): string[] =>
  touched.pairs.map((pair) => `${pair.deployment}/${pair.environment}`).sort();

describe('the inventory', () => {
  it('knows at which revision each target was last concerned', () => {
    const inventory = inventoryOf([
      environment('staging'),
      deployment('checkout'),
      host('a'),
      host('b'),
      targets('checkout', 'staging', ['a', 'b']),
    ]);
    expect(inventory.targetRevision('checkout', 'staging', 'a')).toBe(5);
    inventory.apply({ revision: 6, at: 0, item: host('a') });
    expect(inventory.targetRevision('checkout', 'staging', 'a')).toBe(6);
    expect(inventory.targetRevision('checkout', 'staging', 'b')).toBe(5);
    expect(inventory.targets('checkout', 'staging')?.changedSince(5)).toEqual(['a']);
    inventory.apply({ revision: 7, at: 0, item: environment('staging') });
    expect(inventory.targets('checkout', 'staging')?.changedSince(6)).toEqual(['a', 'b']);
    inventory.apply({ revision: 8, at: 0, item: version('checkout', '1.0.0', 1) });
    expect(inventory.targetRevision('checkout', 'staging', 'b')).toBe(7);
    expect(inventory.targetRevision('checkout', 'staging', 'c')).toBeUndefined();
  });

  it('tells what a change concerns: a version its deployment, a resource its pairs, a system all within it, a policy everything', () => {
    const inventory = inventoryOf([
      environment('staging'),
      environment('production'),
      environment('lab', 'other'),
      deployment('checkout'),
      deployment('catalog'),
      deployment('probe', 'other'),
      host('a'),
      host('b'),
      targets('checkout', 'staging', ['a']),
      targets('checkout', 'production', ['b']),
      targets('catalog', 'production', ['b']),
      targets('probe', 'lab', ['a']),
    ]);
    let revision = inventory.revision;
    const touched = (item: InventoryItem) => inventory.apply({ revision: (revision += 1), at: 0, item });
    const shop = ['catalog/production', 'checkout/production', 'checkout/staging'];
    expect(namesOf(touched(version('checkout', '1.0.0', 1)))).toEqual(['checkout/production', 'checkout/staging']);
    expect(namesOf(touched(host('a')))).toEqual(['checkout/staging', 'probe/lab']);
    expect(namesOf(touched(environment('staging')))).toEqual(shop);
    expect(namesOf(touched(targets('catalog', 'staging', ['a'])))).toEqual([
      'catalog/production',
      'catalog/staging',
      'checkout/production',
      'checkout/staging',
    ]);
    const policy = touched({ kind: 'policy', name: 'p', doc: { name: 'p', selector: 'true', enabled: true, priority: 0, rules: [] } });
    expect(policy.all).toBe(true);
    expect(namesOf(policy)).toHaveLength(5);
    expect(namesOf(touched({ kind: 'environment', name: 'lab', doc: null }))).toEqual(['probe/lab']);
  });

  it('applies a change once, and refuses one that leaves a gap', () => {
    const changes = numbered([environment('staging'), deployment('checkout'), host('a'), targets('checkout', 'staging', ['a'])]);
    const inventory = inventoryOf(changes.map((change) => change.item));
    expect(namesOf(inventory.apply({ revision: 4, at: 0, item: targets('checkout', 'staging', [], ['a']) }))).toEqual(['checkout/staging']);
    expect(inventory.targets('checkout', 'staging')?.size).toBe(1);
    expect(() => inventory.apply({ revision: 6, at: 0, item: host('b') })).toThrow(expect.objectContaining({ code: 'core.inventory.gap' }));
    expect(inventory.revision).toBe(4);
  });

  it('concerns with a change of a resource the targets that relate to it, and with a variable set nothing by itself', () => {
    const inventory = inventoryOf([
      environment('production'),
      deployment('checkout'),
      host('db'),
      relating('par-1', 'db'),
      host('par-2'),
      targets('checkout', 'production', ['par-1', 'par-2']),
    ]);
    const seen = inventory.revision;
    expect(namesOf(inventory.apply({ revision: seen + 1, at: 0, item: host('db') }))).toEqual(['checkout/production']);
    expect(inventory.targets('checkout', 'production')?.changedSince(seen)).toEqual(['par-1']);
    expect([...inventory.relatedTo('db')]).toEqual(['par-1']);
    expect(namesOf(inventory.apply({ revision: seen + 2, at: 0, item: host('par-1') }))).toEqual(['checkout/production']);
    expect(namesOf(inventory.apply({ revision: seen + 3, at: 0, item: host('db') }))).toEqual([]);
    const doc = { name: 'tls', selector: 'true', priority: 0, variables: { port: 1 } };
    expect(namesOf(inventory.apply({ revision: seen + 4, at: 0, item: { kind: 'variableSet', name: 'tls', doc } }))).toEqual([]);
    expect([...inventory.variableSets.values()]).toEqual([doc]);
  });

  it('orders the versions of a deployment by sequence, however they come', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 6 })),
        (order, again) => {
          const repeated = [...order, order[(again.next().value ?? 0) % order.length] as number];
          const inventory = inventoryOf(repeated.map((sequence) => version('checkout', `1.${sequence}.0`, sequence)));
          expect(inventory.versions.of('checkout').map((v) => v.sequence)).toEqual([...order].sort((a, b) => a - b));
          for (const sequence of order)
            expect(inventory.versions.byTag('checkout', `1.${sequence}.0`)).toBe(inventory.versions.byId(`checkout-1.${sequence}.0`));
        },
      ),
    );
  });

  const hosts = fc.constantFrom('h1', 'h2', 'h3');
  const change: fc.Arbitrary<InventoryItem> = fc.oneof(
    fc.constantFrom('e1', 'e2').map((name) => environment(name)),
    fc.constantFrom('d1', 'd2').map((name) => deployment(name)),
    hosts.map(host),
    fc.tuple(hosts, hosts).map(([name, other]) => relating(name, other)),
    hosts.map((name): InventoryItem => ({ kind: 'resource', name, doc: null })),
    fc
      .tuple(fc.constantFrom('d1', 'd2'), fc.constantFrom('e1', 'e2'), fc.uniqueArray(hosts), fc.uniqueArray(hosts))
      .map(([d, e, added, removed]) =>
        targets(
          d,
          e,
          added,
          removed.filter((r) => !added.includes(r)),
        ),
      ),
  );

  it('has for every target the revision of the last change that names it, its resource, deployment or environment', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (items) => {
        const inventory = inventoryOf(items);
        for (const d of ['d1', 'd2'])
          for (const e of ['e1', 'e2'])
            for (const r of ['h1', 'h2', 'h3']) expect(inventory.targetRevision(d, e, r)).toBe(expectedRevision(items, d, e, r));
      }),
    );
  });

  it('restored from what is left of each thing is the same as the one that saw every change', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (items) => {
        const seen = inventoryOf(items);
        const restored = new Inventory();
        for (const { item, revision } of numbered(items)) if (item.kind !== 'targets') restored.set(item, revision);
        for (const { item, revision } of numbered(items)) {
          if (item.kind !== 'targets') continue;
          for (const r of item.doc.removed) restored.setTarget(item.doc.deployment, item.doc.environment, r, undefined);
          for (const r of item.doc.added) restored.setTarget(item.doc.deployment, item.doc.environment, r, revision);
        }
        restored.advanceTo(items.length);
        for (const d of ['d1', 'd2'])
          for (const e of ['e1', 'e2'])
            for (const r of ['h1', 'h2', 'h3']) expect(restored.targetRevision(d, e, r)).toBe(seen.targetRevision(d, e, r));
        expect([...restored.resources]).toEqual([...seen.resources]);
        expect(restored.revision).toBe(seen.revision);
      }),
    );
  });
});

/** The plain reading: go through all changes, remember the last that concerns the target while it is there. A removed resource concerns nothing any more. */
function expectedRevision(items: InventoryItem[], d: string, e: string, r: string): number | undefined {
  let added: number | undefined;
  let related: string | undefined;
  const last = { environment: 0, deployment: 0 };
  const resources = new Map<string, number>();
  items.forEach((item, at) => {
    if (item.kind === 'targets' && item.doc.deployment === d && item.doc.environment === e) {
      if (item.doc.removed.includes(r)) added = undefined;
      if (item.doc.added.includes(r)) added = at + 1;
    } else if (item.kind === 'environment' && item.name === e) last.environment = at + 1;
    else if (item.kind === 'deployment' && item.name === d) last.deployment = at + 1;
    else if (item.kind === 'resource') {
      resources.set(item.name, item.doc === null ? 0 : at + 1);
      if (item.name === r) related = item.doc?.relations?.['other'];
    }
  });
  if (added === undefined) return undefined;
  return Math.max(added, last.environment, last.deployment, resources.get(r) ?? 0, resources.get(related ?? '') ?? 0);
}
