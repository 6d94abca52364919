import { describe, expect, it } from '@jest/globals';
import { canary, onFailure, Sequences, within } from './sequences.js';

const steps = within(canary);

/** 1.0.0 runs, and 1.1.0 holds at 25 %. */
async function halfWay(more = steps): Promise<Sequences> {
  const mesh = await new Sequences().begin();
  await mesh.bring('1.0.0', more);
  await mesh.release('1.1.0', more);
  await mesh.work();
  expect(await mesh.told('1.1.0')).toEqual(['deploy 0 succeeded', 'shift 25 succeeded', 'verify 25 held: hold']);
  return mesh;
}

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

describe('people and gates in the middle of a canary', () => {
  it('pause holds the next step, resume lets it go', async () => {
    const mesh = await halfWay();
    await mesh.command('pause', { reason: 'the graphs look odd' });
    await mesh.pass(180_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('shift 100 held: paused');
    const [member] = (await mesh.rollout('1.1.0')).members;
    expect(member?.job?.waits?.sentence).toContain('paused by user:ada: the graphs look odd');
    await mesh.command('resume');
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  });

  it('pause takes a step back that is offered and not begun', async () => {
    const mesh = await halfWay();
    await mesh.pass(180_000);
    await mesh.run((await mesh.offered())[0]!);
    const [shift] = await mesh.offered();
    expect(shift?.kind).toBe('shift');
    await mesh.command('pause');
    expect(await mesh.claim('anna', shift!.id)).toMatchObject({ granted: false });
    expect((await mesh.told('1.1.0')).at(-1)).toBe('shift 100 held: paused');
    await mesh.command('resume');
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  });

  it('I11: no step starts while a gate is closed; the weight stays, and goes on when it opens', async () => {
    const mesh = await halfWay();
    await mesh.decide(mesh.decision('1.1.0', 'waiting', steps));
    await mesh.pass(180_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('shift 100 held: gate');
    expect((await mesh.rollout('1.1.0')).members[0]?.job?.waits?.sentence).toContain('approval: 0 of 1 from releasers');
    await mesh.decide(mesh.decision('1.1.0', 'allowed', steps));
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  });

  it('I11: a decision that comes between offer and claim of a step is enough to deny', async () => {
    const mesh = await halfWay();
    await mesh.pass(180_000);
    await mesh.run((await mesh.offered())[0]!);
    const [shift] = await mesh.offered();
    await mesh.decide(mesh.decision('1.1.0', 'denied', steps));
    expect(await mesh.claim('anna', shift!.id)).toMatchObject({ granted: false });
    expect((await mesh.told('1.1.0')).at(-1)).toBe('shift 100 held: gate');
  });

  it('abort shifts it back to 0, and it does not come again by itself', async () => {
    const mesh = await halfWay();
    await mesh.command('abort', { reason: 'not today' });
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(['verify 25 cancelled', 'back: shift 0 dispatched']);
    expect((await mesh.rollout('1.1.0')).state).toBe('running');
    await mesh.work();
    expect((await mesh.rollout('1.1.0')).state).toBe('cancelled');
    await mesh.decide(mesh.decision('1.1.0', 'allowed', steps));
    await mesh.work();
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
  });

  it('abort while a step runs lets it finish, and then shifts back', async () => {
    const mesh = await halfWay();
    await mesh.pass(180_000);
    const [look] = await mesh.offered();
    const grant = await mesh.granted('anna', look!.id);
    await mesh.command('abort');
    expect(await mesh.renew('anna', look!.id, grant.epoch)).toMatchObject({ go: 'cancel' });
    await mesh.report('anna', look!.id, { verb: 'cancelled', epoch: grant.epoch, n: 1 });
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('back: shift 0 succeeded');
    expect((await mesh.rollout('1.1.0')).state).toBe('cancelled');
  });

  it('a rejected version is shifted back to 0', async () => {
    const mesh = await halfWay();
    const version = {
      ...{ id: 'v-1.1.0', deployment: 'checkout', tag: '1.1.0', name: '1.1.0', sequence: 2, createdAt: mesh.now },
      ...{ config: {}, metadata: {}, dependsOn: [], status: 'rejected' as const },
    };
    await mesh.inventory({ kind: 'version', name: '1.1.0', doc: version });
    await mesh.work();
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(['verify 25 cancelled', 'back: shift 0 succeeded']);
    expect(await mesh.there()).toMatchObject({ runs: ['1.0.0 1 1 verified'] });
  });

  it('a rollback by hand shifts it back to 0, of the rollout and of the one target', async () => {
    for (const more of [{}, { resource: 'host-1' }]) {
      const mesh = await halfWay();
      await mesh.command('rollback', more);
      await mesh.work();
      expect((await mesh.told('1.1.0')).slice(2)).toEqual(['verify 25 cancelled', 'back: shift 0 succeeded']);
      expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
    }
  });

  it('promote ends the hold, and promote --all every later one; what is measured is measured all the same', async () => {
    const mesh = await halfWay();
    await mesh.command('promote');
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('verify 100 succeeded');
    await mesh.release('1.2.0', steps);
    await mesh.command('promote', { all: true });
    await mesh.work();
    expect(await mesh.told('1.2.0')).toContain('verify 25 succeeded');
    expect((await mesh.rollout('1.2.0')).state).toBe('completed');
  });

  it('a newer version takes its place in the hold: the canary is shifted back, unharmed, and the newer one enters', async () => {
    const mesh = await halfWay();
    await mesh.release('1.2.0', steps);
    await mesh.work();
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(['verify 25 cancelled', 'back: shift 0 succeeded']);
    expect((await mesh.rollout('1.1.0')).state).toBe('superseded');
    expect((await mesh.told('1.2.0')).at(-1)).toBe('verify 25 held: hold');
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: [] });
    // The one that was superseded may still come, should the newer one turn out bad.
    await mesh.pass(180_000);
    await mesh.work({ measure: () => 'failed' });
    await mesh.decide(mesh.decision('1.1.0', 'allowed', steps));
    await mesh.work();
    await mesh.pass(180_000);
    await mesh.work();
    expect(await mesh.there()).toEqual({ runs: ['1.1.0 1 1 verified'], quarantined: ['1.2.0 host-1'] });
  });

  it('a newer version waits for a step that runs', async () => {
    const mesh = await halfWay();
    await mesh.pass(180_000);
    await mesh.run((await mesh.offered())[0]!);
    const [shift] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', shift!.id);
    await mesh.release('1.2.0', steps);
    expect(await mesh.told('1.2.0')).toEqual([]);
    await mesh.report('anna', shift!.id, { verb: 'succeeded', epoch, n: 1 });
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('verify 100 succeeded');
    await mesh.pass(61_000);
    await mesh.work();
    expect((await mesh.told('1.2.0')).at(-1)).toBe('verify 25 held: hold');
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
