// Adds to package-lock.json the optional platform packages that the registry at hand did not list, so that `npm ci` accepts the lock on
// every platform. Run after every change of dependencies; exits 1 with --check when it would add something.
import fs from 'node:fs';

const OS_NAMES = ['darwin', 'win32', 'linux', 'android', 'freebsd', 'openharmony', 'sunos', 'openbsd', 'netbsd', 'aix'];
const check = process.argv.includes('--check');
const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
const packages = lock.packages;
const added = [];

/** Where Node would find `name` from the package at `location`, as npm resolves it. */
function findInstalled(location, name) {
  for (let dir = location; ;) {
    const candidate = `${dir ? `${dir}/` : ''}node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (!dir) return undefined;
    const cut = dir.lastIndexOf('/node_modules/');
    dir = cut < 0 ? '' : dir.slice(0, cut);
  }
}

function cpuOf(name) {
  if (name.includes('arm64')) return 'arm64';
  if (name.includes('x64')) return 'x64';
  if (name.includes('ia32')) return 'ia32';
  return /(ppc64|s390x|riscv64|loong64)/.exec(name)?.[1] ?? 'arm';
}

for (const [location, entry] of Object.entries({ ...packages })) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (findInstalled(location, name)) continue;
    const last = name.split('/').pop();
    const os = OS_NAMES.find((candidate) => last.includes(candidate)) ?? 'linux';
    packages[`node_modules/${name}`] = {
      version: range.replace(/^[\^~]/, ''),
      cpu: [cpuOf(last)],
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      os: [os],
    };
    added.push(`${name}@${range}`);
  }
}
if (check) {
  if (added.length > 0) {
    console.error(`package-lock.json lacks ${added.length} platform packages; run node scripts/complete-lock.mjs`);
    process.exit(1);
  }
} else if (added.length > 0) {
  lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  fs.writeFileSync('package-lock.json', JSON.stringify(lock, null, 2) + '\n');
  console.log(`added ${added.length} platform packages`);
}
