import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SlipwayError } from '@slipway/core';
import { downloadRelease } from './nats-server-release.js';
import { installFromDebian, installWithGo } from './nats-server-packages.js';
import { isRecentEnough, NATS_VERSION_MIN, readNatsServerVersion } from './nats-server-version.js';

/*
 * Where the nats-server program comes from. In this order: what NATS_SERVER_BIN names; the copy fetched earlier; one that is installed; the
 * official release; built by Go; unpacked from a Debian package. Nothing needs root, and nothing is installed outside the cache directory.
 */

export interface FindOptions {
  /** Where a fetched copy is kept, such as `.slipway/bin`. */
  cacheDir: string;
  env: Record<string, string | undefined>;
  /** One line for people about what is being tried. */
  progress(line: string): void;
}

export interface FoundServer {
  binary: string;
  version: string;
}

/** The path of a nats-server ≥ 2.12, fetched into the cache when the machine has none. */
export async function findNatsServer(options: FindOptions): Promise<FoundServer> {
  const named = options.env['NATS_SERVER_BIN'];
  if (named) return insistOn(named);
  const cached = join(options.cacheDir, 'nats-server');
  for (const candidate of [cached, ...installedPlaces(options.env)]) {
    const found = accept(candidate, options);
    if (found) return found;
  }
  mkdirSync(options.cacheDir, { recursive: true });
  const tried: string[] = [];
  for (const [what, fetchTo] of [
    ['the official release', downloadRelease],
    ['go install', installWithGo],
    ['the Debian package', installFromDebian],
  ] as const) {
    try {
      await fetchTo(cached, options);
      const found = accept(cached, options);
      if (found) return found;
      tried.push(`${what}: gave no program that runs here`);
    } catch (error) {
      tried.push(`${what}: ${(error as Error).message}`);
      options.progress(`nats-server: ${what} did not work (${(error as Error).message.split('\n')[0]})`);
    }
  }
  throw new SlipwayError({
    code: 'messaging.server.notFound',
    kind: 'missing',
    message:
      `Looked for a nats-server ${NATS_VERSION_MIN} or newer and could not get one.\n${tried.map((line) => `  - ${line}`).join('\n')}\n` +
      'Install it (brew install nats-server; or from a container: docker cp "$(docker create nats:2.14)":/nats-server .) and name it by NATS_SERVER_BIN.',
  });
}

function insistOn(binary: string): FoundServer {
  const version = readNatsServerVersion(binary);
  if (version !== undefined && isRecentEnough(version)) return { binary, version };
  throw new SlipwayError({
    code: 'messaging.server.unusable',
    kind: 'invalid',
    message: `NATS_SERVER_BIN names ${binary}, which ${version === undefined ? 'does not run' : `is version ${version}`}; it must be a nats-server ${NATS_VERSION_MIN} or newer.`,
  });
}

function installedPlaces(env: FindOptions['env']): string[] {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const usual = ['/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin', join(env['GOPATH'] ?? join(homedir(), 'go'), 'bin')];
  return [...folders, ...usual].map((folder) => join(folder, 'nats-server'));
}

function accept(candidate: string, options: FindOptions): FoundServer | undefined {
  if (!existsSync(candidate)) return undefined;
  const version = readNatsServerVersion(candidate);
  if (version !== undefined && isRecentEnough(version)) return { binary: candidate, version };
  options.progress(`nats-server: ${candidate} is ${version ?? 'not runnable'}, ${NATS_VERSION_MIN} or newer is needed`);
  return undefined;
}
