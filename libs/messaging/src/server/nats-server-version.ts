import { spawnSync } from 'node:child_process';

/** Atomic batches, per-message limits and strict API came with 2.12. */
export const NATS_VERSION_MIN = '2.12.0';

/** `nats-server: v2.15.1` → `2.15.1`; undefined when the program does not run or says something else. */
export function readNatsServerVersion(binary: string): string | undefined {
  const said = spawnSync(binary, ['--version'], { encoding: 'utf8', timeout: 5_000 });
  return said.status === 0 ? /v?(\d+\.\d+\.\d+\S*)/.exec(said.stdout)?.[1] : undefined;
}

/** Whether the server is recent enough for Slipway. */
export function isRecentEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = NATS_VERSION_MIN.split('.').map(Number);
  return major > majorMin || (major === majorMin && minor >= minorMin);
}
