import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectNats, createPublisher, provision, PullSource } from '@slipway/messaging';
import type { TestNats } from '@slipway/testkit';
import { eventually, silentLog, startNats, startProxy } from '@slipway/testkit';
import { range, releaseMessage } from './fixtures.js';

describe('pulling', () => {
  let nats: TestNats;
  beforeAll(async () => {
    nats = await startNats();
  });
  afterAll(() => nats.stop());
  let published = 0;
  const publish = async (n: number) => {
    const from = published + 1;
    published += n;
    await createPublisher(await nats.connect('scheduler'), { source: 'scheduler', now: () => 0 }).publish(
      range(from, published).map((i) => releaseMessage(i)),
    );
  };

  it('waits for the first message and gives it at once, with whatever else is there', async () => {
    const source = new PullSource(await nats.connect('policy'), { stream: 'EVT', consumer: 'policy' });
    const waiting = source.next(100);
    await publish(1);
    const first = await waiting;
    expect(first.map((m) => m.sequence)).toEqual([1]);
    await publish(30);
    const rest = await source.next(20);
    expect(rest.map((m) => m.sequence)).toEqual(range(2, 21));
    for (const m of [...first, ...rest]) expect(await m.ackConfirmed(2_000)).toBe(true);
    const last = await source.next(20);
    expect(last).toHaveLength(10);
    last.forEach((m) => m.ack());
    source.close();
    expect(await source.next(5)).toEqual([]);
  });

  it('gives back what is refused, after the delay', async () => {
    const source = new PullSource(await nats.connect('policy'), { stream: 'EVT', consumer: 'policy' });
    await publish(1);
    const [first] = await source.next(1);
    const began = performance.now();
    first?.nak(200);
    const [again] = await source.next(1);
    expect(performance.now() - began).toBeGreaterThan(150);
    expect([first?.attempt, again?.attempt]).toEqual([1, 2]);
    again?.ack();
    source.close();
  });

  it('notices a link that died without a word, and goes on when it is back', async () => {
    const proxy = await startProxy({ port: nats.server.port });
    const nc = nats.adopt(await connectNats({ servers: proxy.url, creds: { file: nats.creds.policy }, name: 'far', log: silentLog }));
    const states: string[] = [];
    const source = new PullSource(nc, { stream: 'EVT', consumer: 'policy', expiresMs: 5_000, onState: (state) => states.push(state) });
    const waiting = source.next(10);
    proxy.set('halfOpen');
    await publish(1);
    await eventually('it sees that there is no answer', () => states.includes('failing'), 20_000);
    proxy.set('cut');
    proxy.set('open');
    // What the server sent into the dead link is delivered again after the consumer's ack_wait.
    const [message] = await waiting;
    expect(message?.sequence).toBe(published);
    message?.ack();
    source.close();
    await proxy.close();
  }, 90_000);

  it('says once that its consumer is not there, and goes on once it is', async () => {
    const bare = await startNats({ provisioned: false });
    const states: string[] = [];
    const source = new PullSource(await bare.connect('policy'), {
      stream: 'EVT',
      consumer: 'policy',
      onState: (state) => states.push(state),
    });
    const waiting = source.next(1);
    await eventually('it complains', () => states.length > 0);
    await provision(await bare.connect('provision'), { replicas: 1 });
    await createPublisher(await bare.connect('scheduler'), { source: 'scheduler', now: () => 0 }).publish([releaseMessage(1)]);
    expect((await waiting).map((m) => m.sequence)).toEqual([1]);
    expect(states[0]).toBe('failing');
    source.close();
    expect(await source.next(1)).toEqual([]);
    await bare.stop();
  });
});
