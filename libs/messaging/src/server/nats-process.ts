import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SlipwayError } from '@slipway/core';
import { readIfThere } from '../accounts/key-files.js';
import { configFile, pidFile } from './nats-server-config.js';

/** How long a server may take to close its stores before it is killed. */
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 15;
const PROBE_TIMEOUT_MS = 1_000;

/** A port of the loopback interface that is free now. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

/** Whether a NATS server greets at this port: every server sends INFO first. */
export function answersNats(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PROBE_TIMEOUT_MS });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (chunk) => done(chunk.toString().startsWith('INFO ')));
    socket.on('error', () => done(false));
    socket.on('timeout', () => done(false));
    socket.on('close', () => resolve(false));
  });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The server that a killed parent left behind on this directory: the process of the pid file, if it still runs with our configuration. */
export function findLeftover(dir: string): number | undefined {
  const pid = Number(readIfThere(pidFile(dir))?.trim());
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return undefined;
  return commandOf(pid).includes(configFile(dir)) ? pid : undefined;
}

/** A pid is reused after a while; only the command line says whose it is. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
  }
}

/** End the process, gracefully at first, and wait until it is gone. */
export async function stopProcess(pid: number, dir: string): Promise<void> {
  if (isAlive(pid)) process.kill(pid, 'SIGTERM');
  if (!(await waitGone(pid, STOP_TIMEOUT_MS))) {
    process.kill(pid, 'SIGKILL');
    if (!(await waitGone(pid, STOP_TIMEOUT_MS))) {
      throw new SlipwayError({
        code: 'messaging.server.undead',
        kind: 'unavailable',
        message: `The NATS server with process id ${pid} does not end, although it was killed.`,
      });
    }
  }
  rmSync(pidFile(dir), { force: true });
}

export async function waitGone(pid: number, timeoutMs: number): Promise<boolean> {
  for (let waited = 0; waited < timeoutMs; waited += POLL_MS) {
    if (!isAlive(pid) || isZombie(pid)) return true;
    await delay(POLL_MS);
  }
  return false;
}

/** A dead child whose parent has not collected it yet answers signals but does nothing any more. */
function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
