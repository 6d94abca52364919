import { describe, expect, it } from '@jest/globals';
import type { DeploymentDoc, Obligations, ResourceDoc } from '@slipway/core';
import { jobTable } from '../src/tables.js';
import { canaryThenRest, health, Mesh } from './mesh.js';

const waves: Partial<Obligations> = {
  gradualRollout: canaryThenRest,
  rollback: { kind: 'rollback', on: ['jobFailure', 'verificationFailure'], scope: 'rollout' },
};
const executor = { type: 'command', run: ['install', '{{ version.tag }}', '--port={{ variables.port }}', '--job={{ job.id }}'] };

/** A mesh of three hosts that all run 1.0.0, verified. */
async function running(more: Partial<Obligations> = waves): Promise<Mesh> {
  const mesh = await new Mesh({ verification: [health], executor }).begin();
  await mesh.release('1.0.0', more);
  await mesh.work();
  expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
  return mesh;
}

const host = (name: string, more: Partial<ResourceDoc> = {}): ResourceDoc => ({
  ...{ identifier: name, name, kind: 'host', version: 'v1', metadata: {}, config: { address: name }, variables: {} },
  ...more,
});

async function change(mesh: Mesh, ...docs: ResourceDoc[]): Promise<void> {
  await mesh.inventory(...docs.map((doc) => ({ kind: 'resource' as const, name: doc.identifier, doc })));
}

const deployment = (run: string[]): DeploymentDoc => ({
  ...{ name: 'checkout', system: 'shop', resources: 'true', pool: 'eu', executor: { type: 'command', run } },
  ...{ variables: { port: { type: 'integer', default: 8080 } }, verification: [health], metadata: {} },
});

const reconfigure = (mesh: Mesh, ...run: string[]): Promise<void> =>
  mesh.inventory({ kind: 'deployment', name: 'checkout', doc: deployment(run) });

const allow = (mesh: Mesh, tag = '1.0.0', more = waves): Promise<void> => mesh.decide(mesh.decision(tag, 'allowed', more));

/** What was deployed at each host, in order: the arguments without the job's own id. */
async function deployed(mesh: Mesh): Promise<string[]> {
  const jobs = await mesh.store.read((reader) => reader.find(jobTable, { kind: 'deploy' }, { orderBy: { queuedAt: 'asc', id: 'asc' } }));
  return jobs.map((job) => `${job.resource} ${(job.config['run'] as string[]).filter((word) => !word.startsWith('--job')).join(' ')}`);
}

describe('a changed variable or config', () => {
  it('makes a new release of the same version at that target only, once a decision has seen the change', async () => {
    const mesh = await running();
    await change(mesh, host('host-2', { variables: { port: 9090 } }));
    expect(await mesh.offered()).toEqual([]);
    await mesh.decide(mesh.decision('1.0.0', 'waiting', waves));
    expect(await mesh.offered()).toEqual([]);
    await allow(mesh);
    expect((await mesh.offered()).map((job) => job.resource)).toEqual(['host-2']);
    await mesh.work();
    expect((await deployed(mesh)).slice(3)).toEqual(['host-2 install 1.0.0 --port=9090']);
    const [newest, first] = await mesh.rollouts();
    expect([newest?.state, newest?.['renewal'], first?.['renewal']]).toEqual(['completed', true, undefined]);
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
    const { revision } = mesh.said('host-2.succeeded').at(-1)!.body['running'] as { revision: number };
    expect(revision).toBeGreaterThan(6);
    await allow(mesh);
    await mesh.pass(61_000);
    expect(await mesh.rollouts()).toHaveLength(2);
  });

  it('of a resource that others relate to makes new releases at those, and only where it matters to them', async () => {
    const database = (name: string, url: string, metadata = {}): ResourceDoc => host(name, { kind: 'database', config: { url }, metadata });
    const at = (n: number, db: string): ResourceDoc => host(`host-${n}`, { relations: { database: db } });
    const mesh = await new Mesh({ executor: { type: 'command', run: ['install', '{{ relations.database.config.url }}'] } }).begin();
    await change(mesh, database('db-1', 'db://old'), database('db-2', 'db://other'), at(1, 'db-1'), at(2, 'db-1'), at(3, 'db-2'));
    await mesh.release('1.0.0', waves);
    await mesh.work();
    expect(await deployed(mesh)).toEqual(['host-1 install db://old', 'host-2 install db://old', 'host-3 install db://other']);
    await change(mesh, database('db-2', 'db://other', { owner: 'ada' }));
    await allow(mesh);
    await mesh.work();
    expect(await deployed(mesh)).toHaveLength(3);
    await change(mesh, database('db-1', 'db://new'));
    await allow(mesh);
    await mesh.work();
    expect((await deployed(mesh)).slice(3)).toEqual(['host-1 install db://new', 'host-2 install db://new']);
  });

  it('of a variable set makes new releases where the set gives the value', async () => {
    const mesh = await running();
    const set = (value: number) => ({ name: 'tls', selector: 'resource.identifier != "host-2"', priority: 0, variables: { port: value } });
    const declared = (value: number): DeploymentDoc => ({ ...deployment(executor.run), executor, variableSets: [set(value)] });
    await change(mesh, host('host-3', { variables: { port: 8080 } }));
    await mesh.inventory({ kind: 'variableSet', name: 'tls', doc: set(443) }, { kind: 'deployment', name: 'checkout', doc: declared(443) });
    await allow(mesh);
    await mesh.work();
    expect((await deployed(mesh)).slice(3)).toEqual(['host-1 install 1.0.0 --port=443']);
  });

  it('without a value rejects the release with the reason, and nothing is installed', async () => {
    const mesh = await running();
    const url = { type: 'string' as const, default: '{{ relations.database.config.url }}' };
    await mesh.inventory({ kind: 'deployment', name: 'checkout', doc: { ...deployment(executor.run), variables: { url } } });
    await allow(mesh);
    await mesh.work();
    const rejected = (await mesh.jobs({ kind: 'deploy' })).filter((job) => job.state === 'rejected');
    expect(rejected.map((job) => job.message)).toEqual([
      'variable url of deployment checkout, default has no value for host-1: "{{ relations.database.config.url }}" has no value: there is no "relations.database"; give host-1 the relation: relations: { database: <identifier of a resource> }',
    ]);
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
  });

  it('goes through the waves like any version when the deployment changes', async () => {
    const mesh = await running();
    await reconfigure(mesh, 'upgrade', '{{ version.tag }}');
    await allow(mesh);
    expect((await mesh.offered()).map((job) => job.resource)).toEqual(['host-1']);
    await mesh.work();
    expect((await deployed(mesh)).slice(3)).toEqual(['host-1 upgrade 1.0.0', 'host-2 upgrade 1.0.0', 'host-3 upgrade 1.0.0']);
    expect((await mesh.rollouts())[0]).toMatchObject({ version: '1.0.0', state: 'completed', renewal: true });
  });

  it('does nothing where what would be released stays the same', async () => {
    const mesh = await running();
    await change(mesh, host('host-1', { metadata: { owner: 'ada' } }), host('host-2', { variables: { unheard: 1 } }));
    await reconfigure(mesh, ...executor.run);
    await mesh.inventory({
      kind: 'environment',
      name: 'production',
      doc: { name: 'production', system: 'shop', description: 'for customers', resources: 'true', metadata: {} },
    });
    await allow(mesh);
    await mesh.pass(61_000);
    expect(await mesh.rollouts()).toHaveLength(1);
    expect(await mesh.jobs({ kind: 'deploy' })).toHaveLength(3);
  });

  it('I9: is taken back once when it is bad, exactly to what was there, and is not tried again by itself', async () => {
    const mesh = await running();
    await reconfigure(mesh, 'break', '{{ version.tag }}', '{{ job.id }}');
    await allow(mesh);
    await mesh.work({ measure: (job) => (job.rollback ? 'passed' : 'failed') });
    const bad = (await mesh.rollouts())[0]!;
    expect([bad.state, bad.members.map((member) => member.letter).join('')]).toEqual(['rolledBack', 'r..']);
    const jobs = await mesh.jobs({ kind: 'deploy', resource: 'host-1' });
    const configs = await Promise.all(jobs.map(async (job) => (await configOf(mesh, job.id)).join(' ')));
    expect(configs.at(-1)).toBe(`install 1.0.0 --port=8080 --job=${jobs.at(-1)!.id}`);
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
    expect((await mesh.cell()).quarantined).toEqual([]);
    expect((await mesh.cell()).attention.join()).toMatch(
      /^host-1, host-2, host-3: without the variables or config .* not tried again by themselves/,
    );
    expect(mesh.said('host-1.rolledBack').at(-1)!.body).toMatchObject({
      version: '1.0.0',
      outcome: { state: 'succeeded', verified: true },
    });

    const before = (await mesh.jobs()).length;
    await change(mesh, host('host-1', { metadata: { touched: 'yes' } }), host('host-2', { metadata: { touched: 'yes' } }));
    await allow(mesh);
    await mesh.pass(61_000);
    mesh.restart();
    await mesh.pass(61_000);
    expect(await mesh.jobs()).toHaveLength(before);

    await reconfigure(mesh, 'repaired', '{{ version.tag }}');
    await allow(mesh);
    await mesh.work();
    expect((await deployed(mesh)).slice(-3)).toEqual(['host-1 repaired 1.0.0', 'host-2 repaired 1.0.0', 'host-3 repaired 1.0.0']);
    expect((await mesh.cell()).attention).toEqual([]);
  });

  it('I9: that failed stays as it is, without a rule to take it back, until the config changes again', async () => {
    const mesh = await running({ gradualRollout: canaryThenRest });
    const plain = { gradualRollout: canaryThenRest };
    await reconfigure(mesh, 'break');
    await allow(mesh, '1.0.0', plain);
    await mesh.work({ deploy: () => 'failed' });
    expect((await mesh.rollouts())[0]).toMatchObject({ state: 'halted', renewal: true });
    await change(mesh, host('host-1', { metadata: { touched: 'yes' } }), host('host-2', { metadata: { touched: 'yes' } }));
    await allow(mesh, '1.0.0', plain);
    await mesh.pass(61_000);
    expect(await mesh.rollouts()).toHaveLength(2);
    await reconfigure(mesh, 'repaired');
    await allow(mesh, '1.0.0', plain);
    expect((await mesh.rollouts()).map((one) => one.state)).toEqual(['running', 'superseded', 'completed']);
    await mesh.work();
    expect((await deployed(mesh)).slice(-3)).toEqual(['host-1 repaired', 'host-2 repaired', 'host-3 repaired']);
  });

  it('yields to a newer version that may go, which takes the new config along', async () => {
    const mesh = await running();
    await mesh.publish('1.1.0');
    await reconfigure(mesh, 'upgrade', '{{ version.tag }}');
    await mesh.decide(mesh.decision('1.0.0', 'allowed', waves), mesh.decision('1.1.0', 'allowed', waves));
    await mesh.work();
    expect((await deployed(mesh)).slice(3)).toEqual(['host-1 upgrade 1.1.0', 'host-2 upgrade 1.1.0', 'host-3 upgrade 1.1.0']);
    expect((await mesh.rollouts()).map((one) => one.version)).toEqual(['1.1.0', '1.0.0']);
  });

  it('gives way to a newer version that comes while it is under way, and is asked for again where that does not come', async () => {
    const mesh = await running();
    await reconfigure(mesh, 'upgrade', '{{ version.tag }}');
    await allow(mesh);
    const [first] = await mesh.offered();
    await mesh.publish('1.1.0');
    await mesh.decide(mesh.decision('1.1.0', 'allowed', waves));
    expect((await mesh.offered()).map((job) => `${job.version} ${job.resource}`)).toEqual(['1.1.0 host-1']);
    expect(first?.version).toBe('1.0.0');
    await mesh.decide(mesh.decision('1.1.0', 'denied', waves));
    expect((await mesh.offered()).map((job) => `${job.version} ${job.resource}`)).toEqual(['1.0.0 host-1']);
    await mesh.work();
    expect((await deployed(mesh)).slice(-3)).toEqual(['host-1 upgrade 1.0.0', 'host-2 upgrade 1.0.0', 'host-3 upgrade 1.0.0']);
  });

  it('goes where a newer version never began, although that does not come there by itself any more', async () => {
    const mesh = await running();
    await mesh.release('1.1.0', waves);
    await mesh.work({ measure: (job) => (job.version === '1.1.0' ? 'failed' : 'passed') });
    await change(mesh, host('host-3', { variables: { port: 9090 } }));
    await mesh.decide(mesh.decision('1.0.0', 'allowed', waves), mesh.decision('1.1.0', 'allowed', waves));
    await mesh.work({ measure: (job) => (job.version === '1.1.0' ? 'failed' : 'passed') });
    expect((await deployed(mesh)).at(-1)).toBe('host-3 install 1.0.0 --port=9090');
  });

  it('leaves a version that was brought back with the variables it had until something changes again', async () => {
    const mesh = await running();
    await mesh.publish('1.1.0');
    await reconfigure(mesh, 'upgrade', '{{ version.tag }}');
    await mesh.decide(mesh.decision('1.0.0', 'waiting', waves), mesh.decision('1.1.0', 'allowed', waves));
    await mesh.work({ measure: (job) => (job.version === '1.1.0' ? 'failed' : 'passed') });
    const before = (await mesh.jobs({ resource: 'host-1' })).length;
    await allow(mesh);
    await mesh.work();
    expect(await mesh.jobs({ resource: 'host-1' })).toHaveLength(before);
  });
});

async function configOf(mesh: Mesh, id: string): Promise<string[]> {
  const [job] = await mesh.store.read((reader) => reader.find(jobTable, { id }));
  return job!.config['run'] as string[];
}
