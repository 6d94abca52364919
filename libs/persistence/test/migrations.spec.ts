import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  defineTable,
  initialMigration,
  instant,
  integer,
  nullable,
  pendingMigration,
  text,
  type MigrationStep,
} from '@slipway/persistence';
import { sharedPostgres } from '@slipway/testkit';
import pg from 'pg';
import { contractTables } from './store-contract.js';

const before = defineTable(
  'boats',
  { name: text(), length: integer(), owner: text() },
  { key: ['name'], indexes: [{ name: 'by_owner', columns: ['owner'] }] },
);
const after = defineTable(
  'boats',
  { name: text(), length: nullable(text()), builtAt: nullable(instant()), berth: integer() },
  {
    key: ['name', 'berth'],
    indexes: [
      {
        name: 'berth_once',
        columns: ['berth'],
        unique: true,
        where: { sql: 'built_at is not null', holds: (row) => row.builtAt !== undefined },
      },
    ],
  },
);
const crews = defineTable('crews', { name: text() }, { key: ['name'] });

describe('migrations', () => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: (await sharedPostgres()).adminUrl });
    await client.connect();
  }, 60_000);
  afterAll(() => client.end());

  it('the first one makes exactly the tables that are declared', async () => {
    expect(await pendingMigration(client, [initialMigration(contractTables)], contractTables)).toEqual([]);
  });

  it('what is missing is found, and once it is written as a step nothing is', async () => {
    const history: MigrationStep[] = [initialMigration([before, crews])];
    const sql = await pendingMigration(client, history, [after]);
    expect(sql).toContain('drop table "crews"');
    expect(sql).toContain('alter table "boats" add column "built_at" timestamp with time zone');
    expect(await pendingMigration(client, [...history, { name: '0002_change', sql }], [after])).toEqual([]);
    expect(await pendingMigration(client, [], [crews])).toEqual(initialMigration([crews]).sql);
  });
});
