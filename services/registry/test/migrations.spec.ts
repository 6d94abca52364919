import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPostgresStore, type PostgresStore } from '@slipway/persistence';
import { silentLog } from '@slipway/runtime';
import { administer, createTestStore, sharedPostgres } from '@slipway/testkit';
import { migrations } from '../src/migrations.js';
import { tables } from '../src/tables.js';

const SCHEMA = 'registry_migrated';

const shapeOf = async ({ pool, schema }: PostgresStore): Promise<string[]> => {
  const columns = `select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable as line from information_schema.columns where table_schema = $1`;
  const indexes = `select replace(indexdef, schemaname || '.', '') as line from pg_indexes where schemaname = $1`;
  const { rows } = await pool.query<{ line: string }>(`${columns} union all ${indexes} order by 1`, [schema]);
  return rows.map((row) => row.line);
};

describe('the migrations of the registry', () => {
  let declared: PostgresStore;
  let migrated: PostgresStore;
  beforeAll(async () => {
    const url = (await sharedPostgres()).adminUrl;
    await administer(url, `drop schema if exists ${SCHEMA} cascade`, `create schema ${SCHEMA}`);
    declared = await createTestStore(tables);
    migrated = await createPostgresStore({ url, schema: SCHEMA, tables, migrations, log: silentLog });
    await migrated.migrate();
  }, 120_000);
  afterAll(() => Promise.all([declared.close(), migrated.close()]));

  it('make the tables as they are declared', async () => {
    const shape = await shapeOf(migrated);
    expect(shape.length).toBeGreaterThan(tables.length);
    expect(shape).toEqual(await shapeOf(declared));
  });
});
