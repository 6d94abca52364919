import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  createPostgresStore,
  initialMigration,
  launchPostgres,
  type PostgresServer,
  type PostgresStore,
  type AnyTable,
} from '@slipway/persistence';
import { silentLog, systemIds } from '@slipway/runtime';
import pg from 'pg';

/** Where the server shared by a whole Jest run lives; test/global-setup.mjs names it, global-teardown.mjs stops what is there. */
const SHARED = 'SLIPWAY_TEST_POSTGRES';
const LOCK_POLL_MS = 20;
/** Tests do not pull the plug; those that kill the server itself lose nothing that the system's cache holds. */
const TEST_SETTINGS = { fsync: 'off', full_page_writes: 'off', max_connections: '200' };

let shared: Promise<PostgresServer> | undefined;

/** The PostgreSQL that all tests of this run share: the first to ask starts it, the others take it over. Never stop or kill it. */
export function sharedPostgres(): Promise<PostgresServer> {
  return (shared ??= launchShared(process.env[SHARED] ?? join(tmpdir(), 'slipway-test-postgres')));
}

async function launchShared(directory: string): Promise<PostgresServer> {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
  const lock = join(directory, 'starting');
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      await pause(LOCK_POLL_MS);
    }
  }
  try {
    return await launchPostgres({ directory, keys: join(directory, 'keys'), settings: TEST_SETTINGS });
  } finally {
    rmdirSync(lock);
  }
}

/** A PostgreSQL of a test's own, to be stopped, killed, paused and started again. */
export interface TestPostgres extends PostgresServer {
  /** Freeze every process of the server: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Stop it and remove its data. */
  destroy(): Promise<void>;
}

export async function startPostgres(): Promise<TestPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-test-postgres-'));
  chmodSync(directory, 0o755);
  const server = await launchPostgres({ directory, keys: join(directory, 'keys'), settings: TEST_SETTINGS });
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of [server.pid, ...childrenOf(server.pid)]) process.kill(pid, name);
  };
  return Object.defineProperties(
    {
      stop: () => server.stop(),
      kill: () => server.kill(),
      restart: () => server.restart(),
      pause: () => signal('SIGSTOP'),
      resume: () => signal('SIGCONT'),
      async destroy() {
        await server.kill();
        rmSync(directory, { recursive: true, force: true });
      },
    },
    Object.fromEntries(
      (['adminUrl', 'port', 'pid', 'directory', 'adopted'] as const).map((name) => [name, { get: () => server[name], enumerable: true }]),
    ),
  ) as TestPostgres;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** A store in a schema of its own, migrated, that is dropped when closed. On the shared server, or on the one given. */
export async function createTestStore(tables: readonly AnyTable[], server?: PostgresServer): Promise<PostgresStore> {
  const url = (server ?? (await sharedPostgres())).adminUrl;
  const schema = `test_${randomBytes(6).toString('hex')}`;
  await administer(url, `create schema ${schema}`);
  const store = await createPostgresStore({ url, schema, tables, migrations: [initialMigration(tables)], log: silentLog, ids: systemIds });
  await store.migrate();
  return {
    ...store,
    async close() {
      await store.close();
      await administer(url, `drop schema ${schema} cascade`);
    },
  };
}

/** Run statements as the administrator of a server. */
export async function administer(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
