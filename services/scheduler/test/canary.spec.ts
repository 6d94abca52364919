import { describe, expect, it } from '@jest/globals';
import { health } from './mesh.js';
import { canary, executor, halfWay, onFailure, Sequences, steps, within } from './sequences.js';

describe('a canary at one target', () => {
  it('goes to all at once where nothing runs yet', async () => {
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    expect(await mesh.told('1.0.0')).toEqual(['deploy 0 succeeded', 'shift 100 succeeded', 'verify 100 succeeded']);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: [] });
  });

  it('is shifted step by step, holds, is measured, and its member is in flight until it is done', async () => {
    const mesh = await halfWay();
    const { wakeAt } = (await mesh.last('1.1.0')) as unknown as { wakeAt: number };
    expect(wakeAt).toBe(mesh.now + 180_000);
    expect(await mesh.wake()).toBeLessThanOrEqual(wakeAt);
    expect(await mesh.letters('1.1.0')).toBe('j');
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: [] });
    const [member] = (await mesh.rollout('1.1.0')).members;
    expect(member?.job).toMatchObject({ weight: 25, waits: { for: 'hold', sentence: 'canary 25 % holds 3m', until: wakeAt } });
    expect((await mesh.rollout('1.1.0')).asks).toEqual(['slipway promote checkout -e production -v 1.1.0']);
    expect((await mesh.cell()).halfWay).toEqual([
      { version: '1.1.0', doing: 'canary 25 % holds 3m', count: 1, resource: 'host-1', until: wakeAt },
    ]);

    await mesh.pass(179_000);
    expect(await mesh.offered()).toEqual([]);
    await mesh.pass(1_000);
    const [look] = await mesh.offered();
    expect((await mesh.granted('anna', look!.id)).spec.context['job']).toMatchObject({ action: 'verify', weight: 25 });
    await mesh.pass(31_000);
    await mesh.work();
    expect(await mesh.told('1.1.0')).toEqual([
      'deploy 0 succeeded',
      'shift 25 succeeded',
      'verify 25 succeeded',
      'shift 100 succeeded',
      'verify 100 succeeded',
    ]);
    expect(await mesh.there()).toEqual({ runs: ['1.1.0 1 1 verified'], quarantined: [] });
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  });

  it('whose deployment is refused before it began is not taken back, and its version not condemned', async () => {
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    await mesh.release('1.1.0', { ...steps, rollback: onFailure });
    const [job] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', job!.id);
    await mesh.report('anna', job!.id, { verb: 'rejected', epoch, n: 1, message: 'the token is not accepted' });
    expect(await mesh.told('1.1.0')).toEqual(['deploy 0 rejected']);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: [] });
    expect(await mesh.rollout('1.1.0')).toMatchObject({ state: 'halted', because: expect.stringContaining('the token is not accepted') });
    await mesh.command('retryFailed');
    expect((await mesh.offered()).map(({ version, kind }) => [version, kind])).toEqual([['1.1.0', 'deploy']]);
  });

  it('tells its executor what to do, and with how much', async () => {
    const mesh = await new Sequences().begin();
    await mesh.release('1.0.0', steps);
    const seen: unknown[] = [];
    for (let i = 0; i < 2; i += 1) {
      const [job] = await mesh.offered();
      const { epoch, spec, kind } = await mesh.granted('anna', job!.id);
      seen.push([kind, spec.executor['run']]);
      await mesh.report('anna', job!.id, { verb: 'succeeded', epoch, n: 1 });
    }
    expect(seen).toEqual([
      ['deploy', ['go', 'deploy', '1.0.0', 0]],
      ['shift', ['go', 'shift', '1.0.0', 100]],
    ]);
  });

  it('I5: a hold survives a restart: it is in the database with its time and its reason', async () => {
    const mesh = await halfWay();
    mesh.restart();
    await mesh.pass(90_000);
    mesh.restart();
    await mesh.pass(90_000);
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  });

  it('is shifted back to 0 when a verification fails, and the target keeps what it runs', async () => {
    const mesh = await halfWay();
    await mesh.pass(180_000);
    await mesh.work({ measure: () => 'failed' });
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(['verify 25 succeeded', 'back: shift 0 succeeded']);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
    expect(await mesh.letters('1.1.0')).toBe('r');
    const { state, because } = await mesh.rollout('1.1.0');
    expect({ state, because }).toMatchObject({ state: 'rolledBack', because: expect.stringContaining('verification failed') });
    expect(mesh.said('release.checkout.production.host-1').map((m) => m.subject.split('.').at(-1))).toEqual([
      'started',
      'succeeded',
      'started',
      'failed',
      'quarantined',
      'rolledBack',
    ]);
  });

  it('is shifted back to 0 when a shift fails, and halts for a person when that fails too, who can ask again', async () => {
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    await mesh.release('1.1.0', steps);
    await mesh.work({ deploy: (job) => (job.kind === 'shift' ? 'failed' : 'succeeded') });
    expect(await mesh.told('1.1.0')).toEqual(['deploy 0 succeeded', 'shift 25 failed', 'back: shift 0 failed']);
    expect((await mesh.rollout('1.1.0')).state).toBe('halted');
    expect((await mesh.cell()).attention.join('\n')).toContain('shifting 1.1.0 back to 0 failed');
    await mesh.command('rollback');
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('back: shift 0 succeeded');
    expect((await mesh.rollout('1.1.0')).state).toBe('rolledBack');
    expect((await mesh.cell()).attention).toEqual([]);
  });

  it('has nothing to take back when its deploy fails: a person may try again, or the rule gives it up', async () => {
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    await mesh.release('1.1.0', steps);
    await mesh.work({ deploy: () => 'failed' });
    expect(await mesh.told('1.1.0')).toEqual(['deploy 0 failed']);
    expect((await mesh.rollout('1.1.0')).state).toBe('halted');
    await mesh.command('retryFailed');
    await mesh.work();
    await mesh.pass(180_000);
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');

    await mesh.release('1.2.0', { ...steps, rollback: onFailure });
    await mesh.work({ deploy: () => 'failed' });
    expect(await mesh.told('1.2.0')).toEqual(['deploy 0 failed']);
    expect(await mesh.letters('1.2.0')).toBe('r');
    expect(await mesh.there()).toEqual({ runs: ['1.1.0 1 1 verified'], quarantined: ['1.2.0 host-1'] });
  });

  it('I9: is rolled back by an ordinary deployment once it has all of the traffic, without holds', async () => {
    const ruled = { ...steps, rollback: onFailure };
    const mesh = await halfWay(ruled);
    await mesh.pass(180_000);
    await mesh.work({ measure: (job) => ((job as { weight?: number }).weight === 100 && job.version === '1.1.0' ? 'failed' : 'passed') });
    expect((await mesh.told('1.0.0')).slice(3)).toEqual([
      'back: deploy 0 succeeded',
      'back: shift 100 succeeded',
      'back: verify 100 succeeded',
    ]);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
  });

  it('scope rollout: one failed verification takes all members back, each from where it is', async () => {
    const mesh = await new Sequences({ hosts: 2 }).begin();
    const ruled = { ...within(canary, { maxInFlight: 1 }), rollback: { ...onFailure, scope: 'rollout' as const } };
    await mesh.bring('1.0.0', ruled);
    await mesh.release('1.1.0', ruled);
    await mesh.work();
    await mesh.pass(180_000);
    await mesh.work();
    expect(await mesh.letters('1.1.0')).toBe('sj');
    await mesh.pass(180_000);
    await mesh.work({ measure: (job) => (job.version === '1.1.0' ? 'failed' : 'passed') });
    expect(await mesh.letters('1.1.0')).toBe('rr');
    expect((await mesh.rollout('1.1.0')).state).toBe('rolledBack');
    expect(await mesh.there()).toMatchObject({ runs: ['1.0.0 2 2 verified'] });
  });
});

describe('faults in the middle of a canary', () => {
  it('a lost agent: another one looks, and where nothing had begun the step waits anew for its gate', async () => {
    const mesh = await halfWay();
    await mesh.pass(180_000);
    await mesh.run((await mesh.offered())[0]!);
    const [shift] = await mesh.offered();
    await mesh.granted('anna', shift!.id);
    await mesh.decide(mesh.decision('1.1.0', 'waiting', steps));
    await mesh.pass(31_000);
    const second = await mesh.granted('bert', shift!.id);
    expect(second).toMatchObject({ observeFirst: true, observeOnly: true });
    await mesh.report('bert', shift!.id, { verb: 'cancelled', epoch: second.epoch, n: 1, message: 'nothing had begun' });
    expect((await mesh.told('1.1.0')).slice(3)).toEqual(['shift 100 cancelled', 'shift 100 held: gate']);
    await mesh.decide(mesh.decision('1.1.0', 'allowed', steps));
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  });

  it.each([
    ['succeeded', ['verify 25 succeeded', 'shift 100 succeeded', 'verify 100 succeeded'], '1.1.0'],
    ['failed', ['back: shift 0 succeeded'], '1.0.0'],
  ] as const)('a step of unknown outcome waits for a person, who says that it %s', async (as, follows, runs) => {
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    await mesh.release('1.1.0', steps);
    await mesh.run((await mesh.offered())[0]!);
    const [shift] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', shift!.id);
    await mesh.report('anna', shift!.id, { verb: 'unknown', epoch, n: 1 });
    expect(await mesh.letters('1.1.0')).toBe('u');
    await mesh.ask('scheduler.resolve', { job: shift!.id, as, reason: 'looked' });
    await mesh.command('resume').catch(() => undefined);
    await mesh.work();
    await mesh.pass(180_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(follows);
    expect(await mesh.there()).toMatchObject({ runs: [`${runs} 1 1 verified`] });
  });

  it('a step of unknown outcome whose rollout was ended meanwhile is taken back once a person has spoken', async () => {
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    await mesh.release('1.1.0', steps);
    await mesh.run((await mesh.offered())[0]!);
    const [shift] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', shift!.id);
    await mesh.report('anna', shift!.id, { verb: 'unknown', epoch, n: 1 });
    await mesh.command('abort');
    expect((await mesh.rollout('1.1.0')).state).toBe('cancelled');
    await mesh.ask('scheduler.resolve', { job: shift!.id, as: 'succeeded', reason: 'looked' });
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('back: shift 0 succeeded');
    expect(await mesh.there()).toMatchObject({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
  });

  it('is tried again as the retry rule says before it counts as failed', async () => {
    const retry = { attempts: 2, on: ['failed' as const], backoff: 'constant' as const, delayMs: 5_000, maxDelayMs: 5_000, jitter: 0 };
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    await mesh.release('1.1.0', { ...steps, retry });
    let shifts = 0;
    const once = (job: { kind?: unknown }): 'failed' | 'succeeded' =>
      job.kind === 'shift' && (shifts += 1) === 1 ? 'failed' : 'succeeded';
    await mesh.work({ deploy: once });
    await mesh.pass(5_000);
    await mesh.work({ deploy: once });
    expect(await mesh.told('1.1.0')).toEqual(['deploy 0 succeeded', 'shift 25 succeeded', 'verify 25 held: hold']);
  });
});

describe('what changes around a canary', () => {
  it('a target that was removed leaves the rollout, and nobody takes anything further or back there', async () => {
    const mesh = await new Sequences({ hosts: 2 }).begin();
    await mesh.bring('1.0.0', steps);
    await mesh.release('1.1.0', steps);
    await mesh.work();
    await mesh.inventory(
      {
        kind: 'targets',
        name: 'checkout/production',
        doc: { deployment: 'checkout', environment: 'production', added: [], removed: ['host-1'] },
      },
      { kind: 'resource', name: 'host-1', doc: null },
    );
    expect([...(await mesh.letters('1.1.0'))].sort().join('')).toBe('jx');
    await mesh.decide(mesh.decision('1.1.0', 'allowed', steps));
    await mesh.pass(180_000);
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
    expect((await mesh.jobs({ resource: 'host-1', version: '1.1.0' })).at(-1)).toMatchObject({ kind: 'verify', state: 'cancelled' });
  });

  it('a deployment that has lost its metrics goes on like one that never had any', async () => {
    const own = { ...steps, verification: [] };
    const mesh = await new Sequences({ verification: [health] }).begin();
    await mesh.bring('1.0.0', own);
    await mesh.release('1.1.0', own);
    await mesh.work();
    const variables = { port: { type: 'integer', default: 8080 } };
    const doc = { name: 'checkout', system: 'shop', resources: 'true', pool: 'eu', verification: [], metadata: {}, variables, executor };
    await mesh.inventory({ kind: 'deployment', name: 'checkout', doc: doc as never });
    await mesh.decide(mesh.decision('1.1.0', 'allowed', own));
    await mesh.pass(180_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(['verify 25 succeeded', 'shift 100 succeeded']);
    expect(await mesh.there()).toMatchObject({ runs: ['1.1.0 1 0 verified'] });
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  });

  it('all jobs of a release are made of the template that the release was made of', async () => {
    const mesh = await halfWay();
    const doc = {
      ...{ name: 'checkout', system: 'shop', resources: 'true', pool: 'eu', verification: [], metadata: {}, variables: {} },
      executor: { type: 'command', run: ['something', 'else'] },
    };
    await mesh.inventory({ kind: 'deployment', name: 'checkout', doc: doc as never });
    await mesh.decide(mesh.decision('1.1.0', 'allowed', steps));
    await mesh.pass(180_000);
    await mesh.run((await mesh.offered())[0]!);
    const [shift] = await mesh.offered();
    expect((await mesh.granted('anna', shift!.id)).spec.executor['run']).toEqual(['go', 'shift', '1.1.0', 100]);
  });

  it('a pin that is over while its canary holds takes it back, unharmed', async () => {
    const mesh = await new Sequences().begin();
    await mesh.bring('1.0.0', steps);
    await mesh.publish('1.1.0');
    const service = { name: 'policy', groups: [], role: 'service' as const };
    const names = { id: 'p1', deployment: 'checkout', environment: 'production', version: 'v-1.1.0', by: 'user:ada', reason: 'try' };
    const fact = { ...names, at: mesh.now, expiresAt: mesh.now + 60_000 };
    await mesh.ask('scheduler.takeStanding', { facts: [{ kind: 'pin', revision: 1, fact }] } as never, service);
    const knowing = { standing: [{ rule: 'pin', verdict: 'allowed' as const, sentence: 'pinned', saw: { pin: 'p1' } }] };
    await mesh.decide(mesh.decision('1.1.0', 'allowed', steps, knowing));
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('verify 25 held: hold');
    await mesh.decide(mesh.decision('1.1.0', 'waiting', steps));
    await mesh.pass(60_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(['verify 25 cancelled', 'back: shift 0 succeeded']);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: [] });
  });
});
