import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SlipwayError } from '@slipway/core';
import type { BatchHandler, Inbound, RunningConsumer, Settlement } from '@slipway/messaging';
import { consume, createPublisher, listDeadLetters, readDeadLetter, replayDeadLetter } from '@slipway/messaging';
import type { TestNats } from '@slipway/testkit';
import { eventually, silentLog, startNats } from '@slipway/testkit';
import { headers } from '@nats-io/transport-node';
import { range, RELEASE_SUBJECT, releaseEvent, releaseMessage } from './fixtures.js';

const now = () => 1_700_000_000_000;

describe('consuming', () => {
  let nats: TestNats;
  let running: RunningConsumer[] = [];
  beforeEach(async () => {
    nats = await startNats();
  });
  afterEach(async () => {
    await Promise.all(running.map((r) => r.close()));
    running = [];
    await nats.stop();
  });

  async function startConsumer(handler: BatchHandler, batch = 500): Promise<void> {
    running.push(consume(await nats.connect('policy'), { consumer: 'EVT/policy', handler, batch, log: silentLog, now }));
  }
  async function publish(sequences: number[]): Promise<void> {
    await createPublisher(await nats.connect('scheduler'), { source: 'scheduler', now }).publish(sequences.map((n) => releaseMessage(n)));
  }
  const sequenceOf = (m: Inbound) => (m.body as { sequence: number }).sequence;

  it('gives batches in stream order, with ids, headers and parsed bodies', async () => {
    const batches: Inbound[][] = [];
    await publish(range(1, 1_200));
    await startConsumer(async (batch) => void batches.push([...batch]));
    await eventually('all 1200 arrive', () => batches.flat().length === 1_200);
    expect(batches.flat().map(sequenceOf)).toEqual(range(1, 1_200));
    expect(Math.max(...batches.map((b) => b.length))).toBe(500);
    expect(batches[0]?.[0]).toMatchObject({
      id: 'r1',
      subject: RELEASE_SUBJECT,
      attempt: 1,
      headers: {
        'Slipway-Id': 'r1',
        'ce-id': 'r1',
        'ce-type': 'slipway.evt.release.succeeded',
        'ce-source': 'slipway/scheduler',
        'ce-specversion': '1.0',
      },
    });
  });

  it('buries a message that does not parse, with the reason, and serves the next', async () => {
    const seen: number[] = [];
    const scheduler = await nats.connect('scheduler');
    await startConsumer(async (batch) => void seen.push(...batch.map(sequenceOf)));
    await scheduler.request(RELEASE_SUBJECT, 'not json {');
    await scheduler.request(RELEASE_SUBJECT, JSON.stringify({ ...releaseEvent(1), sequence: 'one' }));
    await scheduler.request(RELEASE_SUBJECT, new Uint8Array([0xff, 0xfe]));
    await publish([7]);
    await eventually('the good one is served', () => seen.length === 1);
    const ops = await nats.connect('ops');
    const letters = await eventually('three dead letters', async () => {
      const found = await listDeadLetters(ops, { limit: 10 });
      return found.length === 3 && found;
    });
    expect(letters[0]).toMatchObject({
      stream: 'EVT',
      consumer: 'policy',
      subject: RELEASE_SUBJECT,
      sequence: 1,
      text: 'not json {',
      error: { code: 'messaging.body.notJson', kind: 'invalid' },
    });
    expect(letters[1]?.error.message).toContain('sequence');
    expect(letters[2]?.base64).toBe('//4=');
    expect(seen).toEqual([7]);
  });

  it('splits a batch that fails, so that one bad message takes no other with it', async () => {
    const done = new Set<number>();
    let calls = 0;
    await publish(range(1, 64));
    await startConsumer(async (batch) => {
      calls += 1;
      if (batch.some((m) => sequenceOf(m) === 13)) throw new SlipwayError({ code: 'test.thing.bad', kind: 'invalid', message: 'thirteen' });
      for (const m of batch) done.add(sequenceOf(m));
    });
    await eventually('the other 63 are done', () => done.size === 63);
    const ops = await nats.connect('ops');
    const letters = await eventually(
      'thirteen is buried',
      async () => (await listDeadLetters(ops, { limit: 10 })).filter((l) => l.error.code === 'test.thing.bad')[0],
    );
    expect(JSON.parse(letters.text ?? '')).toMatchObject({ sequence: 13 });
    expect(calls).toBeLessThan(20);
  });

  it('gives everything back during an outage, never buries it, and loses nothing', async () => {
    const done: number[] = [];
    let down = true;
    let refused = 0;
    await startConsumer(async (batch) => {
      if (down) {
        refused += 1;
        throw new SlipwayError({ code: 'test.database.down', kind: 'unavailable', message: 'no database', retryAfterMs: 50 });
      }
      done.push(...batch.map(sequenceOf));
    });
    await publish(range(1, 20));
    await eventually('some attempts failed', () => refused >= 4);
    down = false;
    await eventually('all are done', () => done.length >= 20);
    expect(done.toSorted((a, b) => a - b)).toEqual(range(1, 20));
    expect(await listDeadLetters(await nats.connect('ops'), { limit: 10 })).toEqual([]);
  });

  it('settles each message as the handler says', async () => {
    const attempts: string[] = [];
    await publish([1, 2, 3]);
    await startConsumer(async (batch) => {
      attempts.push(...batch.map((m) => `${sequenceOf(m)}@${m.attempt}`));
      return new Map<string, Settlement>(
        batch.flatMap((m): [string, Settlement][] => {
          if (sequenceOf(m) === 2 && m.attempt === 1) return [[m.id, { kind: 'nak', delayMs: 20 }]];
          if (sequenceOf(m) === 3) return [[m.id, { kind: 'deadLetter', error: { code: 'test.third', kind: 'conflict', message: 'no' } }]];
          return [];
        }),
      );
    });
    await eventually('two comes again', () => attempts.includes('2@2'));
    expect(attempts).toEqual(['1@1', '2@1', '3@1', '2@2']);
  });

  it('puts a dead letter back with an id of its own', async () => {
    const ids: string[] = [];
    let broken = true;
    await startConsumer(async (batch) => {
      if (broken) throw new SlipwayError({ code: 'test.thing.bad', kind: 'invalid', message: 'broken' });
      ids.push(...batch.map((m) => m.id));
    });
    await publish([5]);
    const replay = await nats.connect('replay');
    const letter = await eventually('it is buried', async () => (await listDeadLetters(replay, { limit: 1 }))[0]);
    broken = false;
    expect(await replayDeadLetter(replay, letter.id)).toMatchObject({ subject: RELEASE_SUBJECT });
    await eventually('it is handled', () => ids.length === 1);
    expect(ids[0]).toBe(`replay:EVT:${letter.sequence}:${letter.id}`);
    await expect(readDeadLetter(replay, letter.id)).rejects.toMatchObject({ code: 'messaging.deadLetter.missing' });
  });

  it('goes on after the server was killed in the middle and started again', async () => {
    const done = new Set<number>();
    await startConsumer(async (batch) => void batch.forEach((m) => done.add(sequenceOf(m))), 10);
    await publish(range(1, 50));
    await eventually('some are done', () => done.size > 10);
    await nats.kill();
    await nats.restart();
    await eventually('publishing works again', async () => publish(range(51, 100)).then(() => true), 10_000);
    await eventually('all are done', () => done.size === 100, 45_000);
  }, 60_000);

  it('refuses a stored message that somebody had the server copy here', async () => {
    const copied = headers();
    copied.set('Nats-Stream', 'EVT');
    copied.set('Nats-Sequence', '1');
    const seen: Inbound[] = [];
    await startConsumer(async (batch) => void seen.push(...batch));
    await (await nats.connect('scheduler')).request(RELEASE_SUBJECT, JSON.stringify(releaseEvent(9)), { timeout: 1_000, headers: copied });
    const ops = await nats.connect('ops');
    const letter = await eventually('it is buried', async () => (await listDeadLetters(ops, { limit: 1 }))[0]);
    expect(letter.error.code).toBe('messaging.message.copied');
    expect(seen).toEqual([]);
  });
});
