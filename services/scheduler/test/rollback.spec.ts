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

describe('a rollback by hand', () => {
  const running = async (more = {}): Promise<Mesh> => {
    const mesh = await new Mesh({ verification: [health], ...more }).begin();
    for (const tag of ['1.0.0', '1.1.0']) {
      await mesh.release(tag);
      await mesh.work();
    }
    return mesh;
  };

  it('takes a whole environment back, each deployment of it, and says what came of each', async () => {
    const mesh = await running();
    const said = await mesh.ask('scheduler.rollback', { environment: 'production', reason: 'bad night' });
    expect(said.done).toMatch(/^checkout: 3 of 3 go back: host-\d to 1.0.0/);
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
    await expect(mesh.ask('scheduler.rollback', { environment: 'production' })).rejects.toMatchObject({
      code: 'scheduler.rollback.none',
      message: expect.stringMatching(/no other version|no earlier version/),
    });
    await expect(mesh.ask('scheduler.rollback', { environment: 'prod' })).rejects.toThrow(/no environment prod\. There are: production/);
  });

  it('of a rollout takes back also what took the version by a rollout that is over', async () => {
    const mesh = await running();
    await mesh.publish('1.2.0');
    const first = mesh.decision('1.2.0');
    const [group] = first.groups;
    first.groups.push({ ...group!, resources: ['host-2', 'host-3'], rest: false, size: 2, verdict: 'waiting' });
    await mesh.decide(first);
    await mesh.work();
    expect((await mesh.rollout('1.2.0')).state).toBe('completed');
    await mesh.decide(mesh.decision('1.2.0', 'allowed', { gradualRollout: canaryThenRest }));
    await mesh.work({}, 2);
    const rolling = (await mesh.rollouts())[0]!;
    expect(rolling).toMatchObject({ version: '1.2.0', state: 'running' });
    expect((await mesh.command('rollback', { version: '1.2.0' })).done).toMatch(
      /1.2.0 is taken back from production.*1 of 1 go back: host-1/,
    );
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.1.0', count: 3, verified: 3 }]);
    expect((await mesh.rollouts())[0]).toMatchObject({ state: 'rolledBack' });
  });

  it('never goes to a version that is not ready, and names what stands in the way', async () => {
    const mesh = await running({ hosts: 1 });
    await mesh.publish('1.0.0', 'paused', 1);
    await expect(mesh.command('rollback')).rejects.toThrow(/1.0.0 was good there, and is paused/);
    expect((await mesh.cell()).running).toEqual([{ version: '1.1.0', count: 1, verified: 1 }]);
    await mesh.publish('1.0.0', 'ready', 1);
    await mesh.command('rollback');
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);
  });

  it('I9: goes further back with each word of a person, and nothing moves on its own between versions that were taken back', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    for (const tag of ['1.0.0', '1.1.0', '1.2.0']) {
      await mesh.release(tag, { rollback: back.rollback! });
      await mesh.work();
    }
    const runs = async (): Promise<string> => (await mesh.cell()).running.map((one) => one.version).join();
    for (const expected of ['1.1.0', '1.0.0']) {
      await mesh.command('rollback');
      await mesh.work();
      expect(await runs()).toBe(expected);
      for (const tag of ['1.0.0', '1.1.0', '1.2.0']) await mesh.decide(mesh.decision(tag, 'allowed', { rollback: back.rollback! }));
      await mesh.pass(61_000);
      expect(await mesh.offered()).toEqual([]);
    }
    await expect(mesh.command('rollback')).rejects.toMatchObject({ code: 'scheduler.rollback.none' });
    expect(await runs()).toBe('1.0.0');
  });
});

describe('a whole rollout that goes back', () => {
  it('goes newest first: the member that began last is brought back first', async () => {
    const mesh = await new Mesh({ hosts: 4, verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    const rule = {
      gradualRollout: { ...canaryThenRest, across: { type: 'allAtOnce' as const }, maxInFlight: 1, failureBudget: { count: 0 } },
    };
    await mesh.release('1.1.0', { ...rule, rollback: back.rollback! });
    for (let i = 0; i < 6; i += 1) {
      mesh.now += 1_000;
      await mesh.work({}, 1);
    }
    mesh.now += 1_000;
    await mesh.work({ measure: () => 'failed' }, 2);
    const jobs = (await mesh.jobs()).filter((job) => job.rollback && job.kind === 'deploy');
    expect(jobs.map((job) => job.resource)).toEqual(['host-4', 'host-3', 'host-2', 'host-1']);
  });

  it('passes no freeze that does not let rollbacks pass: it waits, says so, and goes when the freeze is over', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    await mesh.release('1.1.0');
    await mesh.work();
    const fact = { id: 'f1', by: 'user:ann', reason: 'Black Friday', at: mesh.now, scope: 'true', expiresAt: mesh.now + 86_400_000 };
    const freeze = (revision: number, allowRollback: boolean): Promise<unknown> =>
      mesh.ask('scheduler.takeStanding', { facts: [{ kind: 'freeze', verb: 'made', revision, fact: { ...fact, allowRollback } }] });
    await freeze(1, false);
    await mesh.command('rollback', { resource: 'host-1' });
    const [job] = (await mesh.jobs()).filter((one) => one.rollback);
    expect(job).toMatchObject({ state: 'queued', held: 'gate', heldBecause: expect.stringMatching(/^freeze: .*Black Friday/) });
    await freeze(2, true);
    await mesh.pass(61_000);
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);
  });
});
