import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { subjects } from '@slipway/contracts';
import type { Outbound, Publisher } from '@slipway/messaging';
import { BATCH_MAX, connectNats, createPublisher } from '@slipway/messaging';
import type { Proxy, TestNats } from '@slipway/testkit';
import { eventually, silentLog, startNats, startProxy } from '@slipway/testkit';
import type { JetStreamManager } from '@nats-io/jetstream';
import { jetstreamManager } from '@nats-io/jetstream';
import { range, RELEASE_SUBJECT, releaseMessage } from './fixtures.js';

const options = { source: 'scheduler', now: () => 1_700_000_000_000 };

describe('publishing', () => {
  let nats: TestNats;
  let jsm: JetStreamManager;
  let publisher: Publisher;
  beforeAll(async () => {
    nats = await startNats();
    jsm = await jetstreamManager(await nats.connect('ops'), { checkAPI: false });
    publisher = createPublisher(await nats.connect('scheduler'), options);
  });
  afterAll(() => nats.stop());

  const count = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  const job = (id: string): Outbound => ({ subject: subjects.jobQueue('par', 'command', id), id, body: JSON.stringify({ job: id }) });

  it('stores a batch of any size in order, with traceparent and CloudEvents headers', async () => {
    const n = BATCH_MAX * 2 + 1;
    await publisher.publish(
      range(1, n).map((i) => ({ ...releaseMessage(i), headers: { traceparent: '00-1-2-01', 'Nats-Msg-Id': 'forged' } })),
    );
    expect(await count('EVT')).toBe(n);
    const [first, last] = await Promise.all([1, n].map((seq) => jsm.direct.getMessage('EVT', { seq })));
    expect(first?.json()).toMatchObject({ sequence: 1 });
    expect(last?.json()).toMatchObject({ sequence: n });
    expect(Object.fromEntries((first?.header.keys() ?? []).map((k) => [k, first?.header.get(k)]))).toMatchObject({
      'Slipway-Id': 'r1',
      traceparent: '00-1-2-01',
      'ce-id': 'r1',
      'ce-time': '2023-11-14T22:13:20.000Z',
      'ce-type': 'slipway.evt.release.succeeded',
    });
    expect(first?.header.get('Nats-Msg-Id')).toBe('');
  });

  it('stores a single message once, however often it is published', async () => {
    const before = await count('EVT');
    for (let i = 0; i < 3; i++) await publisher.publish([releaseMessage(1, 'only-once')]);
    expect(await count('EVT')).toBe(before + 1);
  });

  it('keeps one invitation per job, the newest, in a batch too', async () => {
    await publisher.publish([job('a'), job('b')]);
    await publisher.publish([job('b')]);
    await publisher.publish([job('b'), job('c'), job('a'), job('d')]);
    expect(await count('JOBS')).toBe(4);
  });

  it('keeps the streams of one call apart', async () => {
    const before = await count('EVT');
    await publisher.publish([releaseMessage(1, 'm1'), job('e'), releaseMessage(2, 'm2'), job('f')]);
    expect([(await count('EVT')) - before, await count('JOBS')]).toEqual([2, 6]);
  });

  it('refuses what this credential may not publish, and what is too large', async () => {
    const decision = { subject: subjects.decision('checkout', 'production', 'allowed'), body: '{}' };
    await expect(publisher.publish([{ ...decision, id: 'x' }])).rejects.toMatchObject({
      code: 'messaging.publish.forbidden',
      kind: 'forbidden',
    });
    await expect(publisher.publish([releaseMessage(1, 'x1'), { ...decision, id: 'x2' }])).rejects.toMatchObject({ kind: 'forbidden' });
    await expect(publisher.publish([{ ...job('g'), body: JSON.stringify('x'.repeat(70_000)) }])).rejects.toMatchObject({ kind: 'invalid' });
  });

  describe('over a link that breaks', () => {
    let proxy: Proxy;
    let shaky: Publisher;
    beforeAll(async () => {
      proxy = await startProxy({ port: nats.server.port });
      shaky = createPublisher(
        nats.adopt(await connectNats({ servers: proxy.url, creds: { file: nats.creds.scheduler }, name: 'shaky', log: silentLog })),
        options,
      );
    });
    afterAll(() => proxy.close());

    it('fails at once while it is cut, and goes on when it is back', async () => {
      await shaky.publish([releaseMessage(1, 's1')]);
      proxy.set('cut');
      const began = performance.now();
      await expect(shaky.publish([releaseMessage(1, 's2'), releaseMessage(2, 's3')])).rejects.toMatchObject({
        code: 'messaging.publish.unconfirmed',
        kind: 'unavailable',
      });
      expect(performance.now() - began).toBeLessThan(3_000);
      proxy.set('open');
      await eventually('it is published', () => shaky.publish([releaseMessage(1, 's2'), releaseMessage(2, 's3')]).then(() => true), 10_000);
      expect((await jsm.direct.getMessage('EVT', { last_by_subj: RELEASE_SUBJECT }))?.header.get('Slipway-Id')).toBe('s3');
    });

    it('is slow but right with latency', async () => {
      proxy.set('open', { latencyMs: 50 });
      const before = await count('EVT');
      await shaky.publish(range(1, 300).map((i) => releaseMessage(i, `slow${i}`)));
      expect(await count('EVT')).toBe(before + 300);
    });
  });
});
