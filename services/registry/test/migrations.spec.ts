import { expect, it } from '@jest/globals';
import { pendingMigration } from '@slipway/persistence';
import { sharedPostgres } from '@slipway/testkit';
import pg from 'pg';
import { migrations } from '../src/migrations/index.js';
import { tables } from '../src/tables.js';

it('the migrations of the registry make its tables as they are declared', async () => {
  const client = new pg.Client({ connectionString: (await sharedPostgres()).adminUrl });
  await client.connect();
  try {
    expect(await pendingMigration(client, migrations, tables)).toEqual([]);
  } finally {
    await client.end();
  }
}, 120_000);
