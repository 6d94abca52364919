import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join, resolve as resolvePath } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SlipwayError } from '@slipway/core';
import { readIfThere } from '../accounts/key-files.js';
import type { Trust } from '../accounts/trust.js';
import { answersNats, findFreePort, findLeftover, stopProcess } from './nats-process.js';
import { configFile, writeServerConfig } from './nats-server-config.js';

/** A store of some gigabytes is read again in this time after a crash. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 15;

export interface LaunchOptions {
  binary: string;
  /** Data directory, kept over restarts. */
  dir: string;
  trust: Trust;
  /** Absent: a free one. */
  port?: number;
  monitorPort?: number;
  progress?(line: string): void;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process has ended, whoever ended it, with what it said last; a new promise after `restart`. */
  readonly ended: Promise<string>;
  /** End it, let it close its stores. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** Start it again on the same port and data. */
  restart(): Promise<void>;
}

/** Start a nats-server on the directory and wait until it answers. One that a killed parent left behind there is stopped first. */
export async function launchNatsServer(options: LaunchOptions): Promise<RunningServer> {
  const dir = resolvePath(options.dir);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const leftover = findLeftover(dir);
  if (leftover !== undefined) {
    options.progress?.(`nats-server: stopping the one that an earlier run left behind (process ${leftover})`);
    await stopProcess(leftover, dir);
  }
  const port = options.port ?? (await findFreePort());
  if (await answersNats(port)) throw portTaken(port);
  const settings = { dir, trust: options.trust, port, ...(options.monitorPort === undefined ? {} : { monitorPort: options.monitorPort }) };
  const start = async (): Promise<Started> => {
    writeServerConfig(settings);
    return startProcess(options.binary, dir, port);
  };

  let started = await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return started.pid;
    },
    get ended() {
      return started.ended;
    },
    stop: () => stopProcess(started.pid, dir),
    async kill() {
      started.child.kill('SIGKILL');
      await started.ended;
    },
    async restart() {
      await stopProcess(started.pid, dir);
      started = await start();
    },
  };
}

interface Started {
  child: ChildProcess;
  pid: number;
  ended: Promise<string>;
}

async function startProcess(binary: string, dir: string, port: number): Promise<Started> {
  const log = openSync(join(dir, 'server.log'), 'a');
  // A process group of its own: Ctrl-C in the terminal must not take it down before the services that use it.
  const child = spawn(binary, ['-c', configFile(dir)], { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', () => resolve(lastLines(dir)));
  });
  const started = { child, pid: child.pid ?? -1, ended };
  await waitUntilAnswers(started, port);
  return started;
}

async function waitUntilAnswers(started: Started, port: number): Promise<void> {
  let end: string | undefined;
  void started.ended.then((said) => (end = said));
  for (let waited = 0; waited < START_TIMEOUT_MS; waited += POLL_MS) {
    if (end !== undefined) {
      if (/address already in use/.test(end)) throw portTaken(port);
      throw new SlipwayError({ code: 'messaging.server.ended', kind: 'unavailable', message: `nats-server ended while starting: ${end}` });
    }
    if (await answersNats(port)) return;
    await delay(POLL_MS);
  }
  started.child.kill('SIGKILL');
  throw new SlipwayError({
    code: 'messaging.server.silent',
    kind: 'unavailable',
    message: `nats-server did not answer on port ${port} within ${START_TIMEOUT_MS / 1000} s.`,
  });
}

function portTaken(port: number): SlipwayError {
  return new SlipwayError({
    code: 'messaging.server.portTaken',
    kind: 'conflict',
    message: `Cannot start a NATS server on port ${port}: another program listens there. Stop it or choose another port.`,
  });
}

function lastLines(dir: string): string {
  return (readIfThere(join(dir, 'server.log')) ?? '').trim().split('\n').slice(-3).join(' | ');
}
