// Makes node_modules match package-lock.json, and checks the Node that npm scripts will use. Plain builtins only, and syntax that an old
// Node understands: this is the one file that runs before anything is installed.
import { spawnSync, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MIN = [22, 17];
/** Another npm script may be installing at the same time; a lock older than this was left by a killed one. */
const LOCK_STALE_MS = 15 * 60_000;
const LOCK_POLL_MS = 500;

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => path.join(root, ...parts);
const stamp = at('node_modules', '.bootstrap');
const lock = at('.bootstrap.lock');

const wanted = createHash('sha256')
  .update(fs.readFileSync(at('package-lock.json')))
  .update(process.platform + process.arch)
  .digest('hex');
const installed = () => (fs.existsSync(stamp) ? fs.readFileSync(stamp, 'utf8') : '');
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function takeLock() {
  for (let tries = 0; ; tries++) {
    try {
      fs.mkdirSync(lock);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (Date.now() - fs.statSync(lock).mtimeMs > LOCK_STALE_MS) {
        fs.rmdirSync(lock);
        continue;
      }
      if (tries === 0) console.error('[bootstrap] waiting for another install');
      sleep(LOCK_POLL_MS);
    }
  }
}

function install() {
  console.error('[bootstrap] installing dependencies (npm ci), about half a minute …');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const result =
    npm && /npm-cli\.js$/.test(npm)
      ? spawnSync(process.execPath, [npm, ...args], options)
      : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (result.status !== 0) {
    console.error('[bootstrap] npm ci failed; what it printed is above');
    process.exit(result.status || 1);
  }
  fs.writeFileSync(stamp, wanted);
}

if (installed() !== wanted) {
  takeLock();
  try {
    if (installed() !== wanted) install();
  } finally {
    fs.rmSync(lock, { recursive: true, force: true });
  }
}

let version = process.version;
try {
  version = execFileSync(at('node_modules', '.bin', 'node'), ['-v'], { encoding: 'utf8' }).trim();
} catch {
  // No bundled Node for this platform: the system's own is used.
}
const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  console.error(
    `[bootstrap] Slipway needs Node ${NODE_MIN.join('.')} or newer; found ${version}, and no bundled build fits ${process.platform}-${process.arch}.`,
  );
  process.exit(1);
}
