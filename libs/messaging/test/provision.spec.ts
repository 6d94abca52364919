import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { consumers, jobConsumer, streams } from '@slipway/contracts';
import { ensureJobQueue, provision } from '@slipway/messaging';
import type { TestNats } from '@slipway/testkit';
import { startNats } from '@slipway/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

describe('provision', () => {
  let nats: TestNats;
  let nc: NatsConnection;
  beforeAll(async () => {
    nats = await startNats({ provisioned: false });
    nc = await nats.connect('provision');
  });
  afterAll(() => nats.stop());

  it('makes every declared stream and consumer, and a second run changes nothing', async () => {
    const first = await provision(nc, { replicas: 1 });
    expect(first.created).toEqual([...streams.map((s) => `stream ${s.name}`), ...consumers.map((c) => `consumer ${c.stream}/${c.name}`)]);
    const second = await provision(nc, { replicas: 1 });
    expect(second).toMatchObject({ created: [], changed: [] });
    expect(second.unchanged).toHaveLength(streams.length + consumers.length);
  });

  it('shows a mutable drift with dryRun, changes it without', async () => {
    const grown = streams.map((s) => (s.name === 'DLQ' ? { ...s, maxBytes: s.maxBytes * 2 } : s));
    const narrowed = consumers.map((c) => (c.name === 'policy' ? { ...c, filters: ['slipway.evt.release.>'], ackWaitMs: 45_000 } : c));
    const wanted = { replicas: 1, streams: grown, consumers: narrowed };
    const shown = await provision(nc, { ...wanted, dryRun: true });
    expect(shown.changed.map((d) => `${d.of} ${d.field}`)).toEqual([
      'stream DLQ max_bytes',
      'consumer EVT/policy ack_wait',
      'consumer EVT/policy filters',
    ]);
    expect((await provision(nc, wanted)).changed).toEqual(shown.changed);
    expect((await provision(nc, wanted)).changed).toEqual([]);
    expect((await provision(nc, { replicas: 1 })).changed).toHaveLength(3);
  });

  it('refuses what cannot be changed and changes nothing else either', async () => {
    const wanted = streams.map((s) => {
      if (s.name === 'JOBS') return { ...s, maxConsumers: 7 };
      return s.name === 'DLQ' ? { ...s, maxBytes: 1 } : s;
    });
    await expect(provision(nc, { replicas: 1, streams: wanted })).rejects.toMatchObject({
      code: 'messaging.provision.immutable',
      message: expect.stringContaining('stream JOBS: max_consumers 2000 → 7 (cannot be changed)'),
    });
    expect((await provision(nc, { replicas: 1 })).changed).toEqual([]);
  });

  it('lets the registry make the queue of a pool and executor, again and again', async () => {
    const registry = await nats.connect('registry');
    await ensureJobQueue(registry, 'par', 'command');
    await ensureJobQueue(registry, 'par', 'command');
    const jsm = await jetstreamManager(nc, { checkAPI: false });
    expect((await jsm.consumers.info('JOBS', jobConsumer('par', 'command').name)).config).toMatchObject({
      filter_subject: 'slipway.job.par.command.>',
      max_deliver: -1,
    });
  });
});
