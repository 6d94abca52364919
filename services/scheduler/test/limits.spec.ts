import { describe, expect, it } from '@jest/globals';
import type { ConcurrencyRule, NumberedDecision } from '@slipway/core';
import { Mesh, obliged } from './mesh.js';

type Limit = ConcurrencyRule & { policy: string };
const limit = (per: ConcurrencyRule['per'], max = 1): { concurrency: Limit[] } => ({
  concurrency: [{ kind: 'concurrency', policy: 'calm', max, per }],
});

/** A second deployment on the same hosts, in a pool of its own; its jobs count against the same limits. */
async function withCatalog(mesh: Mesh, hosts: string[]): Promise<void> {
  const deployment = {
    ...{ name: 'catalog', system: 'shop', resources: 'true', pool: 'us', executor: { type: 'command', run: ['install'] } },
    ...{ variables: {}, verification: [], metadata: {} },
  };
  await mesh.inventory({ kind: 'deployment', name: 'catalog', doc: deployment as never });
  const doc = { deployment: 'catalog', environment: 'production', added: hosts, removed: [] };
  await mesh.inventory({ kind: 'targets', name: 'catalog/production', doc });
  const version = { id: 'c-1', deployment: 'catalog', tag: '1.0.0', name: '1.0.0', status: 'ready' as const, sequence: 1 };
  await mesh.inventory({
    kind: 'version',
    name: '1.0.0',
    doc: { ...version, config: {}, metadata: {}, dependsOn: [], createdAt: mesh.now },
  });
}

const ofCatalog = (decision: NumberedDecision): NumberedDecision => ({ ...decision, deployment: 'catalog', versionId: 'c-1' });

const offered = async (mesh: Mesh): Promise<string[]> => (await mesh.offered()).map((job) => `${job.deployment} ${job.resource}`);
const held = async (mesh: Mesh): Promise<string[]> =>
  (await mesh.jobs()).filter((job) => job.held).map((job) => `${job.resource}: ${job['heldBecause']}`);

describe('a concurrency limit', () => {
  it('is one per environment, per system, per pool and per resource group, and says which is reached', async () => {
    const said: [ConcurrencyRule['per'], string][] = [
      ['environment', '1 at a time per environment production (policy calm)'],
      ['system', '1 at a time per system shop (policy calm)'],
      ['pool', '1 at a time per pool eu (policy calm)'],
      [{ key: 'resource.kind' }, '1 at a time per resource group "host" (policy calm)'],
    ];
    for (const [per, sentence] of said) {
      const mesh = await new Mesh({ hosts: 2 }).begin();
      await mesh.release('1.0.0', limit(per));
      expect([await offered(mesh), await held(mesh)]).toEqual([['checkout host-1'], [`host-2: ${sentence}`]]);
      await mesh.work();
      expect((await mesh.rollout('1.0.0')).state).toBe('completed');
    }
  });

  it('by key lets each group have its own; resources without the label share one', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await mesh.release('1.0.0', limit({ key: 'resource.identifier' }));
    expect(await offered(mesh)).toHaveLength(3);
    const lacking = await new Mesh({ hosts: 3 }).begin();
    await lacking.release('1.0.0', limit({ key: 'resource.metadata.rack' }));
    expect(await offered(lacking)).toHaveLength(1);
  });

  it('of several the fullest binds: all of them hold', async () => {
    const mesh = await new Mesh({ hosts: 4 }).begin();
    await mesh.release('1.0.0', { concurrency: [...limit('environment', 3).concurrency, ...limit('pool', 2).concurrency] });
    expect(await offered(mesh)).toHaveLength(2);
    expect((await held(mesh))[0]).toContain('2 at a time per pool eu');
  });

  it('is first come first served across deployments: whoever waited longer goes first, whichever place frees the slot', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await withCatalog(mesh, ['host-1']);
    await mesh.publish('1.0.0');
    const rule = { ...limit('environment'), gradualRollout: { ...obliged().gradualRollout, maxInFlight: 1 } };
    await mesh.decide(mesh.decision('1.0.0', 'allowed', rule));
    expect(await offered(mesh)).toEqual(['checkout host-1']);
    mesh.now += 1_000;
    await mesh.decide(ofCatalog(mesh.decision('c', 'allowed', limit('environment'))));
    expect((await held(mesh))[0]).toContain('1 at a time per environment production');
    mesh.now += 1_000;
    // Its own rollout would begin host-2 with the slot that host-1 frees: catalog has waited longer.
    await mesh.run((await mesh.offered())[0]!);
    await mesh.wake();
    expect(await offered(mesh)).toEqual(['catalog host-1']);
    await mesh.enrol('uma', 'us');
    const [job] = await mesh.offered();
    const { epoch } = await mesh.granted('uma', job!.id);
    await mesh.report('uma', job!.id, { verb: 'succeeded', epoch, n: 1 });
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('that only jobs of unknown outcome fill names them and what frees it, as soon as that is so', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0', limit('environment'));
    const [first] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', first!.id);
    expect((await held(mesh))[0]).toBe('host-2: 1 at a time per environment production (policy calm)');
    await mesh.report('anna', first!.id, { verb: 'unknown', epoch, n: 1, message: 'nobody saw' });
    await mesh.command('resume');
    await mesh.wake();
    const resolve = `slipway resolve ${first!.id} --as succeeded|failed --reason <text>`;
    const reason = `1 at a time per environment production (policy calm), kept by job ${first!.id} (checkout on host-1), of which nobody knows what became; say so with \`${resolve}\``;
    expect((await mesh.jobs({ resource: 'host-2' })).map((job) => job['heldBecause'])).toContain(reason);
    await mesh.ask('scheduler.resolve', { job: first!.id, as: 'failed', reason: 'I looked' });
    expect(await held(mesh)).toEqual([]);
  });
});

describe('time-outs of a job', () => {
  const ended = async (mesh: Mesh): Promise<unknown> => {
    const [job] = await mesh.jobs();
    return [job?.state, job?.attempt];
  };

  it('pickup: what no agent claims in time is given up, and says so', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0', { timeouts: { ...obliged().timeouts, pickupMs: 60_000 } });
    await mesh.pass(59_000);
    expect((await mesh.offered()).length).toBe(1);
    await mesh.pass(1_500);
    expect(await ended(mesh)).toEqual(['timedOut', 1]);
    expect((await mesh.rollout('1.0.0')).state).toBe('halted');
  });

  it('silence: a holder that is not heard for so long loses the job, before its lease would have', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0', { timeouts: { ...obliged().timeouts, silenceMs: 10_000 } });
    const [job] = await mesh.offered();
    await mesh.granted('anna', job!.id);
    await mesh.pass(9_000);
    expect((await mesh.jobs())[0]?.state).toBe('claimed');
    await mesh.pass(2_000);
    expect((await mesh.offered()).length).toBe(1);
    expect(await mesh.granted('otto', job!.id)).toMatchObject({ observeFirst: true, epoch: 2 });
  });

  it('run: what runs too long is asked to stop; stopped it timed out and may be tried again, unconfirmed it is unknown', async () => {
    for (const confirmed of [true, false]) {
      const mesh = await new Mesh({ hosts: 1 }).begin();
      const retry = { ...obliged().retry, attempts: 2, on: ['timedOut' as const] };
      await mesh.release('1.0.0', { timeouts: { pickupMs: 600_000, runMs: 20_000, silenceMs: 600_000 }, retry });
      const [job] = await mesh.offered();
      const { epoch } = await mesh.granted('anna', job!.id);
      await mesh.report('anna', job!.id, { verb: 'started', epoch, n: 1 });
      const go = async (): Promise<string> => (await mesh.renew('anna', job!.id, epoch)).go;
      for (let passed = 0; passed < 60_000 && (await go()) === 'on'; passed += 5_000) await mesh.pass(5_000);
      expect(await go()).toBe('cancel');
      expect(mesh.nudged).toEqual(['anna']);
      if (confirmed) await mesh.report('anna', job!.id, { verb: 'cancelled', epoch, n: 2 });
      else await mesh.pass(600_000);
      expect(await ended(mesh)).toEqual(confirmed ? ['queued', 2] : ['unknown', 1]);
    }
  });
});
