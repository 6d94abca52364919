import { beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryStore } from '@slipway/persistence';
import type { MemoryStore } from '@slipway/persistence';
import { decisionTable, dirtyTable, pairTable, tables } from '../src/tables.js';
import { Mesh, START, approval, deployment, environment, host, policy, published, releaser, system, targets, version } from './mesh.js';

/** More than are judged anew before what concerned them is acknowledged. */
const HOSTS = Array.from({ length: 3_000 }, (_, index) => `h${index}`);
const old = version('checkout', '1.0.0', 1);
const next = version('checkout', '1.1.0', 2);
const ask = { deployment: 'checkout', environment: 'production', version: '1.1.0' };

describe('a large place', () => {
  let store: MemoryStore;
  let mesh: Mesh;

  beforeEach(async () => {
    store = createMemoryStore(tables);
    mesh = new Mesh(store);
    await mesh.inventory(
      system,
      environment('production'),
      deployment('checkout'),
      ...HOSTS.map((name, index) => host(name, { region: index % 2 === 0 ? 'par' : 'fra' })),
      targets('checkout', 'production', HOSTS),
      policy('cooled', 'resource.metadata.region == "par"', { kind: 'cooldown', intervalMs: 3_600_000 }),
      policy('approved', 'environment.name == "production"', approval),
      published(old),
    );
    await mesh.releases(...HOSTS.map((name) => mesh.fact('checkout', 'production', name, old, { startedAt: START - 7_200_000 })));
    await mesh.inventory(published(next));
    await mesh.advance(10_000);
    mesh.told.length = 0;
  });

  const asked = (): number => mesh.told.filter(({ message }) => message === 'judged').reduce((sum, one) => sum + Number(one['asked']), 0);
  const decidedRows = (): unknown => {
    const rows = store.snapshot();
    return [decisionTable, pairTable, dirtyTable].map((table) => rows[table.name]);
  };
  const verdictAt = async (resource: string): Promise<string | undefined> => {
    const { decisions } = await mesh.parts.operations['policy.decisions']!(ask, releaser);
    const decision = decisions.find((one) => one.version === next.tag);
    const group = decision?.groups.find((one) => one.resources.includes(resource)) ?? decision?.groups.find((one) => one.rest);
    return group?.policies.flatMap((one) => one.rules).find((one) => one.rule === 'cooldown')?.verdict;
  };

  it('asks one target again when a fact concerns it alone, and decides at once', async () => {
    expect(await verdictAt('h2')).toBe('allowed');
    await mesh.releases(mesh.fact('checkout', 'production', 'h2', old, { startedAt: mesh.now }));
    expect(await verdictAt('h2')).toBe('waiting');
    expect(await verdictAt('h4')).toBe('allowed');
    expect(asked()).toBe(1);
    expect(await store.read((tx) => tx.find(dirtyTable, {}))).toEqual([]);
  });

  it('I10: writes nothing of decisions when the fact changes no answer', async () => {
    const before = decidedRows();
    await mesh.releases(mesh.fact('checkout', 'production', 'h2', old, { startedAt: START - 7_200_000 }));
    expect(asked()).toBe(1);
    expect(decidedRows()).toEqual(before);
  });

  it('asks no target again when a person approves', async () => {
    await mesh.parts.operations['policy.approve']!(ask, releaser);
    expect((await mesh.parts.operations['policy.decisions']!(ask, releaser)).decisions[0]).toMatchObject({ verdict: 'allowed' });
    expect(asked()).toBe(0);
  });

  it('asks again only those whose time has come', async () => {
    await mesh.releases(mesh.fact('checkout', 'production', 'h2', old, { startedAt: mesh.now }));
    mesh.told.length = 0;
    await mesh.advance(3_600_000);
    expect(await verdictAt('h2')).toBe('allowed');
    expect(asked()).toBe(1);
  });

  it('judges many facts together, after a moment in which more of them may come', async () => {
    await mesh.deliver(
      HOSTS.slice(0, 500).map((name) => mesh.releaseMessage(mesh.fact('checkout', 'production', name, old, { startedAt: mesh.now }))),
    );
    expect(await verdictAt('h2')).toBe('allowed');
    await mesh.advance(5_000);
    expect(await verdictAt('h2')).toBe('waiting');
    expect(asked()).toBe(250);
  });

  it('knows what another copy of the service has learnt meanwhile', async () => {
    const second = mesh.boot();
    await second.wake(mesh.now);
    await mesh.deliver([mesh.releaseMessage(mesh.fact('checkout', 'production', 'h2', old, { startedAt: mesh.now }))], second);
    await mesh.advance(10_000);
    expect(await verdictAt('h2')).toBe('waiting');
    await mesh.parts.operations['policy.approve']!(ask, releaser);
    expect(await verdictAt('h2')).toBe('waiting');
    expect(asked()).toBeLessThan(2 * HOSTS.length);
  });
});
