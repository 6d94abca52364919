import { describe, expect, it } from '@jest/globals';
import type { DeploymentDoc, Obligations } from '@slipway/core';
import { jobTable } from '../src/tables.js';
import { canaryThenRest, health, Mesh } from './mesh.js';

const back: Partial<Obligations> = {
  gradualRollout: canaryThenRest,
  rollback: { kind: 'rollback', on: ['jobFailure', 'verificationFailure'], scope: 'rollout' },
};

const deployment = (executor: DeploymentDoc['executor']): DeploymentDoc => ({
  ...{ name: 'checkout', system: 'shop', resources: 'true', pool: 'eu', executor },
  ...{ variables: { port: { type: 'integer', default: 8080 } }, verification: [health], metadata: {} },
});

const reconfigure = (mesh: Mesh, executor: DeploymentDoc['executor']): Promise<void> =>
  mesh.inventory({ kind: 'deployment', name: 'checkout', doc: deployment(executor) });

/** What the executor was given by each rollback, oldest first. */
async function broughtBack(mesh: Mesh): Promise<{ resource: string; executor: string; config: unknown }[]> {
  const where = { kind: 'deploy' as const, rollback: true };
  const jobs = await mesh.store.read((reader) => reader.find(jobTable, where, { orderBy: { queuedAt: 'asc', id: 'asc' } }));
  return jobs.map(({ resource, executor, config }) => ({ resource, executor, config }));
}

describe('a rollback', () => {
  const executor = { type: 'command', run: ['install', '{{ version.tag }}', '--back={{ job.rollback }}'] };

  it('renders the executor’s template of the release that it brings back, not what the deployment says by now', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health], executor }).begin();
    await mesh.release('1.0.0', back);
    await mesh.work();
    await mesh.publish('1.1.0');
    await reconfigure(mesh, { type: 'upgrade', program: '{{ version.tag }}' });
    await mesh.decide(mesh.decision('1.0.0', 'waiting', back), mesh.decision('1.1.0', 'allowed', back));
    mesh.restart();
    await mesh.work({ measure: (job) => (job.version === '1.1.0' ? 'failed' : 'passed') });
    expect(await broughtBack(mesh)).toEqual([
      { resource: 'host-1', executor: 'command', config: { type: 'command', run: ['install', '1.0.0', '--back=true'] } },
    ]);
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);
  });

  it('stays as it was brought back, until something changes again', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health], executor }).begin();
    await mesh.release('1.0.0', back);
    await mesh.work();
    await mesh.publish('1.1.0');
    await reconfigure(mesh, { type: 'command', run: ['upgrade', '{{ version.tag }}'] });
    await mesh.decide(mesh.decision('1.0.0', 'waiting', back), mesh.decision('1.1.0', 'allowed', back));
    await mesh.work({ measure: (job) => (job.version === '1.1.0' ? 'failed' : 'passed') });
    await mesh.decide(mesh.decision('1.0.0', 'allowed', back));
    await mesh.work();
    const deploys = async (): Promise<number> => (await mesh.jobs()).filter((job) => job.kind === 'deploy').length;
    expect(await deploys()).toBe(3);
    await reconfigure(mesh, { type: 'command', run: ['upgrade', '--again', '{{ version.tag }}'] });
    await mesh.decide(mesh.decision('1.0.0', 'allowed', back));
    await mesh.work();
    expect(await deploys()).toBe(4);
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);
  });
});
