import { describe, expect, it } from '@jest/globals';
import type { GradualRolloutRule, WaveSpec } from '@slipway/core';
import type { Caller } from '@slipway/messaging';
import { allAtOnce, canaryThenRest, health, Mesh } from './mesh.js';

const bob: Caller = { name: 'user:bob', groups: [], role: 'operator' };

const wave = (name: string, targets: WaveSpec['targets'], more: Partial<WaveSpec> = {}): WaveSpec => ({
  ...{ name, targets, holdMs: 0, verify: true, approve: false },
  ...more,
});
const waves = (...list: WaveSpec[]): { gradualRollout: GradualRolloutRule } => ({
  gradualRollout: { ...allAtOnce, across: { type: 'waves', waves: list } },
});
const all = { percent: 100 };

/** The audit trail: who said what. */
const audit = (mesh: Mesh): string[] =>
  mesh.said('.evt.command.').map(({ body }) => `${body['by']} ${body['verb']} ${body['version'] ?? ''}`);

describe('a wave that a person lets begin', () => {
  it('waits before the wave, is let in by an approver and by no operator, and says who it was', async () => {
    const mesh = await new Mesh().begin();
    await mesh.release('1.0.0', waves(wave('canary', { count: 1 }), wave('rest', all, { approve: true })));
    await mesh.work();
    const asks = ['slipway promote checkout -e production -v 1.0.0'];
    expect(await mesh.rollout('1.0.0')).toMatchObject({
      state: 'running',
      because: expect.stringMatching(/wave rest waits to be approved/),
      asks,
    });
    await expect(mesh.command('promote', {}, bob)).rejects.toMatchObject({ code: 'scheduler.promote.forbidden', kind: 'forbidden' });
    await expect(mesh.command('promote', { all: true }, bob)).rejects.toThrow(/wave rest waits to be approved, and user:bob is operator/);
    expect(await mesh.letters('1.0.0')).toBe('s..');
    await mesh.command('promote', { reason: 'graphs are fine' });
    expect(await mesh.letters('1.0.0')).toBe('sjj');
    const [event] = mesh.said('evt.command.checkout.production.promoted');
    expect(event?.body).toMatchObject({ by: 'user:ada', reason: 'graphs are fine', version: '1.0.0', deployment: 'checkout' });
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('may be the first: nothing begins before, and a sweep or restart changes nothing', async () => {
    const mesh = await new Mesh().begin();
    await mesh.release('1.0.0', waves(wave('all', all, { approve: true })));
    mesh.restart();
    await mesh.pass(61_000);
    expect(await mesh.offered()).toEqual([]);
    expect((await mesh.rollout('1.0.0')).state).toBe('pending');
    expect((await mesh.cell()).attention.join()).toMatch(/waits to be approved before it begins; `slipway promote/);
    await mesh.command('promote');
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('is passed by an operator where no wave asks for it: the hold is skipped, once or to the end', async () => {
    const mesh = await new Mesh().begin();
    const hold = { holdMs: 3_600_000 };
    await mesh.release('1.0.0', waves(wave('a', { count: 1 }, hold), wave('b', { count: 2 }, hold), wave('c', all)));
    await mesh.work();
    expect(await mesh.letters('1.0.0')).toBe('s..');
    await mesh.command('promote', {}, bob);
    await mesh.work();
    expect(await mesh.letters('1.0.0')).toBe('ss.');
    await mesh.command('promote', { all: true }, bob);
    await mesh.work();
    expect(await mesh.letters('1.0.0')).toBe('sss');
  });
});

describe('excluding a target', () => {
  it('takes back what waits there, and the rest goes on and completes without it', async () => {
    const mesh = await new Mesh().begin();
    await mesh.release('1.0.0', { gradualRollout: { ...allAtOnce, maxInFlight: 2 } });
    expect(await mesh.letters('1.0.0')).toBe('jj.');
    const said = await mesh.command('exclude', { resources: ['host-2', 'host-3'], reason: 'being repaired' });
    expect(said.done).toMatch(/^host-2, host-3 are left out; checkout 1.0.0 → production is running/);
    expect(await mesh.letters('1.0.0')).toBe('jxx');
    await mesh.work();
    expect(await mesh.rollout('1.0.0')).toMatchObject({ state: 'completed' });
    expect((await mesh.jobs({ resource: 'host-2' })).map((job) => [job.state, job.message])).toEqual([
      ['cancelled', 'excluded by user:ada: being repaired'],
    ]);
    await mesh.decide(mesh.decision('1.0.0'));
    await mesh.pass(61_000);
    expect(await mesh.offered()).toEqual([]);
    await mesh.release('1.1.0');
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.1.0', count: 3, verified: 0 }]);
  });

  it('lets a wave go on whose canary may not begin', async () => {
    const mesh = await new Mesh().begin();
    await mesh.publish('1.0.0');
    await mesh.decide(mesh.decision('1.0.0', 'allowed', { gradualRollout: canaryThenRest }));
    const frozen = mesh.decision('1.0.0', 'allowed', { gradualRollout: canaryThenRest });
    const [group] = frozen.groups;
    const held = { rule: 'freeze', verdict: 'waiting' as const, sentence: 'disk swap until 18:00' };
    frozen.groups.push({ ...group!, resources: ['host-1'], rest: false, size: 1, verdict: 'waiting', standing: [held] });
    await mesh.decide(frozen);
    expect(await mesh.rollout('1.0.0')).toMatchObject({
      state: 'running',
      because: '1 member may not begin now: host-1: freeze: disk swap until 18:00',
    });
    await mesh.command('exclude', { resources: ['host-1'] });
    expect(await mesh.letters('1.0.0')).toBe('xjj');
  });

  it('is refused where something has begun, for strangers, and says which', async () => {
    const mesh = await new Mesh().begin();
    await mesh.release('1.0.0');
    await mesh.granted('anna', (await mesh.offered())[0]!.id);
    await expect(mesh.command('exclude', { resources: ['host-1', 'host-2'] })).rejects.toThrow(
      /host-1 has begun.*`slipway cancel` stops a job/,
    );
    expect(await mesh.letters('1.0.0')).toBe('jjj');
    await expect(mesh.command('exclude', { resources: ['host-9'] })).rejects.toMatchObject({ code: 'scheduler.exclude.missing' });
  });
});

describe('what people told the scheduler', () => {
  it('is on record: each command with who gave it, once', async () => {
    const mesh = await new Mesh({ verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    await mesh.release('1.1.0', { gradualRollout: canaryThenRest });
    await mesh.command('pause', {}, bob);
    await mesh.command('resume', {}, bob);
    await mesh.work({ deploy: () => 'failed' });
    await mesh.command('retryFailed');
    await mesh.ask('scheduler.cancel', { job: (await mesh.offered())[0]!.id, reason: 'wrong' });
    await mesh.command('rollback');
    await expect(mesh.command('pause')).rejects.toMatchObject({ kind: 'missing' });
    expect(audit(mesh)).toEqual([
      'user:bob paused 1.1.0',
      'user:bob resumed 1.1.0',
      'user:ada retried 1.1.0',
      'user:ada cancelled 1.1.0',
      'user:ada rolledBack 1.1.0',
    ]);
  });
});
