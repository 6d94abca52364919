import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FindOptions } from './find-nats-server.js';

/**
 * The version that Slipway fetches. From 2.15 on an atomic batch is flushed to the disk a few times, not once per message, which is what makes
 * `sync_interval: always` affordable (a batch of 1,000: 40 ms there, about a second with 2.14). The floor for security fixes is 2.14.3.
 */
export const NATS_VERSION_PINNED = '2.15.1';

const RELEASE = `https://github.com/nats-io/nats-server/releases/download/v${NATS_VERSION_PINNED}`;
const DOWNLOAD_TIMEOUT_MS = 90_000;
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/** `nats-server-v2.15.1-linux-amd64` of the official release, or undefined where there is none for us. */
export function releaseName(platform: string, arch: string): string | undefined {
  const architecture = ARCHITECTURES[arch];
  if (architecture === undefined || (platform !== 'linux' && platform !== 'darwin')) return undefined;
  return `nats-server-v${NATS_VERSION_PINNED}-${platform}-${architecture}`;
}

/**
 * Download the release archive, check it against the SHA256SUMS of the same release (fetched over TLS; the sums are not pinned in
 * the source), unpack the program to `target`.
 */
export async function downloadRelease(target: string, options: FindOptions): Promise<void> {
  const name = releaseName(process.platform, process.arch);
  if (name === undefined) throw new Error(`there is no release for ${process.platform} ${process.arch}`);
  const archive = `${name}.tar.gz`;
  options.progress(`nats-server: fetching ${archive}`);
  const sums = new TextDecoder().decode(await download(`${RELEASE}/SHA256SUMS`));
  const content = await download(`${RELEASE}/${archive}`);
  checkSum(archive, content, sums);
  const work = mkdtempSync(join(tmpdir(), 'slipway-nats-'));
  try {
    writeFileSync(join(work, archive), content);
    const unpacked = spawnSync('tar', ['-xzf', archive], { cwd: work, encoding: 'utf8' });
    if (unpacked.status !== 0) throw new Error(`tar: ${unpacked.stderr || unpacked.error?.message}`);
    putInPlace(join(work, name, 'nats-server'), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Throws unless the sums name this file with this content's sha256. */
export function checkSum(file: string, content: Uint8Array, sums: string): void {
  const line = sums.split('\n').find((l) => l.trim().split(/[\s*]+/)[1] === file);
  if (line === undefined) throw new Error(`SHA256SUMS of the release does not name ${file}`);
  const wanted = line.trim().split(/\s+/)[0]?.toLowerCase();
  const is = createHash('sha256').update(content).digest('hex');
  if (is !== wanted) throw new Error(`${file} has sha256 ${is}, the release says ${wanted}; not used`);
}

/** Copy a program to its final place in one step. */
export function putInPlace(program: string, target: string): void {
  const draft = `${target}.draft`;
  copyFileSync(program, draft);
  chmodSync(draft, 0o755);
  renameSync(draft, target);
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
