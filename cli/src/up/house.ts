import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CredentialRole } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import {
  connectNats,
  createTrust,
  findFreePort,
  findNatsServer,
  launchNatsServer,
  provision,
  writeCredentials,
  type RunningServer,
  type Trust,
} from '@slipway/messaging';
import { launchPostgres, prepareDatabase, type PostgresServer } from '@slipway/persistence';
import type { Log } from '@slipway/runtime';
import type { UpState } from '../where.js';
import { PROJECT_ROOT } from '../project.js';
import { ManagedProcess } from './managed-process.js';
import { takeHold, type Hold } from './hold.js';

/** The usual port of NATS; another free one is taken when it is in use. */
const NATS_PORT = 4222;
const SERVICES = ['registry', 'policy', 'scheduler'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** Credentials that `up` makes, with the tags of people and CI. The admin of one's own machine may do everything. */
const CREDENTIALS: { file: string; role: Exclude<CredentialRole, 'agent' | 'enrol' | 'system'>; tags: string[]; context?: string }[] = [
  ...SERVICES.map((role) => ({ file: role, role, tags: [] })),
  { file: 'provision', role: 'provision', tags: [] },
  { file: 'replay', role: 'replay', tags: [] },
  { file: 'ops', role: 'ops', tags: [], context: 'look at everything, change nothing' },
  { file: 'admin', role: 'person', tags: ['role:admin', 'group:releasers'], context: 'the admin of this machine' },
  { file: 'ci', role: 'ci', tags: ['deployment:*'], context: 'publish versions' },
];

export interface HouseOptions {
  /** The data directory, `.slipway`. */
  directory: string;
  /** Fixed ports, or free ones near them. */
  natsPort?: number;
  progress(line: string): void;
}

/** The whole of Slipway on one machine: servers, services; agents and hosts are added to it. */
export class House {
  private readonly processes = new Map<string, ManagedProcess>();
  private stopping = false;

  private constructor(
    readonly directory: string,
    private readonly hold: Hold,
    private readonly trust: Trust,
    readonly nats: RunningServer,
    /** Undefined when the environment names a server of the user's own. */
    readonly postgres: PostgresServer | undefined,
    private readonly databaseUrls: Record<ServiceName, string>,
    private readonly progress: (line: string) => void,
  ) {}

  get natsUrl(): string {
    return this.nats.url;
  }

  /** Servers, accounts, streams, schemas and services, in the order that they need one another. */
  static async start(options: HouseOptions, log: Log): Promise<House> {
    const directory = resolve(options.directory);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    const hold = takeHold(directory);
    let house: House | undefined;
    try {
      const { nats, trust, postgres, urls } = await startServers(directory, options);
      house = new House(directory, hold, trust, nats, postgres, urls, options.progress);
      await house.makeCredentials();
      await house.provision(log);
      for (const service of SERVICES) house.startService(service);
      house.writeContexts();
      house.writeState();
      return house;
    } catch (error) {
      await house?.stop();
      hold.release();
      throw error;
    }
  }

  credentials(name: string): string {
    return join(this.directory, 'creds', `${name}.creds`);
  }

  /** Start a program of ours that lives and dies with this house, and is started again when it crashes. */
  run(name: string, script: string, args: string[], env: Record<string, string> = {}): ManagedProcess {
    const process_ = new ManagedProcess({
      name,
      script,
      args,
      env: { ...inherited(), ...env },
      cwd: PROJECT_ROOT,
      logFile: join(this.directory, 'logs', `${name}.log`),
      onCrash: (who, how) => {
        if (!this.stopping) this.progress(`${who} ended (${how}), starting it again`);
      },
    });
    this.processes.set(name, process_);
    process_.start();
    return process_;
  }

  /** The process of a program of ours, while it runs. */
  pidOf(name: string): number | undefined {
    return this.processes.get(name)?.pid;
  }

  /** `kill -9`, as a crash would. */
  kill(name: string): void {
    const process_ = this.processes.get(name);
    if (!process_) throw new SlipwayError({ code: 'cli.process.missing', kind: 'missing', message: `nothing called ${name} runs here` });
    process_.kill();
  }

  /** Everything down, in reverse order; no process is left. */
  async stop(): Promise<void> {
    this.stopping = true;
    const all = [...this.processes.entries()];
    // Agents and hosts first, so that nothing is cut off from the services while it drains.
    await Promise.all(all.filter(([name]) => !isService(name)).map(([, one]) => one.stop()));
    await Promise.all(all.filter(([name]) => isService(name)).map(([, one]) => one.stop()));
    await Promise.all([this.nats.stop(), this.postgres?.stop()]);
    rmSync(join(this.directory, 'state.json'), { force: true });
    this.hold.release();
  }

  private startService(service: ServiceName): void {
    this.run(service, join(PROJECT_ROOT, 'dist', 'services', service, 'src', 'main.js'), [], {
      SLIPWAY_DATABASE_URL: this.databaseUrls[service],
      SLIPWAY_NATS_URL: this.nats.url,
      SLIPWAY_NATS_CREDS: this.credentials(service),
      SLIPWAY_TRUST: join(this.directory, 'keys'),
    });
  }

  private async makeCredentials(): Promise<void> {
    for (const { file, role, tags } of CREDENTIALS) {
      const path = this.credentials(file);
      if (existsSync(path)) continue;
      const minted = await this.trust.mintUser({ role, name: file, tags });
      writeCredentials(path, minted.creds ?? '');
    }
  }

  private async provision(log: Log): Promise<void> {
    const nc = await connectNats({ servers: this.nats.url, creds: { file: this.credentials('provision') }, name: 'provision', log });
    try {
      await provision(nc, { replicas: 1 });
    } finally {
      await nc.close();
    }
  }

  /** Contexts for the `nats` CLI: address and credential in one file each. */
  private writeContexts(): void {
    mkdirSync(join(this.directory, 'contexts'), { recursive: true });
    for (const { file, context } of CREDENTIALS) {
      if (!context) continue;
      const content = {
        description: `Slipway: ${context}`,
        url: this.nats.url,
        creds: this.credentials(file),
      };
      writeFileSync(join(this.directory, 'contexts', `${file}.json`), `${JSON.stringify(content, null, 2)}\n`);
    }
  }

  private writeState(): void {
    const state: UpState = {
      natsUrl: this.nats.url,
      creds: Object.fromEntries(CREDENTIALS.map(({ file }) => [file, join('creds', `${file}.creds`)])),
      pid: process.pid,
      startedAt: new Date().toISOString(),
    };
    writeFileSync(join(this.directory, 'state.json'), `${JSON.stringify(state, null, 2)}\n`);
  }
}

function isService(name: string): boolean {
  return (SERVICES as readonly string[]).includes(name);
}

/** What a child needs of our environment; nothing of Slipway's own leaks into it. */
function inherited(): Record<string, string> {
  const keep = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !name.startsWith('SLIPWAY_') && !name.startsWith('NATS_'),
  );
  return Object.fromEntries(keep) as Record<string, string>;
}

/** Both servers at once; when one does not start the other is stopped again. */
async function startServers(directory: string, options: HouseOptions): Promise<NatsParts & PostgresParts> {
  const keys = join(directory, 'keys');
  const [nats, postgres] = await Promise.allSettled([startNats(directory, keys, options), startPostgres(directory, keys)]);
  if (nats.status === 'fulfilled' && postgres.status === 'fulfilled') return { ...nats.value, ...postgres.value };
  if (nats.status === 'fulfilled') await nats.value.nats.stop();
  if (postgres.status === 'fulfilled') await postgres.value.postgres?.stop();
  throw nats.status === 'rejected' ? nats.reason : (postgres as PromiseRejectedResult).reason;
}

interface NatsParts {
  nats: RunningServer;
  trust: Trust;
}

interface PostgresParts {
  postgres: PostgresServer | undefined;
  urls: Record<ServiceName, string>;
}

async function startNats(directory: string, keys: string, options: HouseOptions): Promise<NatsParts> {
  const [{ binary, version }, trust] = await Promise.all([
    findNatsServer({ cacheDir: join(directory, 'bin'), env: process.env, progress: options.progress }),
    createTrust(keys),
  ]);
  const launch = (port: number): Promise<RunningServer> =>
    launchNatsServer({ binary, dir: join(directory, 'nats'), trust, port, progress: options.progress });
  const wanted = options.natsPort ?? NATS_PORT;
  try {
    const nats = await launch(wanted);
    options.progress(`nats-server ${version} on ${nats.url}`);
    return { nats, trust };
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== 'messaging.server.portTaken') throw error;
    const nats = await launch(await findFreePort());
    options.progress(`nats-server ${version} on ${nats.url} (port ${wanted} is in use by another program)`);
    return { nats, trust };
  }
}

/** A PostgreSQL of the user's own when the environment names one, else ours. */
async function startPostgres(directory: string, keys: string): Promise<PostgresParts> {
  const own = process.env['SLIPWAY_DATABASE_URL'];
  const postgres = own ? undefined : await launchPostgres({ directory: join(directory, 'postgres'), keys });
  const adminUrl = own ?? postgres?.adminUrl ?? '';
  const urls = await prepareDatabase({ adminUrl, keys, services: [...SERVICES] });
  return { postgres, urls: urls as Record<ServiceName, string> };
}
