import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SlipwayError } from '@slipway/core';
import pg from 'pg';
import { postgresBinaries, reachableFolder, serverUser } from './postgres-binaries.js';
import { keptSecret } from './secrets.js';

export const POSTGRES_ADMIN = 'postgres';
const HOST = '127.0.0.1';
const START_MAX_MS = 60_000;
const STOP_MAX_MS = 20_000;
const PROBE_MS = 15;
const PORT_ATTEMPTS = 3;
const LOG_TAIL_LINES = 5;

export interface LaunchOptions {
  /** Holds the data and `server.log`; made when it is not there. */
  directory: string;
  /** Holds `postgres-admin.password` (0600). */
  keys: string;
  /** Wanted port; another free one is taken when it is in use. */
  port?: number;
  /** More server settings, `{ fsync: 'off' }` for tests that do not pull the plug. */
  settings?: Record<string, string>;
}

/** A PostgreSQL server of our own on this machine. */
export interface PostgresServer {
  /** Connects as the administrator of the server, to its database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  /** Where the data really is. */
  readonly directory: string;
  /** True when a server that an earlier, killed process had left running was taken over. */
  readonly adopted: boolean;
  /** Disconnects everyone, writes a checkpoint, ends. */
  stop(): Promise<void>;
  /** `kill -9`, for tests: the next start recovers. */
  kill(): Promise<void>;
  /** Start again on the same port after `stop` or `kill`. */
  restart(): Promise<void>;
}

interface Running {
  pid: number;
  port: number;
  adopted: boolean;
}

/**
 * Start PostgreSQL on its data directory, made by initdb the first time; passwords are random and asked for on loopback too. A server left
 * there by a killed process is taken over. Runs as `nobody` when we are root. Throws `persistence.postgres.*` with the end of the server's log.
 */
export async function launchPostgres(options: LaunchOptions): Promise<PostgresServer> {
  const directory = reachableFolder(options.directory);
  const password = keptSecret(path.join(options.keys, 'postgres-admin.password'));
  if (directory !== options.directory) followMove(options.directory, directory);
  const place = new Place(directory, password, options.settings ?? {});
  let running = await place.start(options.port);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!signalled(running.pid, signal)) return;
    await gone(running.pid, signal === 'SIGKILL' ? 'SIGKILL' : 'SIGQUIT');
  };
  return {
    get adminUrl() {
      return adminUrl(running.port, password);
    },
    get port() {
      return running.port;
    },
    get pid() {
      return running.pid;
    },
    get adopted() {
      return running.adopted;
    },
    directory,
    stop: () => end('SIGINT'),
    kill: () => end('SIGKILL'),
    async restart() {
      running = await place.start(running.port);
    },
  };
}

/** When the data had to go elsewhere, the wanted folder says where. Was that folder removed, its data was meant to go too: nobody knows its password any more. */
function followMove(wanted: string, directory: string): void {
  const note = path.join(wanted, 'moved-to');
  if (!fs.existsSync(note)) {
    const left = postmasterOf(path.join(directory, 'data'));
    if (left && isPostgres(left.pid)) signalled(left.pid, 'SIGQUIT');
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(wanted, { recursive: true });
    fs.writeFileSync(note, `${directory}\n`);
  }
}

/** The server that says in its lock file that it runs on this data. */
function postmasterOf(data: string): { pid: number; port: number } | undefined {
  try {
    const lines = fs.readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n');
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    return pid > 0 && port > 0 && signalled(pid, 0) ? { pid, port } : undefined;
  } catch {
    return undefined;
  }
}

const adminUrl = (port: number, password: string): string =>
  `postgresql://${POSTGRES_ADMIN}:${encodeURIComponent(password)}@${HOST}:${port}/postgres`;

function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Wait until a process is gone; one that does not go in time is told more firmly. */
async function gone(pid: number, thenSignal: NodeJS.Signals): Promise<void> {
  for (const deadline of [Date.now() + STOP_MAX_MS, Date.now() + 2 * STOP_MAX_MS]) {
    while (Date.now() < deadline) {
      if (!signalled(pid, 0)) return;
      await pause(PROBE_MS);
    }
    signalled(pid, thenSignal);
  }
}

/** A port that is free now: the wanted one, if any, else one that the system picks. */
async function freePort(wanted: number | undefined): Promise<number> {
  for (const port of wanted === undefined ? [0] : [wanted, 0]) {
    const free = await new Promise<number | undefined>((resolve) => {
      const probe = net.createServer();
      probe.once('error', () => resolve(undefined));
      probe.listen(port, HOST, () => {
        const address = probe.address();
        probe.close(() => resolve(typeof address === 'object' && address ? address.port : undefined));
      });
    });
    if (free !== undefined) return free;
  }
  throw new SlipwayError({
    code: 'persistence.postgres.noPort',
    kind: 'unavailable',
    message: `Starting PostgreSQL: no free port on ${HOST}`,
  });
}

/** One data directory and how a server gets to run on it. */
class Place {
  private readonly data: string;
  private readonly logFile: string;
  private readonly user = serverUser();
  private readonly native = postgresBinaries();

  constructor(
    directory: string,
    private readonly password: string,
    private readonly settings: Record<string, string>,
  ) {
    this.data = path.join(directory, 'data');
    this.logFile = path.join(directory, 'server.log');
    fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
  }

  async start(wantedPort: number | undefined): Promise<Running> {
    if (!fs.existsSync(path.join(this.data, 'PG_VERSION'))) this.initialise();
    const left = await this.adopt();
    if (left) return left;
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort(attempt === 1 ? wantedPort : undefined);
      const child = this.spawn(port);
      const problem = await this.ready(child, port);
      if (problem === undefined) return { pid: child.pid as number, port, adopted: false };
      if (attempt === PORT_ATTEMPTS || !problem.includes('Address already in use')) {
        throw new SlipwayError({
          code: 'persistence.postgres.noStart',
          kind: 'unavailable',
          message: `Starting PostgreSQL in ${this.data}: ${problem}`,
        });
      }
    }
  }

  /** initdb into a folder beside, renamed when done: one that was interrupted leaves nothing that looks finished. */
  private initialise(): void {
    const fresh = `${this.data}.new`;
    const passwordFile = `${this.data}.password`;
    fs.rmSync(fresh, { recursive: true, force: true });
    fs.rmSync(this.data, { recursive: true, force: true });
    fs.mkdirSync(fresh, { mode: 0o700 });
    fs.writeFileSync(passwordFile, this.password, { mode: 0o600 });
    if (this.user) for (const file of [fresh, passwordFile]) fs.chownSync(file, this.user.uid, this.user.gid);
    const args = [
      '-D',
      fresh,
      '-U',
      POSTGRES_ADMIN,
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ];
    if (this.settings['fsync'] === 'off') args.push('--no-sync');
    const result = spawnSync(this.program('initdb'), args, {
      ...this.user,
      cwd: fresh,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      env: this.environment(),
    });
    fs.rmSync(passwordFile, { force: true });
    if (result.status !== 0) {
      throw new SlipwayError({
        code: 'persistence.postgres.noData',
        kind: 'unavailable',
        message: `Making a PostgreSQL data directory in ${this.data}: ${result.error?.message ?? `${result.stdout}${result.stderr}`.trim()}`,
      });
    }
    fs.renameSync(fresh, this.data);
  }

  /** A server that still runs on this directory: taken over when our password opens it, else stopped. */
  private async adopt(): Promise<Running | undefined> {
    const left = postmasterOf(this.data);
    if (!left) return undefined;
    const deadline = Date.now() + START_MAX_MS;
    while (signalled(left.pid, 0) && Date.now() < deadline) {
      const answer = await this.probe(left.port);
      if (answer === 'ready') return { ...left, adopted: true };
      // Just killed, its pid may still look alive, or now be another's: only a server that answers is ours.
      if (answer === 'foreign' || (answer === 'silent' && !isPostgres(left.pid))) return undefined;
      await pause(PROBE_MS);
    }
    return undefined;
  }

  private spawn(port: number): ChildProcess {
    const log = fs.openSync(this.logFile, 'a', 0o600);
    const settings = { listen_addresses: HOST, port: String(port), unix_socket_directories: '', ...this.settings };
    const args = ['-D', this.data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    // In a group of its own: Ctrl-C in the terminal reaches us only, and the services still have their database while they stop.
    const child = spawn(this.program('postgres'), args, {
      ...this.user,
      cwd: this.data,
      stdio: ['ignore', log, log],
      detached: true,
      env: this.environment(),
    });
    fs.closeSync(log);
    child.unref();
    return child;
  }

  /** Wait until it answers; gives what went wrong when it ends or stays silent. */
  private async ready(child: ChildProcess, port: number): Promise<string | undefined> {
    let failure: string | undefined;
    child.once('error', (error) => (failure = error.message));
    child.once('exit', (code) => (failure ??= `it ended with ${code}: ${this.logTail()}`));
    const deadline = Date.now() + START_MAX_MS;
    while (failure === undefined && Date.now() < deadline) {
      if ((await this.probe(port)) === 'ready') return undefined;
      await pause(PROBE_MS);
    }
    if (failure === undefined) child.kill('SIGQUIT');
    return failure ?? `it did not answer within ${START_MAX_MS / 1_000} s: ${this.logTail()}`;
  }

  private async probe(port: number): Promise<'ready' | 'starting' | 'foreign' | 'silent'> {
    const client = new pg.Client({ connectionString: adminUrl(port, this.password), connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ data_directory: string }>('show data_directory');
      return rows[0]?.data_directory === this.data ? 'ready' : 'foreign';
    } catch (error) {
      const { code } = error as { code?: string };
      return code === '57P03' ? 'starting' : code === '28P01' ? 'foreign' : 'silent';
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private logTail(): string {
    if (!fs.existsSync(this.logFile)) return 'no log';
    return fs.readFileSync(this.logFile, 'utf8').trim().split('\n').slice(-LOG_TAIL_LINES).join(' | ');
  }

  private program(name: string): string {
    return path.join(this.native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      LC_ALL: 'C.UTF-8',
      ...(process.platform === 'win32' ? { SystemRoot: process.env['SystemRoot'] } : {}),
    };
  }
}

/** Whether a pid that a lock file names is a PostgreSQL, and not another process that got the number; where the system does not tell, yes. */
function isPostgres(pid: number): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres';
  } catch {
    return !fs.existsSync('/proc');
  }
}
