import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pendingMigration } from '@slipway/persistence';
import { sharedPostgres } from '@slipway/testkit';
import pg from 'pg';
import { migrations as policyMigrations } from '../services/policy/src/migrations.js';
import { tables as policyTables } from '../services/policy/src/tables.js';
import { migrations as registryMigrations } from '../services/registry/src/migrations.js';
import { tables as registryTables } from '../services/registry/src/tables.js';
import { migrations as schedulerMigrations } from '../services/scheduler/src/migrations.js';
import { tables as schedulerTables } from '../services/scheduler/src/tables.js';

describe('the migrations of every service', () => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: (await sharedPostgres()).adminUrl });
    await client.connect();
  }, 60_000);
  afterAll(() => client.end());

  it.each([
    ['registry', registryMigrations, registryTables],
    ['policy', policyMigrations, policyTables],
    ['scheduler', schedulerMigrations, schedulerTables],
  ])('%s: they make the tables that the code declares (else run scripts/make-migration.mjs)', async (_service, migrations, tables) => {
    expect(await pendingMigration(client, migrations, tables)).toEqual([]);
  });
});
