// Compiles all TypeScript to dist/ with swc (a second for the whole house), unless nothing has changed since the last time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const FOLDERS = ['libs', 'services', 'agents', 'cli', 'bench', 'test/executor-kit'];
const stamp = path.join(root, 'dist', '.built');

const hash = createHash('sha256').update(fs.readFileSync(path.join(root, '.swcrc')));
const folders = FOLDERS.filter((folder) => fs.existsSync(path.join(root, folder)));
for (const folder of folders) {
  for (const entry of fs.readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const file = path.join(entry.parentPath, entry.name);
    hash.update(file).update(fs.readFileSync(file));
  }
}
const wanted = hash.digest('hex');
if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) process.exit(0);

// Built beside and put in place whole, so that what runs from dist/ never meets half of it.
const fresh = path.join(root, `dist.${process.pid}`);
const old = path.join(root, `dist.${process.pid}.old`);
const swc = path.join(root, 'node_modules', '@swc', 'cli', 'bin', 'swc.js');
const result = spawnSync(process.execPath, [swc, ...folders, '-d', fresh, '--ignore', '**/*.spec.ts', '--quiet'], {
  cwd: root,
  stdio: 'inherit',
});
if (result.status !== 0) {
  fs.rmSync(fresh, { recursive: true, force: true });
  process.exit(result.status || 1);
}
fs.writeFileSync(path.join(fresh, '.built'), wanted);
if (fs.existsSync(path.join(root, 'dist'))) fs.renameSync(path.join(root, 'dist'), old);
fs.renameSync(fresh, path.join(root, 'dist'));
fs.rmSync(old, { recursive: true, force: true });
