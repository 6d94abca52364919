import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { HostedService, type ServiceDefinition } from '@slipway/hosting';
import { createRequests } from '@slipway/messaging';
import { defineTable, initialMigration, prepareDatabase, text } from '@slipway/persistence';
import { silentLog, systemClock } from '@slipway/runtime';
import { eventually, startNats, startPostgres, type TestNats, type TestPostgres } from '@slipway/testkit';
import path from 'node:path';

const seen = defineTable('seen', { tag: text(), wokenFor: text() }, { key: ['tag'] });

/** A registry in miniature: notes each version once, announces it, and marks it when woken. */
const registry: ServiceDefinition = {
  name: 'registry',
  tables: [seen],
  migrations: [initialMigration([seen])],
  create: ({ store, nudge }) => ({
    consumers: {
      async 'CI/registry'(batch) {
        await store.transaction(async (tx) => {
          const fresh = await tx.fresh(
            'CI/registry',
            batch.map((message) => message.id),
          );
          const tags = batch.filter((message) => fresh.has(message.id)).map((message) => (message.body as { tag: string }).tag);
          await tx.insert(
            seen,
            tags.map((tag) => ({ tag, wokenFor: '' })),
          );
          await tx.send(tags.map((tag) => ({ subject: 'slipway.evt.version.checkout.published', id: `seen-${tag}`, body: { tag } })));
        });
        nudge();
      },
    },
    operations: {
      'registry.list': async () => ({
        items: (await store.read((tx) => tx.find(seen, {}, { orderBy: { tag: 'asc' } }))).map((row) => ({
          tag: row.tag,
          wokenFor: row.wokenFor,
        })),
      }),
    },
    agentRequests: {},
    async wake() {
      await store.transaction(async (tx) => {
        const rows = await tx.find(seen, { wokenFor: '' });
        await tx.patch(
          seen,
          rows.map(({ tag }) => ({ tag, wokenFor: tag })),
        );
      });
      return undefined;
    },
  }),
};

describe('a hosted service', () => {
  let nats: TestNats;
  let postgres: TestPostgres;
  let person: NatsConnection;
  let ci: NatsConnection;
  let service: HostedService;
  const events: string[] = [];

  const host = async (): Promise<HostedService> => {
    const urls = await prepareDatabase({ adminUrl: postgres.adminUrl, keys: path.join(nats.keysDir, 'db'), services: ['registry'] });
    return new HostedService(
      registry,
      {
        SLIPWAY_NATS_URL: [nats.url],
        SLIPWAY_NATS_CREDS: nats.creds.registry,
        SLIPWAY_DATABASE_URL: urls['registry'] as string,
        SLIPWAY_TRUST: nats.keysDir,
        SLIPWAY_LOG: 'error',
      },
      silentLog,
    );
  };
  const publish = (tag: string) => ci.request('slipway.ci.version.checkout', JSON.stringify({ tag }), { timeout: 10_000 });
  const listed = async () =>
    (await createRequests(person, { now: systemClock.now, sign: { file: nats.creds.person } }).ask('registry.list', { kind: 'version' }))
      .items as { tag: string; wokenFor: string }[];

  beforeAll(async () => {
    [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
    person = await nats.connect('person');
    ci = await nats.connect('ci');
    const ops = await nats.connect('ops');
    ops.subscribe('slipway.evt.>', { callback: (_error, message) => void events.push(message.json<{ tag: string }>().tag) });
    await ops.flush();
    service = await host();
  }, 90_000);
  afterAll(async () => {
    await service.stop();
    await nats.stop();
    await postgres.destroy();
  }, 60_000);

  it('waits for a PostgreSQL that is not there yet, and then serves: consumer, outbox, wake loop, requests', async () => {
    await postgres.stop();
    const starting = service.start();
    await publish('1.0.0');
    await postgres.restart();
    await starting;
    await eventually('the event is out', () => events.includes('1.0.0'), 15_000);
    await eventually('it was woken', async () => (await listed()).some((item) => item.wokenFor === '1.0.0'), 15_000);
  }, 60_000);

  it('goes on by itself after PostgreSQL and NATS were killed, and has lost and repeated nothing', async () => {
    await postgres.kill();
    await publish('1.1.0');
    await postgres.restart();
    await eventually('the event is out', () => events.includes('1.1.0'), 30_000);
    await nats.kill();
    await nats.restart();
    await eventually('CI is heard again', () => publish('1.2.0'), 30_000);
    await eventually('all are listed', async () => (await listed()).length === 3, 30_000);
    await eventually('and woken for', async () => (await listed()).every((item) => item.wokenFor === item.tag), 15_000);
  }, 90_000);

  it('stops in order: what it has committed is published before it goes, and nothing is taken afterwards', async () => {
    await publish('1.3.0');
    await eventually('it is taken', async () => (await listed()).length === 4, 15_000);
    await service.stop();
    expect(events).toContain('1.3.0');
    await publish('1.4.0');
    service = await host();
    await service.start();
    await eventually('the next one takes what came meanwhile', () => events.includes('1.4.0'), 15_000);
    expect((await listed()).map((item) => item.tag)).toEqual(['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0']);
  }, 60_000);
});
