import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SlipwayError } from '@slipway/core';
import { defineTable, integer, OutboxRelay, text, type PackedMessage, type PostgresStore } from '@slipway/persistence';
import { silentLog, systemIds } from '@slipway/runtime';
import { createTestStore, eventually } from '@slipway/testkit';

const counters = defineTable('counters', { name: text(), value: integer() }, { key: ['name'] });

describe('the outbox relay', () => {
  let store: PostgresStore;
  let published: PackedMessage[];
  let relays: OutboxRelay[];
  beforeAll(async () => {
    store = await createTestStore([counters]);
    await store.pool.query('select 1');
  }, 60_000);
  afterAll(() => store.close());
  beforeEach(() => {
    published = [];
    relays = [];
  });
  afterEach(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await store.pool.query(
      `truncate ${store.schema}.outbox, ${store.schema}.outbox_refused, ${store.schema}.inbox, ${store.schema}.counters`,
    );
  });

  const relayWith = (publish: (messages: readonly PackedMessage[]) => Promise<void>): OutboxRelay => {
    const relay = new OutboxRelay({ pool: store.pool, schema: store.schema, publish, log: silentLog, ids: systemIds });
    relays.push(relay);
    relay.start();
    return relay;
  };
  const collect = async (messages: readonly PackedMessage[]): Promise<void> => void published.push(...messages);
  const message = (id: number | string) => ({ subject: 's', id: String(id), body: { id } });
  const send = (...ids: (number | string)[]) => store.transaction((tx) => tx.send(ids.map(message)));
  const ids = () => published.map((each) => each.id);
  const unsent = async () =>
    Number((await store.pool.query(`select count(*) from ${store.schema}.outbox where sent_at is null`)).rows[0].count);
  /** End the leader's session behind its back, as the death of its process would. */
  const terminateLeader = () =>
    store.pool.query(
      `select pg_terminate_backend(pid) from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory' and pid <> pg_backend_pid() and query not like '%lock%' and application_name = $1`,
      [`slipway ${store.schema}`],
    );

  it('publishes what was committed in its order, in full batches, with bodies as they were written, and marks it', async () => {
    const sizes: number[] = [];
    await send('a', 'b');
    await store.transaction((tx) => tx.send(Array.from({ length: 2_345 }, (_, n) => message(n))));
    await send('y');
    await send('z');
    relayWith(async (messages) => {
      sizes.push(messages.length);
      await collect(messages);
    });
    await eventually('all is marked', async () => (await unsent()) === 0, 10_000);
    expect(ids()).toEqual(['a', 'b', ...Array.from({ length: 2_345 }, (_, n) => String(n)), 'y', 'z']);
    expect(sizes).toEqual([2, 1_000, 1_000, 347]);
    expect(published[2]).toEqual({ subject: 's', id: '0', body: '{"id":0}' });
  });

  it('is woken at once by a nudge, and finds by itself what nobody announced', async () => {
    const relay = relayWith(collect);
    await eventually('it leads', () => relay.leads, 10_000);
    const took: number[] = [];
    for (let n = 1; n <= 5; n += 1) {
      const from = performance.now();
      await send(`nudged ${n}`);
      relay.nudge();
      await eventually('it is published', () => published.length === n, 5_000);
      took.push(performance.now() - from);
    }
    // The sweep alone would take half a second on average.
    expect(Math.min(...took)).toBeLessThan(250);
    await send('unannounced');
    await eventually('the sweep has found it', () => published.length === 6, 5_000);
  });

  it('does not lose a row whose number was taken earlier and committed later (the gap trap)', async () => {
    const relay = relayWith(collect);
    let finish = (): void => undefined;
    let wrote = (): void => undefined;
    const written = new Promise<void>((resolve) => (wrote = resolve));
    const early = store.transaction(async (tx) => {
      await tx.send([message('early')]);
      wrote();
      await new Promise<void>((resolve) => (finish = resolve));
    });
    await written;
    await send('late');
    relay.nudge();
    await eventually('the later number is published', () => published.length === 1, 5_000);
    expect(ids()).toEqual(['late']);
    finish();
    await early;
    relay.nudge();
    await eventually('the earlier number is published', () => published.length === 2, 5_000);
    expect(ids()).toEqual(['late', 'early']);
  });

  it('keeps the order of transactions that wait for each other, however many write at once', async () => {
    relayWith(collect);
    await store.transaction((tx) =>
      tx.insert(
        counters,
        ['a', 'b'].map((name) => ({ name, value: 0 })),
      ),
    );
    const step = (name: string) =>
      store.transaction(async (tx) => {
        await tx.fresh('test', [systemIds.next()]);
        await tx.lock(name);
        const [row] = await tx.find(counters, { name });
        const value = (row?.value ?? 0) + 1;
        await tx.put(counters, [{ name, value }]);
        await tx.send([{ subject: name, id: `${name}${value}`, body: value }]);
      });
    await Promise.all(Array.from({ length: 60 }, (_, n) => step(n % 2 ? 'a' : 'b')));
    await eventually('all are published', () => published.length === 60, 10_000);
    for (const name of ['a', 'b']) {
      expect(published.filter((each) => each.subject === name).map((each) => Number(each.body))).toEqual(
        Array.from({ length: 30 }, (_, n) => n + 1),
      );
    }
  });

  it('I4: killed between publishing and marking, its messages are published again by the next, in order, and none is lost', async () => {
    await send(1, 2);
    await send(3);
    let crashed = false;
    relayWith(async (messages) => {
      await collect(messages);
      if (crashed) return;
      crashed = true;
      await terminateLeader();
    });
    await eventually('all is marked', async () => crashed && (await unsent()) === 0, 15_000);
    expect(ids()).toEqual(['1', '2', '3', '1', '2', '3']);
  });

  it('lets one copy lead; when it dies another takes over within seconds, and nudges of followers reach the leader', async () => {
    const by: string[] = [];
    const named = (name: string) => relayWith(async (messages) => void by.push(...messages.map((each) => `${name}${each.id}`)));
    const first = named('first ');
    await eventually('the first leads', () => first.leads, 10_000);
    const second = named('second ');
    await send(1);
    second.nudge();
    await eventually('the leader has published', () => by.length === 1, 5_000);
    expect(second.leads).toBe(false);
    await first.stop();
    await send(2);
    await eventually('the second has taken over', () => by.length === 2, 5_000);
    expect(by).toEqual(['first 1', 'second 2']);
  });

  it('waits while the stream is away, tells the age of what waits, and flushes once it is back', async () => {
    let away = true;
    let tries = 0;
    const relay = relayWith(async (messages) => {
      tries += 1;
      if (away) throw new SlipwayError({ code: 'messaging.nats.unavailable', kind: 'unavailable', message: 'away' });
      await collect(messages);
    });
    await send(1);
    await eventually('it has tried again', () => tries >= 3, 10_000);
    expect(await relay.oldestUnsentMs()).toBeGreaterThan(0);
    away = false;
    await relay.flush(10_000);
    expect(ids()).toEqual(['1']);
    await eventually('nothing waits', async () => (await relay.oldestUnsentMs()) === 0, 5_000);
  });

  it('sets aside a message that no stream will ever take, and goes on with those around it', async () => {
    await send(1, 'bad', 3);
    await send(4);
    relayWith(async (messages) => {
      if (messages.some((each) => each.id === 'bad'))
        throw new SlipwayError({ code: 'messaging.publish.tooLarge', kind: 'invalid', message: 'too large' });
      await collect(messages);
    });
    await eventually('all is marked', async () => (await unsent()) === 0, 10_000);
    expect(ids()).toEqual(['1', '3', '4']);
    const { rows } = await store.pool.query(`select message_id, body, problem from ${store.schema}.outbox_refused`);
    expect(rows).toEqual([{ message_id: 'bad', body: '{"id":"bad"}', problem: 'too large' }]);
  });

  it('purges what was sent or handled long ago, and nothing younger or unsent', async () => {
    await send('old');
    await send('young');
    await store.transaction((tx) => tx.fresh('c', ['old', 'young']));
    await store.pool.query(`update ${store.schema}.outbox set sent_at = now() - interval '15 days' where ids = 'old'`);
    await store.pool.query(`update ${store.schema}.inbox set handled_at = now() - interval '31 days' where message_id = 'old'`);
    relayWith(collect);
    const left = async (table: string) => Number((await store.pool.query(`select count(*) from ${store.schema}.${table}`)).rows[0].count);
    await eventually('the old rows are gone', async () => (await left('outbox')) === 1 && (await left('inbox')) === 1, 10_000);
    expect(ids()).toEqual(['young']);
  });
});
