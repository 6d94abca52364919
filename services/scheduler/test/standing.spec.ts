import { describe, expect, it } from '@jest/globals';
import type { StandingFact } from '@slipway/contracts';
import type { FreezeFact, NumberedDecision, Obligations, PinFact, RuleResult } from '@slipway/core';
import { allAtOnce, health, Mesh, START } from './mesh.js';

const HOUR = 3_600_000;
let revision = 0;

const frozen = (more: Partial<FreezeFact> = {}, of: Partial<StandingFact> = {}): StandingFact =>
  ({
    kind: 'freeze',
    verb: 'made',
    revision: (revision += 1),
    fact: { id: 'f1', scope: 'true', by: 'user:ann', reason: 'sales', at: START, expiresAt: START + HOUR, allowRollback: true, ...more },
    ...of,
  }) as StandingFact;
const pinned = (mesh: Mesh, tag: string, more: Partial<PinFact> = {}): StandingFact => ({
  kind: 'pin',
  verb: 'made',
  revision: (revision += 1),
  fact: {
    ...{ id: `p${revision}`, deployment: 'checkout', environment: 'production', version: `v-${tag}`, by: 'user:ann', reason: 'demo' },
    at: mesh.now,
    ...more,
  },
});
const lifted = (mesh: Mesh, of: StandingFact): StandingFact => ({
  ...of,
  verb: 'lifted',
  revision: (revision += 1),
  ended: { at: mesh.now, by: 'user:ann', verb: 'lifted' },
});
const take = (mesh: Mesh, ...facts: StandingFact[]): Promise<unknown> => mesh.ask('scheduler.takeStanding', { facts });
const runs = async (mesh: Mesh): Promise<string[]> => (await mesh.cell()).running.map(({ version, count }) => `${version} on ${count}`);
/** The decision on the version of a pin, made since. */
const knowing = (
  mesh: Mesh,
  { fact }: StandingFact,
  verdict: 'allowed' | 'waiting' = 'allowed',
  more: Partial<Obligations> = {},
): NumberedDecision => {
  const standing: RuleResult[] = [{ rule: 'pin', verdict: 'allowed', sentence: 'pinned', saw: { pin: fact.id } }];
  return mesh.decision((fact as PinFact).version.replace('v-', ''), verdict, more, { standing });
};
/** Both versions run everywhere, one after the other. */
async function twoVersions(hosts = 2): Promise<Mesh> {
  const mesh = await new Mesh({ hosts, verification: [health] }).begin();
  for (const tag of ['1.0.0', '1.1.0']) {
    await mesh.release(tag);
    await mesh.work();
  }
  expect(await runs(mesh)).toEqual([`1.1.0 on ${hosts}`]);
  return mesh;
}

describe('a freeze', () => {
  it('I11: once it was taken nothing in its scope is granted, though the decision still allows it; what has begun goes on', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await mesh.release('1.0.0');
    const [first, second, third] = await mesh.offered();
    const grant = await mesh.granted('anna', first!.id);
    await take(mesh, frozen());
    for (const job of [second!, third!]) expect(await mesh.claim('anna', job.id)).toMatchObject({ granted: false });
    expect(await mesh.offered()).toEqual([]);
    await mesh.reports('anna', [{ job: first!.id, report: { verb: 'succeeded', epoch: grant.epoch, n: 1 } }]);
    expect(await mesh.letters('1.0.0')).toBe('s..');
    expect((await mesh.rollout('1.0.0')).because).toContain('frozen by user:ann');
  });

  it('I11: holds a claim that comes before the decision does', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.publish('1.0.0');
    await take(mesh, frozen());
    await mesh.decide(mesh.decision('1.0.0'));
    expect(await mesh.offered()).toEqual([]);
    expect(await mesh.rollouts()).toEqual([]);
  });

  it('lets go exactly at its time, and at once when it is lifted', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    const freeze = frozen();
    await take(mesh, freeze);
    await mesh.release('1.0.0');
    expect(await mesh.offered()).toEqual([]);
    expect(await mesh.wake()).toBeLessThanOrEqual(START + HOUR);
    mesh.now = START + HOUR - 1;
    await mesh.wake();
    expect(await mesh.offered()).toEqual([]);
    await mesh.pass(1);
    expect(await mesh.offered()).toHaveLength(1);
    const other = frozen({ id: 'f2', expiresAt: mesh.now + HOUR });
    await take(mesh, other);
    expect(await mesh.offered()).toEqual([]);
    await take(mesh, lifted(mesh, other));
    expect(await mesh.offered()).toHaveLength(1);
  });

  it('holds its scope only, and survives a restart', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await take(mesh, frozen({ scope: 'resource.identifier == "host-2"' }));
    mesh.restart();
    await mesh.release('1.0.0');
    expect((await mesh.offered()).map((job) => job.resource).sort()).toEqual(['host-1', 'host-3']);
    await take(mesh, frozen({ id: 'f9', scope: 'environment.name == "staging"' }));
    expect(await mesh.offered()).toHaveLength(2);
    await take(mesh, frozen({ id: 'f10', scope: 'resource.metadata.nothing == "x"' }));
    expect(await mesh.offered()).toHaveLength(0);
  });

  it('an older word of it changes nothing, an equal one neither', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    const freeze = frozen();
    const end = lifted(mesh, freeze);
    await take(mesh, end);
    await take(mesh, freeze);
    await take(mesh, end);
    await mesh.release('1.0.0');
    expect(await mesh.offered()).toHaveLength(1);
  });

  it('that was missed, or whose end was, is found by the sweep', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    const freeze = frozen({ id: 'f50' });
    mesh.standing = { facts: [freeze], revision: freeze.revision };
    await mesh.pass(60_000);
    await mesh.release('1.0.0');
    expect(await mesh.offered()).toEqual([]);
    await mesh.pass(60_000);
    expect(await mesh.offered()).toEqual([]);
    mesh.standing = { facts: [], revision: freeze.revision + 1 };
    await mesh.pass(60_000);
    expect(await mesh.offered()).toHaveLength(1);
  });

  it('lets rollbacks pass where it says so, and holds them where it does not, also where no decision speaks', async () => {
    for (const allowRollback of [true, false]) {
      const mesh = await twoVersions(1);
      const freeze = frozen({ id: `f${revision}`, allowRollback });
      await take(mesh, freeze);
      await mesh.command('rollback', { reason: 'bad' });
      expect((await mesh.offered()).map((job) => job.version)).toEqual(allowRollback ? ['1.0.0'] : []);
      if (!allowRollback) {
        const [job] = (await mesh.jobs()).filter((one) => one.rollback);
        expect(job).toMatchObject({ held: 'gate', heldBecause: expect.stringContaining('rollbacks too') });
        await take(mesh, lifted(mesh, freeze));
        expect(await mesh.offered()).toHaveLength(1);
      }
      await mesh.work();
      expect(await runs(mesh)).toEqual(['1.0.0 on 1']);
    }
  });

  it('puts aside a rollback that was offered already, and a retry does not begin under it', async () => {
    const mesh = await twoVersions(1);
    await mesh.command('rollback', { reason: 'bad' });
    const [job] = await mesh.offered();
    await take(mesh, frozen({ id: 'f30', allowRollback: false }));
    expect(await mesh.claim('anna', job!.id)).toMatchObject({ granted: false });
    mesh.now = START + HOUR;
    await mesh.wake();
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.0.0 on 1']);

    const other = await new Mesh({ hosts: 1 }).begin();
    await other.release('1.0.0', {
      retry: { attempts: 3, on: ['failed'], backoff: 'constant', delayMs: 1_000, maxDelayMs: 1_000, jitter: 0 },
    });
    await other.run((await other.offered())[0]!, { deploy: () => 'failed' });
    await take(other, frozen({ id: 'f31' }));
    await other.pass(2_000);
    const [retry] = await other.jobs();
    expect(await other.claim('anna', retry!.id, 2)).toMatchObject({ granted: false });
  });
});

describe('a pin', () => {
  it('I8: brings its targets back to an older version, verified, and forward again when it is taken away', async () => {
    const mesh = await twoVersions();
    const pin = pinned(mesh, '1.0.0');
    await take(mesh, pin);
    await mesh.decide(mesh.decision('1.1.0', 'denied'), knowing(mesh, pin));
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.0.0 on 2']);
    const brought = (await mesh.jobs({ version: '1.0.0' })).slice(-4);
    expect(brought.map((job) => `${job.kind} ${job.rollback}`).sort()).toEqual([
      'deploy false',
      'deploy false',
      'verify false',
      'verify false',
    ]);
    await take(mesh, lifted(mesh, pin));
    await mesh.decide(mesh.decision('1.1.0'));
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.1.0 on 2']);
  });

  it('waits for the gates of its version', async () => {
    const mesh = await twoVersions();
    const pin = pinned(mesh, '1.0.0');
    await take(mesh, pin);
    // What was decided when the version was new says nothing of now (I2).
    expect(await mesh.offered()).toEqual([]);
    await mesh.decide(knowing(mesh, pin, 'waiting'));
    expect(await mesh.offered()).toEqual([]);
    await mesh.decide(knowing(mesh, pin));
    expect(await mesh.offered()).toHaveLength(2);
  });

  it('once taken, no other version begins there, though its decision allows it; other targets go on', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    await mesh.release('1.1.0');
    const jobs = await mesh.offered();
    await take(mesh, pinned(mesh, '1.0.0', { resource: 'host-1' }));
    for (const job of jobs) expect(await mesh.claim('anna', job.id)).toMatchObject({ granted: job.resource === 'host-2' });
    expect((await mesh.rollout('1.1.0')).members.map((m) => `${m.resource} ${m.letter}`).sort()).toEqual(['host-1 .', 'host-2 j']);
  });

  it('holds a rollout half way: what was not begun waits, and goes on when the pin is gone', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    await mesh.release('1.1.0', { gradualRollout: { ...allAtOnce, maxInFlight: 1 } });
    await mesh.work({}, 1);
    const pin = pinned(mesh, '1.0.0');
    await take(mesh, pin);
    await mesh.decide(knowing(mesh, pin));
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.0.0 on 3']);
    expect((await mesh.rollout('1.1.0')).state).toBe('running');
    await take(mesh, lifted(mesh, pin));
    await mesh.decide(mesh.decision('1.1.0', 'allowed', { gradualRollout: { ...allAtOnce, maxInFlight: 1 } }));
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.1.0 on 3']);
  });

  it('I8: what has not begun of it when it ends never does', async () => {
    const mesh = await twoVersions(3);
    const pin = pinned(mesh, '1.0.0', { expiresAt: mesh.now + HOUR });
    await take(mesh, pin);
    await mesh.decide(knowing(mesh, pin, 'allowed', { gradualRollout: { ...allAtOnce, maxInFlight: 1 } }));
    await mesh.work({}, 2);
    expect(await runs(mesh)).toEqual(['1.1.0 on 2', '1.0.0 on 1']);
    const [offered] = await mesh.offered();
    mesh.now += HOUR;
    expect(await mesh.claim('anna', offered!.id)).toMatchObject({ granted: false, because: expect.stringContaining('pin') });
    await mesh.wake();
    await mesh.work();
    expect((await mesh.rollouts()).map((r) => `${r.version} ${r.state}`)).toContain('1.0.0 cancelled');
    expect(await runs(mesh)).toEqual(['1.1.0 on 3']);
  });

  it('is not carried out again and again where its version failed, and not at all where it is quarantined', async () => {
    const mesh = await twoVersions(1);
    const first = pinned(mesh, '1.0.0');
    await take(mesh, first);
    await mesh.decide(knowing(mesh, first));
    await mesh.work({ deploy: () => 'failed' });
    await mesh.pass(HOUR);
    expect(await mesh.offered()).toEqual([]);
    expect((await mesh.rollouts())[0]).toMatchObject({ version: '1.0.0', state: 'halted' });
    const again = pinned(mesh, '1.0.0');
    await take(mesh, lifted(mesh, first), again);
    await mesh.decide(knowing(mesh, again));
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.0.0 on 1']);
    expect((await mesh.rollouts()).slice(0, 2).map((r) => r.state)).toEqual(['completed', 'superseded']);

    const other = await twoVersions(1);
    await other.command('rollback', { reason: 'bad' });
    await other.work();
    const back = pinned(other, '1.1.0');
    await take(other, back);
    await other.decide(knowing(other, back));
    expect(await other.offered()).toEqual([]);
  });

  it('survives a restart', async () => {
    const mesh = await twoVersions(1);
    const pin = pinned(mesh, '1.0.0');
    await take(mesh, pin);
    mesh.restart();
    await mesh.decide(knowing(mesh, pin));
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.0.0 on 1']);
    await mesh.release('1.2.0');
    mesh.restart();
    await mesh.work();
    expect(await runs(mesh)).toEqual(['1.0.0 on 1']);
  });
});

describe('a rejected or paused version', () => {
  it('I2: is granted nowhere once the scheduler has taken it from the registry', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    const change = mesh.commit({
      kind: 'version',
      name: '1.0.0',
      doc: { ...version('1.0.0', 1), status: 'paused' },
    });
    await mesh.ask('scheduler.takeChanges', { deployment: 'checkout', revision: change.revision, changes: [change] as never });
    expect(await mesh.claim('anna', job!.id)).toMatchObject({ granted: false });
    expect(await mesh.ask('scheduler.takeChanges', { deployment: 'checkout', revision: change.revision, changes: [] })).toEqual({
      revision: change.revision,
    });
    await expect(
      mesh.ask('scheduler.takeChanges', { deployment: 'checkout', revision: change.revision + 5, changes: [] }),
    ).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

function version(tag: string, sequence: number) {
  return {
    ...{ id: `v-${tag}`, deployment: 'checkout', tag, name: tag, status: 'ready' as const, sequence },
    ...{ config: {}, metadata: {}, dependsOn: [], createdAt: START },
  };
}
