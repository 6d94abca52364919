import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  createPostgresStore,
  defineTable,
  initialMigration,
  launchPostgres,
  prepareDatabase,
  schemaOf,
  text,
  type PostgresServer,
} from '@slipway/persistence';
import { silentLog, systemIds } from '@slipway/runtime';
import { administer, eventually, startPostgres, type TestPostgres } from '@slipway/testkit';

const boats = defineTable('boats', { name: text() }, { key: ['name'] });
const fsync = { fsync: 'off' };

describe('launching PostgreSQL', () => {
  const directory = fs.mkdtempSync(path.join(tmpdir(), 'slipway-test-launch-'));
  fs.chmodSync(directory, 0o755);
  const keys = path.join(directory, 'keys');
  let server: PostgresServer | undefined;
  const launch = async (port?: number): Promise<PostgresServer> =>
    (server = await launchPostgres({ directory: path.join(directory, 'postgres'), keys, settings: fsync, ...(port ? { port } : {}) }));
  afterAll(async () => {
    await server?.kill();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  it('makes its data, keeps it over kill and restart, asks for the password, and keeps that to its owner', async () => {
    const first = await launch();
    await administer(first.adminUrl, 'create table kept (n integer)', 'insert into kept values (7)');
    expect(fs.statSync(path.join(keys, 'postgres-admin.password')).mode & 0o777).toBe(0o600);
    const wrong = new URL(first.adminUrl);
    wrong.password = 'wrong';
    await expect(administer(wrong.toString(), 'select 1')).rejects.toMatchObject({ code: '28P01' });
    await first.kill();
    await first.restart();
    await administer(first.adminUrl, 'do $$ begin assert (select n from kept) = 7; end $$');
    await first.stop();
    await expect(administer(first.adminUrl, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }, 60_000);

  it('takes over a server that a killed process left behind', async () => {
    const left = await launch();
    const again = await launch();
    expect([again.pid, again.port, again.adopted]).toEqual([left.pid, left.port, true]);
    await again.stop();
  }, 60_000);

  it('takes another port when the wanted one is in use', async () => {
    const other = net.createServer();
    const port = await new Promise<number>((resolve) =>
      other.listen(0, '127.0.0.1', () => resolve((other.address() as net.AddressInfo).port)),
    );
    const server_ = await launch(port);
    expect(server_.port).not.toBe(port);
    await server_.stop();
    other.close();
  }, 60_000);

  it('says why it cannot start, with the end of the log', async () => {
    const broken = launchPostgres({ directory: path.join(directory, 'postgres'), keys, settings: { shared_buffers: 'plenty' } });
    await expect(broken).rejects.toMatchObject({
      code: 'persistence.postgres.noStart',
      message: expect.stringContaining('shared_buffers'),
    });
  }, 60_000);

  it('gives each service a role and a schema that the others cannot enter, again and again', async () => {
    const { adminUrl } = await launch();
    const prepare = () => prepareDatabase({ adminUrl, keys, services: ['registry', 'policy'] });
    const urls = await prepare();
    expect(await prepare()).toEqual(urls);
    await administer(urls['registry'] as string, 'create table secret (n integer)');
    for (const trespass of [
      'select from slipway_registry.secret',
      'create table slipway_registry.mine (n integer)',
      'create table public.mine (n integer)',
    ]) {
      await expect(administer(urls['policy'] as string, trespass)).rejects.toMatchObject({ code: '42501' });
    }
    await expect(prepareDatabase({ adminUrl: urls['policy'] as string, keys, services: ['x'] })).rejects.toMatchObject({
      code: 'persistence.database.forbidden',
    });
  }, 60_000);

  it('migrates once, forward only, also when copies start together, and refuses what a newer version has migrated', async () => {
    const { adminUrl } = await launch();
    const urls = await prepareDatabase({ adminUrl, keys, services: ['scheduler'] });
    const open = (migrations = [initialMigration([boats])]) =>
      createPostgresStore({
        url: urls['scheduler'] as string,
        schema: schemaOf('scheduler'),
        tables: [boats],
        migrations,
        log: silentLog,
        ids: systemIds,
      });
    const copies = await Promise.all([open(), open(), open()]);
    const steps = await Promise.all(copies.map((copy) => copy.migrate()));
    expect(steps.flat().sort()).toEqual(['0000_outbox_and_inbox', '0001_initial']);
    const newer = await open([initialMigration([boats]), { name: '0002_sails', sql: ['alter table boats add column sails integer'] }]);
    expect(await newer.migrate()).toEqual(['0002_sails']);
    await expect(copies[0]?.migrate()).rejects.toMatchObject({ code: 'persistence.schema.newer' });
    await Promise.all([...copies, newer].map((store) => store.close()));
  }, 60_000);
});

describe('a store whose PostgreSQL goes away', () => {
  let postgres: TestPostgres;
  beforeAll(async () => void (postgres = await startPostgres()), 60_000);
  afterAll(() => postgres.destroy());

  it('answers unavailable while it is down, works again by itself, and has lost nothing that was committed', async () => {
    await administer(postgres.adminUrl, 'create schema away');
    const store = await createPostgresStore({
      url: postgres.adminUrl,
      schema: 'away',
      tables: [boats],
      migrations: [initialMigration([boats])],
      log: silentLog,
      ids: systemIds,
    });
    await store.migrate();
    await store.transaction((tx) => tx.insert(boats, [{ name: 'kept' }]));
    const cut = store.transaction(async (tx) => {
      await tx.insert(boats, [{ name: 'lost' }]);
      await postgres.kill();
      await tx.insert(boats, [{ name: 'lost too' }]);
    });
    await expect(cut).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(store.read((tx) => tx.count(boats, {}))).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(store.transaction((tx) => tx.count(boats, {}))).rejects.toMatchObject({ kind: 'unavailable' });
    await postgres.restart();
    await eventually('it answers again', () => store.read((tx) => tx.count(boats, {})), 10_000);
    expect(await store.read((tx) => tx.find(boats, {}))).toEqual([{ name: 'kept' }]);
    await store.close();
  }, 60_000);

  it('goes on after a freeze as if nothing had been', async () => {
    const store = await createPostgresStore({
      url: postgres.adminUrl,
      schema: 'away',
      tables: [boats],
      migrations: [initialMigration([boats])],
      log: silentLog,
      ids: systemIds,
    });
    await store.read((tx) => tx.count(boats, {}));
    postgres.pause();
    let answered = false;
    const reading = store.read((tx) => tx.count(boats, {})).then((count) => ((answered = true), count));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    postgres.resume();
    expect(await reading).toBe(1);
    await store.close();
  }, 60_000);
});
