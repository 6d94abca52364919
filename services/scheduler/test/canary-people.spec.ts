import { describe, expect, it } from '@jest/globals';
import { halfWay, steps } from './sequences.js';

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
