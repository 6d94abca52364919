// Writes what is missing between a service's tables and its migrations into a new numbered step of services/<service>/src/migrations.ts:
//   node scripts/make-migration.mjs <service> [name_in_snake_case]   a new step
//   node scripts/make-migration.mjs <service> --initial              one first step in place of all, as long as nothing was released
// Read a step before you commit it, and never edit one that was released.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [service, title = 'change'] = process.argv.slice(2);
const initial = title === '--initial';
if (!service || !(initial || /^[a-z0-9_]+$/.test(title))) {
  console.error('usage: node scripts/make-migration.mjs <service> [name_in_snake_case | --initial]');
  process.exit(2);
}

const file = path.join(root, 'services', service, 'src', 'migrations.ts');
const node = (...args) => {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status || 1);
};
const built = (...parts) => import(pathToFileURL(path.join(root, 'dist', ...parts)).href);

function write(steps) {
  const list = JSON.stringify(steps, null, 2);
  fs.writeFileSync(
    file,
    `import type { MigrationStep } from '@slipway/persistence';\n\n/** The history of the schema, oldest first, made by scripts/make-migration.mjs: a step that was released is never edited, a change is a new step. */\nexport const migrations: readonly MigrationStep[] = ${list};\n`,
  );
  node(path.join('node_modules', 'prettier', 'bin', 'prettier.cjs'), '--write', '--log-level=warn', file);
}

if (!fs.existsSync(file)) write([]);
node(path.join('scripts', 'build.mjs'));
const { launchPostgres, pendingMigration } = await built('libs', 'persistence', 'src', 'index.js');
const { tables } = await built('services', service, 'src', 'tables.js');
const { migrations } = await built('services', service, 'src', 'migrations.js');
const history = initial ? [] : migrations;

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-migration-'));
fs.chmodSync(directory, 0o755);
const server = await launchPostgres({ directory, keys: path.join(directory, 'keys'), settings: { fsync: 'off' } });
const client = new pg.Client({ connectionString: server.adminUrl });
try {
  await client.connect();
  const sql = await pendingMigration(client, history, tables);
  if (sql.length === 0) {
    console.log(`${service}: migrations and tables agree`);
  } else {
    const number = String(history.length + 1).padStart(4, '0');
    const name = `${number}_${history.length === 0 ? 'initial' : title}`;
    write([...history, { name, sql }]);
    console.log(`${service}: wrote step ${name} (${sql.length} statements) to ${path.relative(root, file)}`);
  }
} finally {
  await client.end();
  await server.stop();
  fs.rmSync(directory, { recursive: true, force: true });
}
