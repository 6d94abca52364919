// Writes what is missing between a service's tables and its migrations into a new numbered step:
//   node scripts/make-migration.mjs <service> [name]
// Steps are TypeScript files of plain SQL in services/<service>/src/migrations; read them before you commit them, and never edit one that was released.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [service, title = 'change'] = process.argv.slice(2);
if (!service || !/^[a-z0-9_]+$/.test(title)) {
  console.error('usage: node scripts/make-migration.mjs <service> [name_in_snake_case]');
  process.exit(2);
}

const folder = path.join(root, 'services', service, 'src', 'migrations');
fs.mkdirSync(folder, { recursive: true });
const steps = () => fs.readdirSync(folder).filter((file) => /^\d{4}_.*\.ts$/.test(file)).sort(); // prettier-ignore
const variable = (file) => `step${file.slice(0, 4)}`;

function writeIndex() {
  const files = steps();
  const imports = files.map((file) => `import { step as ${variable(file)} } from './${file.replace(/\.ts$/, '.js')}';\n`).join('');
  fs.writeFileSync(
    path.join(folder, 'index.ts'),
    `import type { MigrationStep } from '@slipway/persistence';\n${imports}\n/** The schema's history, oldest first; steps are made by scripts/make-migration.mjs. */\nexport const migrations: readonly MigrationStep[] = [${files.map(variable).join(', ')}];\n`,
  );
}

function build() {
  const result = spawnSync(process.execPath, [path.join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

const built = (...parts) => import(pathToFileURL(path.join(root, 'dist', ...parts)).href);

writeIndex();
build();
const { launchPostgres, pendingMigration } = await built('libs', 'persistence', 'src', 'index.js');
const { tables } = await built('services', service, 'src', 'tables.js');
const { migrations } = await built('services', service, 'src', 'migrations', 'index.js');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-migration-'));
fs.chmodSync(directory, 0o755);
const server = await launchPostgres({ directory, keys: path.join(directory, 'keys'), settings: { fsync: 'off' } });
const client = new pg.Client({ connectionString: server.adminUrl });
await client.connect();
try {
  const sql = await pendingMigration(client, migrations, tables);
  if (sql.length === 0) {
    console.log(`${service}: migrations and tables agree`);
  } else {
    const number = String(steps().length + 1).padStart(4, '0');
    const name = `${number}_${number === '0001' ? 'initial' : title}`;
    const lines = sql.map((statement) => `    ${JSON.stringify(statement)},\n`).join('');
    fs.writeFileSync(
      path.join(folder, `${name}.ts`),
      `import type { MigrationStep } from '@slipway/persistence';\n\nexport const step: MigrationStep = {\n  name: '${name}',\n  sql: [\n${lines}  ],\n};\n`,
    );
    writeIndex();
    spawnSync(
      process.execPath,
      [path.join(root, 'node_modules', 'prettier', 'bin', 'prettier.cjs'), '--write', '--log-level=warn', folder],
      { stdio: 'inherit' },
    );
    console.log(`${service}: wrote services/${service}/src/migrations/${name}.ts (${sql.length} statements)`);
  }
} finally {
  await client.end();
  await server.stop();
  fs.rmSync(directory, { recursive: true, force: true });
}
