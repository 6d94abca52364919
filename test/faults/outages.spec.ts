import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { startProxy, type Proxy } from '@slipway/testkit';
import { FaultMesh } from './fault-mesh.js';
import { appends, atOnce, deployment, executions, onceEach, shop } from './shop-documents.js';

const HOSTS = 12;
const CAPACITY = 3;
/** The outage comes when so many executions have begun: some have been reported, some run, the rest waits. */
const MIDDLE = 4;
const DEADLINE_MS = 90_000;

describe('servers that are absent at start and go away in the middle of a rollout', () => {
  let mesh: FaultMesh;
  let toNats: Proxy;
  let toPostgres: Proxy;
  let ran: string;

  beforeAll(async () => {
    mesh = await FaultMesh.prepare({
      async route({ nats, postgres }) {
        toNats = await startProxy({ port: nats.server.port });
        toPostgres = await startProxy({ port: postgres.port });
        return { natsUrl: toNats.url, databasePort: toPostgres.port };
      },
    });
    ran = join(mesh.directory, 'ran');
  }, 90_000);
  afterAll(async () => {
    await mesh.stop();
    await Promise.all([toNats.close(), toPostgres.close()]);
  }, 60_000);

  const services = () => Object.values(mesh.services);
  const ranOf = (tag: string): string[] => executions(ran).filter((line) => line.startsWith(`${tag} `));
  /** Publish, wait for the middle of the rollout, let the fault happen, and see that all of it came to its end, each job once. */
  const survives = async (tag: string, fault: () => Promise<void>): Promise<void> => {
    await mesh.publish('checkout', { tag });
    await mesh.come(`the rollout of ${tag} is in its middle`, () => ranOf(tag).length >= MIDDLE, DEADLINE_MS);
    await fault();
    await mesh.runs('checkout', 'production', tag, HOSTS, DEADLINE_MS);
    expect(ranOf(tag).sort()).toEqual(onceEach(tag, HOSTS));
    expect(await mesh.deadLetters()).toEqual([]);
    expect((await mesh.jobs({ version: tag })).map(({ state }) => state)).toEqual(Array.from({ length: HOSTS }, () => 'succeeded'));
  };

  it(
    'services wait for PostgreSQL and NATS that are not there yet, and come up when they are',
    async () => {
      await Promise.all([mesh.nats.kill(), mesh.postgres.kill()]);
      for (const service of services()) service.start();
      await mesh.come('each waits for PostgreSQL', () => services().every((s) => s.said('still waiting for PostgreSQL')), DEADLINE_MS);
      await mesh.come('each waits for NATS', () => services().every((s) => s.said('still waiting for NATS')), DEADLINE_MS);
      await mesh.postgres.restart();
      await mesh.nats.restart();
      await mesh.ready();
      expect(services().every((service) => service.alive)).toBe(true);
      await mesh.apply(...shop(HOSTS), atOnce, deployment('checkout', appends(ran, 0.3)));
      await mesh.startAgent('one', { capacity: CAPACITY });
      await survives('1.0.0', async () => undefined);
    },
    2 * DEADLINE_MS,
  );

  it(
    'a NATS server that is killed in the middle of a rollout loses nothing and repeats nothing (I4, I13)',
    () =>
      survives('1.1.0', async () => {
        await mesh.nats.kill();
        await mesh.come('each service notices', () => services().every((s) => s.said('NATS is gone')), DEADLINE_MS);
        await mesh.nats.restart();
      }),
    2 * DEADLINE_MS,
  );

  it(
    'a PostgreSQL that is killed in the middle of a rollout loses nothing and repeats nothing (I4, I13)',
    () =>
      survives('1.2.0', async () => {
        await mesh.postgres.kill();
        await mesh.come('a service notices', () => services().some((s) => s.said('PostgreSQL is away')), DEADLINE_MS);
        const refused = await mesh.ask('scheduler.jobs', {}).catch((error: unknown) => error);
        expect(refused).toMatchObject({ kind: 'unavailable' });
        await mesh.postgres.restart();
      }),
    2 * DEADLINE_MS,
  );

  it(
    'links that are reset only delay a rollout (I13)',
    () =>
      survives('1.3.0', async () => {
        for (const link of [toNats, toPostgres]) link.set('cut');
        await mesh.come(
          'requests are refused or lost',
          async () => (await mesh.ask('scheduler.jobs', {}).catch(() => 'refused')) === 'refused',
          DEADLINE_MS,
        );
        for (const link of [toNats, toPostgres]) link.set('open');
      }),
    2 * DEADLINE_MS,
  );

  it(
    'links that fall silent without an end are given up by the services themselves, and only delay a rollout (I13)',
    async () => {
      await mesh.ready();
      await survives('1.4.0', async () => {
        const before = toNats.connections;
        for (const link of [toNats, toPostgres]) link.set('halfOpen');
        await mesh.come('a service gives its silent link up', () => toNats.connections > before, DEADLINE_MS);
        for (const link of [toNats, toPostgres]) link.set('cut');
        for (const link of [toNats, toPostgres]) link.set('open');
      });
    },
    2 * DEADLINE_MS,
  );
});
