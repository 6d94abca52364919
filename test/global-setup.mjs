// Names the folder of the PostgreSQL that this run's tests share. Nothing is started here: the first test that needs it does (testkit).
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export default async function setup() {
  process.env['SLIPWAY_TEST_POSTGRES'] ??= mkdtempSync(path.join(tmpdir(), 'slipway-test-run-'));
}
