import { createHash } from 'node:crypto';
import { EntitySchema, MikroORM, type Dictionary } from '@mikro-orm/core';
import { Migration, Migrator } from '@mikro-orm/migrations';
import { PostgreSqlDriver, type PostgreSqlConnection } from '@mikro-orm/postgresql';
import { SlipwayError } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import type pg from 'pg';
import type { AnyTable, Table } from '../table.js';
import { withClient } from './connection.js';
import { OUTBOX_AND_INBOX, type MigrationStep } from './schema.js';
import { snakeCase, SQL_TYPES } from './sql.js';

/** Connections of one service: handlers, requests and the wake loop seldom need more at once; three services in two copies stay below PostgreSQL's hundred. */
export const POOL_MAX = 12;
const CONNECT_TIMEOUT_MS = 5_000;
/** Longer than any statement of ours takes; a server that hangs is given up. */
const STATEMENT_TIMEOUT_MS = 30_000;
const QUERY_TIMEOUT_MS = 35_000;
const IDLE_IN_TRANSACTION_MS = 60_000;
/**
 * Every statement of ours touches some hundred rows by their keys: compiling a plan costs more than running it, and on today's disks a look into
 * an index costs little more than reading on, so that a table that just grew is not read whole for want of statistics.
 */
const PLANNING = '-c jit=off -c random_page_cost=1.1';
const MIGRATIONS_TABLE = 'migrations';

export interface OrmOptions {
  url: string;
  schema: string;
  tables: readonly AnyTable[];
  migrations: readonly MigrationStep[];
  log: Log;
}

/** MikroORM's metadata of a declared table. */
function entityOf(table: Table<never>, schema: string): EntitySchema {
  const properties: Dictionary = {};
  for (const [name, column] of Object.entries<{ type: keyof typeof SQL_TYPES; nullable: boolean }>(table.columns)) {
    properties[name] = {
      type: column.type,
      fieldName: snakeCase(name),
      columnType: SQL_TYPES[column.type],
      nullable: column.nullable,
      ...(table.key.includes(name as never) ? { primary: true } : {}),
    };
  }
  return new EntitySchema({ name: `${schema}_${table.name}`, tableName: table.name, schema, properties } as never);
}

function migrationOf(step: MigrationStep): { name: string; class: new (...args: ConstructorParameters<typeof Migration>) => Migration } {
  return {
    name: step.name,
    class: class extends Migration {
      override up(): void {
        for (const statement of step.sql) this.addSql(statement);
      }
    },
  };
}

/** The ORM of one service: metadata of its tables, its connections and its migrations. Does not connect yet. */
export async function openOrm({ url, schema, tables, migrations, log }: OrmOptions): Promise<MikroORM> {
  return MikroORM.init({
    driver: PostgreSqlDriver,
    clientUrl: url,
    entities: tables.map((table) => entityOf(table as Table<never>, schema)),
    extensions: [Migrator],
    ensureDatabase: false,
    discovery: { warnWhenNoEntities: false, checkDuplicateTableNames: false },
    logger: (message: string) => log.debug(message),
    migrations: {
      migrationsList: [OUTBOX_AND_INBOX, ...migrations].map(migrationOf),
      tableName: MIGRATIONS_TABLE,
      schema,
      snapshot: false,
      disableForeignKeys: false,
      silent: true,
    },
    driverOptions: {
      max: POOL_MAX,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      keepAlive: true,
      // What is asked for at once travels together: a transaction costs as many round trips as it has steps that wait for one another.
      pipeline: true,
      application_name: `slipway ${schema}`,
      options: `-c search_path=${schema} ${PLANNING}`,
    },
  } as never);
}

/** The connections that the ORM holds. */
export async function poolOf(orm: MikroORM): Promise<pg.Pool> {
  return (await (orm.em.getConnection() as unknown as PostgreSqlConnection).getNativeClient()) as pg.Pool;
}

/**
 * Bring the schema to the newest version, once even when several copies start together. Forward only; a schema that a newer version of the
 * service has migrated is refused, since this one does not know what it would break.
 */
export async function migrate(
  orm: MikroORM,
  pool: pg.Pool,
  { schema, migrations }: Pick<OrmOptions, 'schema' | 'migrations'>,
): Promise<string[]> {
  const known = new Set([OUTBOX_AND_INBOX.name, ...migrations.map((step) => step.name)]);
  return withClient(pool, async (client) => {
    const lock = createHash('sha256').update(`slipway migrate ${schema}`).digest().readBigInt64BE().toString();
    await client.query('select pg_advisory_lock($1)', [lock]);
    try {
      const migrator = orm.config.getExtension<Migrator>('@mikro-orm/migrator') as Migrator;
      const newer = (await migrator.getExecuted()).map((row) => row.name).filter((name) => !known.has(name));
      if (newer.length > 0) {
        throw new SlipwayError({
          code: 'persistence.schema.newer',
          kind: 'invalid',
          message: `Migrating schema ${schema}: it has been migrated by a newer version of this service (${newer.join(', ')}); run that one, or restore a backup`,
        });
      }
      return (await migrator.up()).map((step) => step.name);
    } finally {
      await client.query('select pg_advisory_unlock($1)', [lock]);
    }
  });
}
