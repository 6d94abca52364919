import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Trust } from '../accounts/trust.js';
import { ACCOUNTS } from '../accounts/trust.js';

export interface ServerSettings {
  /** Data directory: server.conf, store/, jwt/, server.log, server.pid. */
  dir: string;
  trust: Trust;
  port: number;
  /** HTTP monitor on loopback; absent: off. */
  monitorPort?: number;
}

/** Largest message; a decision with many groups or a page of the feed fits. */
export const MAX_PAYLOAD_BYTES = 8 * 1_048_576;

/**
 * What streams may take together. Explicit, because the default is three quarters of what the disk has free at the time, and the
 * declared sizes of our streams are reserved against it when they are made.
 */
const FILE_STORE_MAX = '64GB';

/** The text of server.conf; also good as a start for a server of one's own. */
export function formatServerConfig(settings: ServerSettings): string {
  const { dir, trust } = settings;
  return [
    'server_name: slipway',
    `listen: "127.0.0.1:${settings.port}"`,
    ...(settings.monitorPort === undefined ? [] : [`http: "127.0.0.1:${settings.monitorPort}"`]),
    `pid_file: ${JSON.stringify(pidFile(dir))}`,
    `log_file: ${JSON.stringify(join(dir, 'server.log'))}`,
    'logfile_size_limit: 16MB',
    'logfile_max_num: 3',
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    // A frozen or cut-off agent is noticed after three of these instead of after six minutes.
    'ping_interval: "20s"',
    'ping_max: 2',
    `operator: ${trust.operatorJwt}`,
    `system_account: ${trust.anchors().accounts.SYS}`,
    // A full resolver takes account updates while it runs: revocations.
    `resolver { type: full, dir: ${JSON.stringify(accountsDir(dir))}, allow_delete: false, interval: "2m" }`,
    // An acknowledged message survives a power loss; batches make it affordable.
    `jetstream { store_dir: ${JSON.stringify(join(dir, 'store'))}, sync_interval: always, max_memory_store: 256MB, max_file_store: ${FILE_STORE_MAX} }`,
    '',
  ].join('\n');
}

export const pidFile = (dir: string): string => join(dir, 'server.pid');
export const configFile = (dir: string): string => join(dir, 'server.conf');
const accountsDir = (dir: string): string => join(dir, 'jwt');

/** Write the configuration and the accounts' JWTs where the server reads them. */
export function writeServerConfig(settings: ServerSettings): void {
  const { dir, trust } = settings;
  mkdirSync(accountsDir(dir), { recursive: true, mode: 0o700 });
  const keys = trust.anchors().accounts;
  for (const account of ACCOUNTS) {
    const file = join(accountsDir(dir), `${keys[account]}.jwt`);
    const jwt = trust.accountJwt(account);
    if (!existsSync(file) || readFileSync(file, 'utf8') !== jwt) writeFileSync(file, jwt, { mode: 0o600 });
  }
  writeFileSync(configFile(dir), formatServerConfig(settings), { mode: 0o600 });
}
