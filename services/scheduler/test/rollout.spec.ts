import { describe, expect, it } from '@jest/globals';
import type { Obligations } from '@slipway/core';
import { canaryThenRest, health, Mesh } from './mesh.js';

const waves: Partial<Obligations> = {
  gradualRollout: canaryThenRest,
  rollback: { kind: 'rollback', on: ['jobFailure', 'verificationFailure'], scope: 'rollout' },
};

describe('a rollout', () => {
  it('goes wave by wave, verified, to every target, and says so', async () => {
    const mesh = await new Mesh({ verification: [health] }).begin();
    await mesh.release('1.0.0', { gradualRollout: canaryThenRest });
    expect(await mesh.letters('1.0.0')).toBe('j..');
    await mesh.work({}, 1);
    expect(await mesh.letters('1.0.0')).toBe('v..');
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
    expect(mesh.said('evt.rollout.').map((message) => message.subject.split('.').at(-1))).toEqual([
      'started',
      'waveDone',
      'waveStarted',
      'waveDone',
      'completed',
    ]);
    const story = mesh.said('.production.host-1.').map((message) =>
      message.subject
        .split('.')
        .filter((_, at) => at === 2 || at === 6)
        .join(' '),
    );
    const kind = (name: string): string[] => story.filter((line) => line.startsWith(name));
    expect([...kind('job'), ...kind('verification'), ...kind('release')]).toEqual([
      'job started',
      'job succeeded',
      'verification started',
      'verification passed',
      'release started',
      'release succeeded',
    ]);
  });

  it('renders what the agent needs: config, metrics, variables and names', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    await mesh.release('1.0.0');
    const [deploy] = await mesh.offered();
    const grant = await mesh.granted('anna', deploy!.id);
    expect(grant).toMatchObject({ epoch: 1, leaseMs: 30_000, renewMs: 10_000, observeFirst: false, kind: 'deploy', version: '1.0.0' });
    expect(grant.spec.executor).toEqual({ type: 'command', run: ['install', '1.0.0', 'host-1'] });
    expect(grant.spec.context).toMatchObject({ variables: { port: 8080 }, environment: { name: 'production' }, job: { action: 'deploy' } });
    await mesh.report('anna', deploy!.id, { verb: 'succeeded', epoch: 1, n: 1 });
    const verify = await mesh.granted('anna', (await mesh.offered())[0]!.id);
    expect(verify.spec.metrics?.[0]?.provider).toEqual({ type: 'http', url: 'http://host-1/health' });
    expect(verify.spec.metrics?.[0]?.successCondition).toBe('result.status == 200');
  });

  it('takes a bad canary back by itself, quarantines the version there and leaves the others alone', async () => {
    const mesh = await new Mesh({ verification: [health] }).begin();
    await mesh.release('1.1.0', waves);
    await mesh.work();
    await mesh.release('1.2.0', waves);
    await mesh.work({ measure: (job) => (job.version === '1.2.0' ? 'failed' : 'passed') });
    const bad = await mesh.rollout('1.2.0');
    expect([bad.state, await mesh.letters('1.2.0')]).toEqual(['rolledBack', 'r..']);
    const cell = await mesh.cell();
    expect(cell.running).toEqual([{ version: '1.1.0', count: 3, verified: 3 }]);
    expect(cell.quarantined).toMatchObject([{ version: '1.2.0', resource: 'host-1' }]);
    expect((await mesh.jobs({ resource: 'host-2' })).every((job) => job.version === '1.1.0')).toBe(true);
    const verbs = mesh
      .said('evt.release.checkout.production.host-1.')
      .map((message) => `${message.body['version']} ${message.body['verb']}`);
    expect(verbs.slice(2)).toEqual(['1.2.0 started', '1.2.0 failed', '1.2.0 quarantined', '1.2.0 rolledBack']);
    expect(mesh.said('host-1.rolledBack')[0]?.body).toMatchObject({ running: { tag: '1.1.0', verified: true }, quarantined: ['v-1.2.0'] });

    await mesh.decide(mesh.decision('1.2.0', 'allowed', waves));
    expect(await mesh.offered()).toEqual([]);
    await mesh.release('1.2.1', waves);
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.2.1', count: 3, verified: 3 }]);
  });

  it('stays where it is when there is nothing to go back to, and says so', async () => {
    const mesh = await new Mesh({ verification: [health] }).begin();
    await mesh.release('1.0.0', waves);
    await mesh.work({ measure: () => 'failed' });
    expect((await mesh.rollout('1.0.0')).state).toBe('halted');
    expect((await mesh.cell()).attention.join('\n')).toMatch(/host-1: .*no other version was ever there/);
  });

  it('I9: a rollback that fails is never rolled back by itself', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    await mesh.release('1.0.0', waves);
    await mesh.work();
    await mesh.release('1.1.0', waves);
    await mesh.work({ deploy: () => 'failed' });
    const jobs = await mesh.jobs({ version: '1.0.0' });
    expect(jobs.filter((job) => job.rollback).map((job) => job.state)).toEqual(['failed']);
    expect((await mesh.cell()).attention.join('\n')).toMatch(/bringing 1.0.0 back failed/);
    await mesh.pass(600_000);
    expect(await mesh.offered()).toEqual([]);
  });

  it('I7: begins members in order, never more at once than maxInFlight', async () => {
    const mesh = await new Mesh({ hosts: 5 }).begin();
    await mesh.release('1.0.0', { gradualRollout: { ...canaryThenRest, across: { type: 'allAtOnce' }, maxInFlight: 2 } });
    const begun: string[] = [];
    for (let step = 0; step < 5; step += 1) {
      const live = (await mesh.offered()).filter((job) => !begun.includes(job.resource));
      expect((await mesh.offered()).length).toBeLessThanOrEqual(2);
      begun.push(...live.map((job) => job.resource));
      await mesh.run((await mesh.offered())[0]!);
    }
    expect(begun).toEqual(['host-1', 'host-2', 'host-3', 'host-4', 'host-5']);
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('is superseded by a newer allowed version: what has begun finishes, the rest is not begun', async () => {
    const mesh = await new Mesh().begin();
    await mesh.release('1.0.0');
    const [first] = await mesh.offered();
    const grant = await mesh.granted('anna', first!.id);
    await mesh.release('1.1.0');
    expect(await mesh.letters('1.0.0')).toBe('j..');
    expect((await mesh.offered()).map((job) => `${job.version} ${job.resource}`)).toEqual(['1.1.0 host-2', '1.1.0 host-3']);
    await mesh.report('anna', first!.id, { verb: 'succeeded', epoch: grant.epoch, n: 1 });
    expect((await mesh.rollout('1.0.0')).state).toBe('superseded');
    expect(await mesh.letters('1.1.0')).toBe('jj.');
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.1.0', count: 3, verified: 0 }]);
  });

  it('I8: an older version is never begun where a newer one runs', async () => {
    const mesh = await new Mesh().begin();
    await mesh.publish('1.0.0');
    await mesh.release('1.1.0');
    await mesh.work();
    await mesh.decide(mesh.decision('1.0.0'));
    await mesh.pass(61_000);
    expect(await mesh.rollouts()).toHaveLength(1);
  });

  it('pauses, resumes, promotes and aborts at a person’s word', async () => {
    const mesh = await new Mesh().begin();
    const held = {
      ...canaryThenRest,
      across: {
        type: 'waves' as const,
        waves: canaryThenRest.across.type === 'waves' ? canaryThenRest.across.waves.map((wave, at) => ({ ...wave, approve: at > 0 })) : [],
      },
    };
    await mesh.release('1.0.0', { gradualRollout: held });
    await mesh.command('pause', { reason: 'lunch' });
    expect(await mesh.offered()).toEqual([]);
    expect((await mesh.rollout('1.0.0')).because).toMatch(/paused by user:ada: lunch/);
    await expect(mesh.command('pause')).rejects.toMatchObject({ code: 'scheduler.rollout.conflict' });
    await mesh.command('resume');
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).because).toMatch(/wave all waits to be approved/);
    await mesh.command('promote');
    expect(await mesh.letters('1.0.0')).toBe('sjj');
    await mesh.command('abort', { reason: 'enough' });
    expect((await mesh.rollout('1.0.0')).state).toBe('cancelled');
    expect(await mesh.letters('1.0.0')).toBe('s..');
    await mesh.pass(61_000);
    expect(await mesh.offered()).toEqual([]);
    await expect(mesh.command('resume')).rejects.toMatchObject({ code: 'scheduler.rollout.missing', kind: 'missing' });
    await expect(mesh.ask('scheduler.pause', { deployment: 'chekout', environment: 'production' })).rejects.toThrow(
      /no deployment chekout\. There are: checkout/,
    );
  });

  it('goes back by hand, a target or all of them, and a released quarantine lets the version come again', async () => {
    const mesh = await new Mesh({ verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    await mesh.release('1.1.0');
    await mesh.work();
    expect((await mesh.command('rollback', { resource: 'host-2', reason: 'slow' })).done).toMatch(/host-2 to 1.0.0/);
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([
      { version: '1.1.0', count: 2, verified: 2 },
      { version: '1.0.0', count: 1, verified: 1 },
    ]);
    await mesh.command('rollback');
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
    await mesh.ask('scheduler.releaseQuarantine', { deployment: 'checkout', environment: 'production', version: '1.1.0' });
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.1.0', count: 3, verified: 3 }]);
  });

  it('puts the last good version back where a rejected one runs, and stops it where it is on its way', async () => {
    const mesh = await new Mesh({ verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    await mesh.release('1.1.0', { gradualRollout: canaryThenRest });
    await mesh.work({}, 2);
    expect(await mesh.letters('1.1.0')).toBe('sjj');
    await mesh.publish('1.1.0', 'rejected', 2);
    await mesh.work();
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 3 }]);
    expect((await mesh.cell()).quarantined).toMatchObject([
      { version: '1.1.0', resource: 'host-1', because: 'version 1.1.0 was rejected' },
    ]);
  });

  it('lets a target that appears later join, and one that is gone leave', async () => {
    const mesh = await new Mesh().begin();
    await mesh.publish('1.0.0');
    await mesh.decide(mesh.decision('1.0.0', 'allowed', { gradualRollout: { ...canaryThenRest, maxInFlight: 1 } }));
    const doc = {
      identifier: 'host-9',
      name: 'host-9',
      kind: 'host',
      version: 'v1',
      metadata: {},
      config: { address: 'host-9' },
      variables: {},
    };
    const targets = { deployment: 'checkout', environment: 'production', added: ['host-9'], removed: ['host-3'] };
    await mesh.inventory({ kind: 'resource', name: 'host-9', doc }, { kind: 'targets', name: 'checkout/production', doc: targets });
    expect(await mesh.letters('1.0.0')).toBe('j.x');
    await mesh.decide(mesh.decision('1.0.0', 'allowed', { gradualRollout: { ...canaryThenRest, maxInFlight: 1 } }));
    await mesh.work();
    expect(await mesh.letters('1.0.0')).toBe('ssxs');
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 3, verified: 0 }]);
  });
});
