import { describe, expect, it } from '@jest/globals';
import type { InboxItem } from '@slipway/contracts';
import { createTestStore } from '@slipway/testkit';
import { tables } from '../src/tables.js';
import { allAtOnce, canaryThenRest, health, Mesh, obliged } from './mesh.js';

const inbox = async (mesh: Mesh, scope: object = {}): Promise<InboxItem[]> => (await mesh.ask('scheduler.inbox', scope)).items;
const kinds = async (mesh: Mesh): Promise<string[]> => (await inbox(mesh)).map((item) => `${item.kind} ${item.resource ?? item.version}`);
const where = 'checkout -e production -v';

describe('the scheduler’s inbox', () => {
  it('is empty while everything goes on by itself', async () => {
    const mesh = await new Mesh({ verification: [health] }).begin();
    expect(await inbox(mesh)).toEqual([]);
    await mesh.release('1.0.0', { gradualRollout: canaryThenRest });
    expect(await inbox(mesh)).toEqual([]);
    await mesh.work();
    expect(await inbox(mesh)).toEqual([]);
  });

  it('has waves that wait to be let in, since when, with the command', async () => {
    const mesh = await new Mesh().begin();
    const [canary, rest] = canaryThenRest.across.type === 'waves' ? canaryThenRest.across.waves : [];
    const across = { type: 'waves' as const, waves: [canary!, { ...rest!, approve: true }] };
    await mesh.release('1.0.0', { gradualRollout: { ...canaryThenRest, across } });
    mesh.now += 5_000;
    await mesh.work();
    const since = mesh.now;
    await mesh.pass(600_000);
    expect(await inbox(mesh)).toEqual([
      {
        kind: 'waveApproval',
        ...{ system: 'shop', deployment: 'checkout', environment: 'production', version: '1.0.0', targets: 2, since },
        sentence: 'wave all of 1.0.0 waits to be approved before it begins',
        asks: [`slipway promote ${where} 1.0.0`],
        rollout: expect.any(String),
      },
    ]);
    await mesh.command('promote');
    expect(await inbox(mesh)).toEqual([]);
  });

  it('has what is paused or halted, with why and the ways on', async () => {
    const mesh = await new Mesh().begin();
    await mesh.release('1.0.0', { gradualRollout: { ...allAtOnce, maxInFlight: 1 } });
    await mesh.command('pause', { reason: 'lunch' });
    const since = mesh.now;
    await mesh.pass(61_000);
    expect(await inbox(mesh)).toMatchObject([
      {
        kind: 'paused',
        since,
        targets: 3,
        sentence: 'rollout of 1.0.0 is paused: paused by user:ada: lunch',
        asks: [`slipway resume ${where} 1.0.0`],
      },
    ]);
    await mesh.command('resume');
    await mesh.work({ deploy: () => 'failed' });
    expect(await inbox(mesh)).toMatchObject([
      {
        kind: 'halted',
        sentence: expect.stringMatching(/is halted: host-1 failed: done/),
        asks: [`slipway retry ${where} 1.0.0`, `slipway resume ${where} 1.0.0`, `slipway rollback ${where} 1.0.0`],
      },
    ]);
  });

  it('has uncertain outcomes by their job, and no second time by the rollout that waits for them; then the rollout itself', async () => {
    const mesh = await new Mesh({ hosts: 2, verification: [health] }).begin();
    await mesh.release('1.0.0');
    const [first, second] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', first!.id);
    await mesh.report('anna', first!.id, { verb: 'unknown', epoch, n: 1, message: 'the link broke' });
    mesh.now += 1_000;
    const found = await inbox(mesh);
    expect(found).toMatchObject([
      {
        kind: 'unknown',
        ...{ resource: 'host-1', job: first!.id, since: mesh.now - 1_000 },
        sentence: 'nobody knows what became of the deploy of 1.0.0 at host-1: the link broke',
        asks: [`slipway resolve ${first!.id} --as succeeded|failed --reason <text>`],
      },
    ]);
    await mesh.ask('scheduler.resolve', { job: first!.id, as: 'succeeded', reason: 'I looked' });
    expect(await kinds(mesh)).toEqual(['paused 1.0.0']);
    await mesh.command('resume');
    await mesh.work({ measure: (job) => (job.resource === second!.resource ? 'inconclusive' : 'passed') });
    expect(await inbox(mesh)).toMatchObject([
      { kind: 'inconclusive', resource: 'host-2', sentence: expect.stringMatching(/^verification of 1.0.0 at host-2 is inconclusive: /) },
    ]);
    const [item] = await inbox(mesh);
    await mesh.ask('scheduler.resolve', { job: item!.job!, as: 'succeeded', reason: 'I looked' });
    await mesh.command('resume');
    expect(await inbox(mesh)).toEqual([]);
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('has a rollback whose verification came to no verdict after its rollout was over', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    for (const tag of ['1.0.0', '1.1.0']) {
      await mesh.release(tag);
      await mesh.work();
    }
    await mesh.command('rollback', { resource: 'host-1' });
    await mesh.work({ measure: () => 'inconclusive' });
    const [item] = await inbox(mesh);
    expect(item).toMatchObject({ kind: 'inconclusive', sentence: expect.stringMatching(/^rollback to 1.0.0 at host-1 is inconclusive/) });
    await mesh.ask('scheduler.resolve', { job: item!.job!, as: 'succeeded', reason: 'I looked' });
    expect(await inbox(mesh)).toEqual([]);
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);
  });

  it('has what a run asks, since it asks: what can be confirmed here with the command, what cannot with the link', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0');
    const [first, second] = await mesh.offered();
    const begun = mesh.now;
    for (const [job, message, more] of [
      [first!, 'review it there', { link: 'https://vendor.example/runs/1' }],
      [second!, 'confirm the plan', { question: 'aaaa1111' }],
    ] as const) {
      const { epoch } = await mesh.granted('anna', job.id);
      await mesh.report('anna', job.id, { verb: 'actionRequired', epoch, n: 1, message, ...more });
    }
    await mesh.pass(20_000);
    for (const job of [first!, second!]) await mesh.renew('anna', job.id, 1);
    const cancel = (id: string): string => `slipway cancel ${id} --reason <text>`;
    expect(await inbox(mesh)).toMatchObject([
      {
        kind: 'actionRequired',
        sentence: 'deploy of 1.0.0 at host-1 waits for a person in command: review it there',
        since: begun,
        link: 'https://vendor.example/runs/1',
        asks: [cancel(first!.id)],
      },
      {
        sentence: 'deploy of 1.0.0 at host-2 waits to be confirmed: confirm the plan',
        asks: [`slipway confirm ${second!.id} --question aaaa1111 --reason <text>`, cancel(second!.id)],
      },
    ]);
    await mesh.ask('scheduler.confirm', { job: second!.id, question: 'aaaa1111' });
    await mesh.ask('scheduler.cancel', { job: first!.id });
    expect(await inbox(mesh)).toEqual([]);
  });

  it('has targets that could not be brought back, and rollouts that cannot be planned', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    for (const tag of ['1.0.0', '1.1.0']) {
      await mesh.release(tag);
      await mesh.work();
    }
    await mesh.command('rollback');
    await mesh.work({ deploy: () => 'failed' });
    expect(await inbox(mesh)).toMatchObject([
      { kind: 'halted', resource: 'host-1', sentence: 'host-1: bringing 1.0.0 back failed: done', since: mesh.now },
    ]);
    const across = {
      type: 'waves' as const,
      waves: [{ name: 'eu', targets: { selector: 'resource.metadata.zone == "eu"' }, holdMs: 0, verify: true, approve: false }],
    };
    await mesh.release('1.2.0', { gradualRollout: { ...allAtOnce, across } });
    expect((await inbox(mesh)).find((item) => item.kind === 'unplannable')).toMatchObject({
      sentence: expect.stringMatching(/1.2.0 cannot be planned: The selector of wave eu has no answer for host-1/),
    });
  });

  it('keeps to its scope', async () => {
    const mesh = await new Mesh().begin();
    await mesh.release('1.0.0', obliged());
    await mesh.command('pause');
    for (const scope of [{}, { system: 'shop' }, { deployment: 'checkout' }, { environment: 'production' }])
      expect(await inbox(mesh, scope)).toHaveLength(1);
    for (const scope of [{ system: 'bank' }, { deployment: 'catalog' }, { environment: 'staging' }])
      expect(await inbox(mesh, scope)).toEqual([]);
  });

  it('is answered by PostgreSQL too', async () => {
    const store = await createTestStore(tables);
    try {
      const mesh = await new Mesh({ store, hosts: 2, verification: [health] }).begin();
      await mesh.release('1.0.0', { gradualRollout: { ...allAtOnce, maxInFlight: 1 } });
      await mesh.work({ measure: () => 'error' });
      expect(await kinds(mesh)).toEqual(['inconclusive host-1']);
    } finally {
      await store.close();
    }
  }, 60_000);
});
