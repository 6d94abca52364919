import { describe, expect, it } from '@jest/globals';
import { blueGreen, onFailure, Sequences, slotted, within } from './sequences.js';

const slots = within(blueGreen);
const ruled = { ...slots, rollback: onFailure };

const begin = (): Promise<Sequences> => new Sequences({ executor: slotted }).begin() as Promise<Sequences>;

/** 1.0.0 runs in slot blue, 1.1.0 in green, and blue is still kept. */
async function switched(more = slots): Promise<Sequences> {
  const mesh = await begin();
  await mesh.bring('1.0.0', more);
  await mesh.release('1.1.0', more);
  await mesh.work();
  expect((await mesh.rollout('1.1.0')).state).toBe('completed');
  return mesh;
}

describe('two slots at one target', () => {
  it('begin with blue, where nothing runs yet, and nothing is retired', async () => {
    const mesh = await begin();
    await mesh.bring('1.0.0', slots);
    expect(await mesh.told('1.0.0')).toEqual([
      'deploy blue 0 succeeded',
      'verify blue 0 succeeded',
      'switch blue 100 succeeded',
      'verify blue 100 succeeded',
    ]);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: [] });
  });

  it('change places: the idle one is filled, looked at and switched to; the old one is kept, then retired', async () => {
    const mesh = await switched();
    expect(await mesh.told('1.1.0')).toEqual([
      'deploy green 0 succeeded',
      'verify green 0 succeeded',
      'switch green 100 succeeded',
      'verify green 100 succeeded',
      'retire blue held: hold',
    ]);
    expect(await mesh.there()).toEqual({ runs: ['1.1.0 1 1 verified'], quarantined: [] });
    expect((await mesh.cell()).running).toMatchObject([{ version: '1.1.0', slots: { green: 1 } }]);
    expect((await mesh.rollout('1.1.0')).members[0]?.job?.waits?.sentence).toBe('slot blue is kept as a way back');
    mesh.restart();
    await mesh.pass(599_000);
    expect(await mesh.offered()).toEqual([]);
    await mesh.pass(1_000);
    const [retire] = await mesh.offered();
    expect((await mesh.granted('anna', retire!.id)).spec.executor['run']).toEqual(['go', 'retire', '1.1.0', 'blue']);
    await mesh.pass(31_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('retire blue succeeded');
    await mesh.release('1.2.0', slots);
    await mesh.work();
    expect((await mesh.told('1.2.0'))[0]).toBe('deploy blue 0 succeeded');
  });

  it('a look after the switch that is cancelled while its rollout goes back is asked about, and not forgotten', async () => {
    const mesh = await begin();
    await mesh.bring('1.0.0', ruled);
    await mesh.release('1.1.0', ruled);
    await mesh.work({}, 3);
    const [look] = await mesh.offered();
    expect([look?.kind, await mesh.letters('1.1.0')]).toEqual(['verify', 'v']);
    await mesh.command('rollback', { version: '1.1.0' });
    await mesh.ask('scheduler.cancel', { job: look!.id, reason: 'to see' });
    expect(await mesh.letters('1.1.0')).toBe('u');
    await mesh.ask('scheduler.resolve', { job: look!.id, as: 'failed', reason: 'it looks bad' });
    await mesh.work();
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
    expect((await mesh.rollout('1.1.0')).state).toBe('rolledBack');
  });

  it('a preview that fails never leaves the old slot: the new one is cleaned, and no more', async () => {
    const mesh = await begin();
    await mesh.bring('1.0.0', slots);
    await mesh.release('1.1.0', slots);
    await mesh.work({ measure: () => 'failed' });
    expect(await mesh.told('1.1.0')).toEqual(['deploy green 0 succeeded', 'verify green 0 succeeded', 'back: retire green succeeded']);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
    expect((await mesh.rollout('1.1.0')).state).toBe('rolledBack');
    await mesh.release('1.2.0', slots);
    await mesh.work();
    expect((await mesh.told('1.2.0'))[0]).toBe('deploy green 0 succeeded');
  });

  it('a switch that fails leaves the old slot serving', async () => {
    const mesh = await begin();
    await mesh.bring('1.0.0', slots);
    await mesh.release('1.1.0', slots);
    await mesh.work({ deploy: (job) => (job.kind === 'switch' ? 'failed' : 'succeeded') });
    expect((await mesh.told('1.1.0')).slice(2)).toEqual(['switch green 100 failed', 'back: retire green succeeded']);
    expect(await mesh.there()).toMatchObject({ runs: ['1.0.0 1 1 verified'] });
  });

  it('I9: bad after the switch: one switch back while the old slot is kept, then the bad one is retired', async () => {
    const mesh = await begin();
    await mesh.bring('1.0.0', ruled);
    await mesh.release('1.1.0', ruled);
    await mesh.work({
      measure: (job) => (job.version === '1.1.0' && (job as { weight?: number }).weight === 100 ? 'failed' : 'passed'),
    });
    // It had not succeeded, so blue was not due to be retired: nothing is left of 1.0.0's slot but what serves again.
    expect((await mesh.told('1.0.0')).slice(4)).toEqual([
      'back: switch blue 100 succeeded',
      'back: verify blue 100 succeeded',
      'retire green succeeded',
    ]);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
    await mesh.release('1.2.0', ruled);
    await mesh.work();
    expect((await mesh.told('1.2.0'))[0]).toBe('deploy green 0 succeeded');
  });

  it('a rollback by hand within keepOld is one switch back', async () => {
    const mesh = await switched();
    await mesh.pass(300_000);
    await mesh.command('rollback');
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('retire blue cancelled');
    expect((await mesh.told('1.0.0')).slice(4)).toEqual([
      'back: switch blue 100 succeeded',
      'back: verify blue 100 succeeded',
      'retire green succeeded',
    ]);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
    await mesh.pass(600_000);
    expect(await mesh.offered()).toEqual([]);
  });

  it('a rollback after keepOld deploys to the idle slot and switches', async () => {
    const mesh = await switched();
    await mesh.pass(600_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('retire blue succeeded');
    await mesh.command('rollback');
    await mesh.work();
    expect((await mesh.told('1.0.0')).slice(4)).toEqual([
      'back: deploy blue 0 succeeded',
      'back: switch blue 100 succeeded',
      'back: verify blue 100 succeeded',
      'retire green succeeded',
    ]);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: ['1.1.0 host-1'] });
  });

  it('a rollback while the old slot is being retired waits, and deploys it anew', async () => {
    const mesh = await switched();
    await mesh.pass(600_000);
    const [retire] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', retire!.id);
    await expect(mesh.command('rollback')).rejects.toThrow(/retire job that is claimed/);
    await mesh.report('anna', retire!.id, { verb: 'succeeded', epoch, n: 1 });
    await mesh.command('rollback');
    await mesh.work();
    expect((await mesh.told('1.0.0'))[4]).toBe('back: deploy blue 0 succeeded');
  });

  it('a newer version within keepOld takes the kept slot, which is then not retired', async () => {
    const mesh = await switched();
    await mesh.release('1.2.0', slots);
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('retire blue cancelled');
    expect(await mesh.told('1.2.0')).toEqual([
      'deploy blue 0 succeeded',
      'verify blue 0 succeeded',
      'switch blue 100 succeeded',
      'verify blue 100 succeeded',
      'retire green held: hold',
    ]);
    await mesh.pass(600_000);
    await mesh.work();
    expect((await mesh.told('1.2.0')).at(-1)).toBe('retire green succeeded');
    expect((await mesh.jobs()).filter((job) => job.kind === 'retire' && job.state === 'succeeded')).toHaveLength(1);
  });

  it('what was kept and then overwritten by a version that failed is no way back any more', async () => {
    const mesh = await switched(ruled);
    await mesh.release('1.2.0', ruled);
    await mesh.work({ measure: (job) => (job.version === '1.2.0' ? 'failed' : 'passed') });
    expect((await mesh.told('1.2.0')).at(-1)).toBe('back: retire blue succeeded');
    await mesh.command('rollback', { version: '1.1.0' });
    await mesh.work();
    expect((await mesh.told('1.0.0'))[4]).toBe('back: deploy blue 0 succeeded');
    expect(await mesh.there()).toMatchObject({ runs: ['1.0.0 1 1 verified'] });
  });

  it('I11: no freeze lets the old slot be retired; it is when the freeze is over', async () => {
    const mesh = await switched();
    const freeze = {
      ...{ id: 'f1', scope: 'true', by: 'user:ada', reason: 'end of the year', allowRollback: true },
      ...{ at: mesh.now, expiresAt: mesh.now + 900_000 },
    };
    const service = { name: 'policy', groups: [], role: 'service' as const };
    await mesh.ask('scheduler.takeStanding', { facts: [{ kind: 'freeze', revision: 1, fact: freeze }] } as never, service);
    await mesh.pass(600_000);
    expect(await mesh.offered()).toEqual([]);
    expect((await mesh.told('1.1.0')).at(-1)).toBe('retire blue held: gate');
    await mesh.pass(300_000);
    await mesh.pass(60_000);
    await mesh.work();
    expect((await mesh.told('1.1.0')).at(-1)).toBe('retire blue succeeded');
  });

  it('says so when the old slot could not be retired, until something else comes there', async () => {
    const mesh = await switched();
    await mesh.pass(600_000);
    await mesh.work({ deploy: () => 'failed' });
    expect((await mesh.cell()).attention.join('\n')).toContain('slot blue could not be retired');
    expect(await mesh.there()).toMatchObject({ runs: ['1.1.0 1 1 verified'] });
    await mesh.release('1.2.0', slots);
    await mesh.work();
    expect((await mesh.cell()).attention).toEqual([]);
  });

  it('a renewal that turns out bad goes back to the very slot that has what it was', async () => {
    const mesh = await begin();
    await mesh.bring('1.0.0', ruled);
    const doc = {
      identifier: 'host-1',
      name: 'host-1',
      kind: 'host',
      version: 'v1',
      metadata: {},
      config: { address: 'x' },
      variables: { port: 9 },
    };
    await mesh.inventory({ kind: 'resource', name: 'host-1', doc });
    await mesh.decide(mesh.decision('1.0.0', 'allowed', ruled));
    await mesh.work({ measure: (job) => ((job as { weight?: number }).weight === 100 && !job.rollback ? 'failed' : 'passed') });
    expect((await mesh.told('1.0.0')).slice(4)).toEqual([
      'deploy green 0 succeeded',
      'verify green 0 succeeded',
      'switch green 100 succeeded',
      'verify green 100 succeeded',
      'back: switch blue 100 succeeded',
      'back: verify blue 100 succeeded',
      'retire green succeeded',
    ]);
    await mesh.decide(mesh.decision('1.0.0', 'allowed', ruled));
    expect(await mesh.offered()).toEqual([]);
    expect(await mesh.there()).toEqual({ runs: ['1.0.0 1 1 verified'], quarantined: [] });
  });

  it('an executor that needs a slot is refused clearly where the policy gives none', async () => {
    const mesh = await begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.jobs();
    expect(job).toMatchObject({ state: 'rejected', message: expect.stringContaining('job.slot') });
  });
});
