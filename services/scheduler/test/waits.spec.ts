import { describe, expect, it } from '@jest/globals';
import type { Wait } from '@slipway/contracts';
import { canaryThenRest, health, Mesh, obliged } from './mesh.js';

const waits = async (mesh: Mesh, version = '1.0.0'): Promise<(Wait | undefined)[]> =>
  (await mesh.rollout(version)).members.map((member) => member.job?.waits);

async function beat(mesh: Mesh, agent: string, more: object = {}): Promise<void> {
  const body = { agent, pool: 'eu', state: 'online', version: '1', labels: {}, executors: ['command'], capacity: 1, jobs: [], ...more };
  await mesh.parts.agentRequests['hb']?.(body as never, agent);
}

describe('what holds a job up', () => {
  it('is an agent that is free, with the jobs before it', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await beat(mesh, 'anna');
    await mesh.release('1.0.0');
    const found = await waits(mesh);
    expect(found.map((wait) => [wait?.for, wait?.sentence])).toEqual([
      ['agent', 'a free agent of pool eu'],
      ['agent', 'a free agent of pool eu, 1 job before it'],
      ['agent', 'a free agent of pool eu, 2 jobs before it'],
    ]);
    expect(found[0]?.until).toBe(mesh.now + obliged().timeouts.pickupMs);
    await mesh.granted('anna', (await mesh.offered())[0]!.id);
    expect((await waits(mesh)).map((wait) => wait?.sentence)).toEqual([
      undefined,
      'a free agent of pool eu',
      'a free agent of pool eu, 1 job before it',
    ]);
  });

  it('is a pool without an agent that could take it: never heard of, lost, of other executors, or draining', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    expect((await waits(mesh))[0]).toMatchObject({ for: 'noAgent', sentence: 'no agent of pool eu was ever heard of' });
    await beat(mesh, 'anna', { executors: ['argo-cd'] });
    expect((await waits(mesh))[0]?.sentence).toBe('no agent of pool eu that is online runs executor command');
    await beat(mesh, 'anna', { state: 'draining' });
    expect((await waits(mesh))[0]?.sentence).toBe('no agent of pool eu takes jobs now: anna is draining');
    const heard = mesh.now;
    await mesh.pass(180_000);
    expect((await waits(mesh))[0]).toMatchObject({
      for: 'noAgent',
      sentence: 'no agent of pool eu is online: anna was heard last',
      lastHeardAt: heard,
    });
    expect((await mesh.cell()).attention).toEqual(['no agent of pool eu is online: anna was heard last, 3m ago; 1 job waits for one']);
  });

  it('is a concurrency limit, named, with the jobs before it', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await mesh.release('1.0.0', { concurrency: [{ kind: 'concurrency', max: 1, per: 'environment', policy: 'calm' }] });
    expect((await waits(mesh)).slice(1).map((wait) => `${wait?.for}: ${wait?.sentence}`)).toEqual([
      'slot: 1 at a time per environment production (policy calm)',
      'slot: 1 at a time per environment production (policy calm), 1 job before it',
    ]);
  });

  it('is the backoff of a retry: when, which attempt, after what', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0', { retry: { ...obliged().retry, attempts: 3 } });
    await mesh.work({ deploy: () => 'failed' }, 1);
    expect((await waits(mesh))[0]).toEqual({ for: 'retry', sentence: 'attempt 2 of 3 after: done', until: mesh.now + 5_000 });
  });
});

describe('what a person can do', () => {
  const asks = async (mesh: Mesh): Promise<unknown> => (await mesh.rollout('1.0.0')).asks;
  const where = 'checkout -e production -v 1.0.0';

  it('is told for what is paused, halted, or waits to be promoted, and for nothing that goes on by itself', async () => {
    const mesh = await new Mesh().begin();
    const held =
      canaryThenRest.across.type === 'waves' ? canaryThenRest.across.waves.map((wave, at) => ({ ...wave, approve: at > 0 })) : [];
    await mesh.release('1.0.0', { gradualRollout: { ...canaryThenRest, across: { type: 'waves', waves: held } } });
    expect(await asks(mesh)).toBeUndefined();
    await mesh.command('pause');
    expect(await asks(mesh)).toEqual([`slipway resume ${where}`]);
    expect((await mesh.cell()).attention.join()).toContain(`\`slipway resume ${where}\``);
    await mesh.command('resume');
    await mesh.work();
    expect(await asks(mesh)).toEqual([`slipway promote ${where}`]);
    expect((await mesh.cell()).attention.join()).toContain(`waits to be approved before it begins; \`slipway promote ${where}\``);
    await mesh.command('promote');
    await mesh.work({ deploy: () => 'failed' });
    expect(await asks(mesh)).toEqual([`slipway retry ${where}`, `slipway resume ${where}`, `slipway rollback ${where}`]);
    await mesh.command('abort');
    expect(await asks(mesh)).toBeUndefined();
  });

  it('names the job of which nobody knows what became of it', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.work({ measure: () => 'inconclusive' });
    const [, verify] = await mesh.jobs();
    const resolve = `slipway resolve ${verify!.id} --as succeeded|failed --reason <text>`;
    expect(await asks(mesh)).toEqual([resolve]);
    expect((await mesh.cell()).attention.join('\n')).toMatch(/host-1: verification is inconclusive .*say so with `slipway resolve/);
  });
});
