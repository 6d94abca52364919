import { setTimeout as pause } from 'node:timers/promises';
import type { Ids, Log } from '@slipway/runtime';
import type pg from 'pg';
import { withClient } from './postgres/connection.js';
import { commitUnknown, databaseError, isConnectionLoss, isTransient } from './postgres/failures.js';
import type { MigrationStep } from './postgres/schema.js';
import { PostgresTx, SchemaSql } from './postgres/transaction.js';
import type { Store, Tx } from './store.js';
import type { AnyTable } from './table.js';

/** A transaction that meets a deadlock or a serialisation failure is run this often in all. */
const ATTEMPTS_MAX = 5;
const RETRY_PAUSE_MS = 5;

export interface PostgresStoreOptions {
  url: string;
  /** One per service; its role owns it. */
  schema: string;
  tables: readonly AnyTable[];
  /** The schema's history; `initialMigration(tables)` for tests. */
  migrations: readonly MigrationStep[];
  log: Log;
  /** Spreads the retries of transactions that got in each other's way. */
  ids: Pick<Ids, 'random'>;
}

export interface PostgresStore extends Store {
  readonly schema: string;
  /** The connections, for what is not a Store's business: relay, purge, tests. */
  readonly pool: pg.Pool;
  /** Bring the schema to the newest version; gives the names of the steps that were run. Throws `persistence.schema.newer`. */
  migrate(): Promise<string[]>;
  /** Called after each commit that put messages into the outbox. */
  onSent(listener: () => void): void;
  close(): Promise<void>;
}

/** The record in PostgreSQL. Opening does not connect: the first use does, and any later one after a loss does again. */
export async function createPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  // Loaded only by who has a database: the command line and the agents start without the weight of an ORM.
  const { migrate, openOrm, poolOf } = await import('./postgres/orm.js');
  const orm = await openOrm(options);
  const pool = await poolOf(orm);
  const sql = new SchemaSql(options.schema);
  const listeners: (() => void)[] = [];

  async function once<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return withClient(pool, async (client) => {
      const tx = new PostgresTx(client as never, sql);
      // It travels with the first statements; when it fails, so do they.
      const begun = client.query('begin').catch((error: unknown) => tx.fail(error));
      let result: T;
      try {
        result = await work(tx);
        if (tx.failure !== undefined) throw tx.failure;
      } catch (error) {
        await client.query('rollback').catch(() => undefined);
        throw tx.failure ?? error;
      }
      // So does the end travel with the last statements: after one that failed COMMIT only rolls back.
      await client.query('commit').catch((error: unknown) => {
        throw tx.failure ?? (isConnectionLoss(error) ? commitUnknown(error) : error);
      });
      await begun;
      if (tx.failure !== undefined) throw tx.failure;
      if (tx.sent) for (const listener of listeners) listener();
      return result;
    });
  }

  return {
    schema: options.schema,
    pool,
    async transaction(work) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await once(work);
        } catch (error) {
          const failure = isDatabaseFailure(error) ? databaseError(error, 'Running a transaction') : error;
          if (attempt === ATTEMPTS_MAX || !isTransient(failure)) throw failure;
          await pause(RETRY_PAUSE_MS * attempt * (1 + options.ids.random()));
        }
      }
    },
    read: (work) => work(new PostgresTx(pool as never, sql)),
    migrate: () =>
      migrate(orm, pool, options).catch((error: unknown) => {
        throw databaseError((error as Error).cause ?? error, `Migrating schema ${options.schema}`);
      }),
    onSent: (listener) => void listeners.push(listener),
    close: () => orm.close(true),
  };
}

/** An error of the driver itself, from BEGIN or COMMIT or for want of a connection; the work's own errors go through as they are. */
function isDatabaseFailure(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return isConnectionLoss(error) || (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code));
}
