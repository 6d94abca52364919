import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects } from '@slipway/contracts';
import { connectNats, findNatsServer } from '@slipway/messaging';
import { createLog, silentLog } from '@slipway/runtime';
import type { Session } from '../cli/src/cli.js';
import { Output } from '../cli/src/output.js';
import { openSession } from '../cli/src/session.js';
import { House } from '../cli/src/up/house.js';
import type { ManagedProcess } from '../cli/src/up/managed-process.js';
import { PROJECT_ROOT } from '../cli/src/project.js';
import { servicesReady } from '../cli/src/up/quickstart.js';
import { treeProcessorTime } from './processor-time.js';

export const SERVICES = ['registry', 'policy', 'scheduler'] as const;
/** What one agent may hold at once. */
const CAPACITY = 200;
const RESOURCES_PER_REQUEST = 5_000;
const DEADLINE_MS = 600_000;
const LOOK_MS = 2;
const HEAP_DEADLINE_MS = 10_000;

/** Processor time by who used it, in microseconds. */
export type ProcessorTimes = Record<string, number>;

/**
 * The real thing, as `slipway up` starts it: nats-server with `sync_interval: always`, PostgreSQL with fsync, the services and the agents each
 * in a process of its own, in a directory that is removed afterwards. Agents run the `noop` executor.
 */
export class BenchMesh {
  private readonly agents: ManagedProcess[] = [];

  private constructor(
    readonly directory: string,
    readonly house: House,
    readonly session: Session & { close(): Promise<void> },
    private readonly ci: NatsConnection,
    private readonly streams: JetStreamManager,
    private readonly provision: NatsConnection,
  ) {}

  static async start(): Promise<BenchMesh> {
    const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
    chmodSync(directory, 0o755);
    await chooseNatsServer();
    const house = await startHouse(directory);
    try {
      const session = await openSession(
        { servers: house.natsUrl, credsFile: house.credentials('admin'), toldBy: 'bench' },
        new Output('text'),
      );
      await servicesReady(session);
      const connect = (role: string): Promise<NatsConnection> =>
        connectNats({ servers: [house.natsUrl], creds: { file: house.credentials(role) }, name: `bench-${role}`, log: silentLog });
      const [ci, provision] = await Promise.all([connect('ci'), connect('provision')]);
      return new BenchMesh(directory, house, session, ci, await jetstreamManager(provision), provision);
    } catch (error) {
      await house.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.ci.close(), this.provision.close()]);
    await this.session.close();
    await this.house.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Apply documents; resources many at a time. */
  async apply(...documents: object[]): Promise<void> {
    const text = documents.map((document) => JSON.stringify(document)).join('\n---\n');
    await this.session.requests.ask('registry.apply', { files: [{ file: 'bench.yaml', text }] }, { timeoutMs: DEADLINE_MS });
  }

  async applyResources(resources: object[]): Promise<void> {
    for (let at = 0; at < resources.length; at += RESOURCES_PER_REQUEST)
      await this.apply({ kind: 'Resources', items: resources.slice(at, at + RESOURCES_PER_REQUEST) });
  }

  /** As CI does: one message whose acknowledgement is the receipt. */
  async publish(deployment: string, tag: string): Promise<void> {
    await this.ci.request(subjects.ciVersion(deployment), JSON.stringify({ tag }), { timeout: DEADLINE_MS });
  }

  /** Start so many agents of pool `bench`; those of an earlier call go on where they stopped. */
  async startAgents(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const name = `bench-${index + 1}`;
      const directory = join(this.directory, 'agents', name);
      const args = ['--directory', directory, '--capacity', String(CAPACITY), '--noop'];
      if (!existsSync(join(directory, 'agent.creds'))) {
        const { token } = await this.session.requests.ask('registry.inviteAgent', { agent: name, pool: 'bench', executors: ['noop'] });
        args.push('--token', token);
      }
      this.agents.push(this.house.run(`agent ${name}`, join(PROJECT_ROOT, 'dist', 'agents', 'src', 'main.js'), args));
    }
    await this.until(`${count} agents are heard of`, async () => {
      const { agents } = await this.session.requests.ask('scheduler.agents', {});
      return agents.filter((agent) => agent.state === 'online').length >= count;
    });
  }

  async stopAgents(): Promise<void> {
    await Promise.all(this.agents.splice(0).map((agent) => agent.stop()));
  }

  /** Count events on this subject; resolves `done` with the nth. Listens when it resolves. */
  async watch(subject: string, events = 1): Promise<{ done: Promise<void> }> {
    const subscription = this.session.nats.subscribe(subject, { max: events });
    const done = (async () => {
      for await (const _ of subscription);
    })();
    await this.session.nats.flush();
    return { done };
  }

  /** How many invitations the queue of jobs has ever taken, acknowledged. */
  async invited(): Promise<number> {
    const { state } = await this.streams.streams.info('JOBS');
    return state.last_seq;
  }

  /** Everything that was said has been taken in: no service has an event before it. */
  async settled(): Promise<void> {
    await this.until('every event is taken in', async () => {
      const queues = await Promise.all(['policy', 'scheduler'].map((name) => this.streams.consumers.info('EVT', name)));
      return queues.every(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending === 0);
    });
  }

  /** How many invitations no agent has answered yet. */
  async unanswered(): Promise<number> {
    const { num_pending, num_ack_pending } = await this.streams.consumers.info('JOBS', 'bench_noop');
    return num_pending + num_ack_pending;
  }

  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + DEADLINE_MS;
    while (!(await condition())) {
      if (performance.now() > end) throw new Error(`it did not come to pass that ${what}\n${this.logs()}`);
      await pause(LOOK_MS);
    }
  }

  processorTimes(): ProcessorTimes {
    const of = (pid: number | undefined): number => (pid === undefined ? 0 : treeProcessorTime(pid));
    return {
      ...Object.fromEntries(SERVICES.map((service) => [service, of(this.house.pidOf(service))])),
      agents: this.agents.reduce((sum, agent) => sum + of(agent.pid), 0),
      nats: of(this.house.nats.pid),
      postgres: of(this.house.postgres?.pid),
    };
  }

  /** Heap in use by each service after a collection, in bytes. */
  async heaps(): Promise<Record<string, number>> {
    const heaps: Record<string, number> = {};
    for (const service of SERVICES) {
      const pid = this.house.pidOf(service);
      if (pid === undefined) continue;
      const file = join(this.directory, `${pid}.heap`);
      rmSync(file, { force: true });
      process.kill(pid, 'SIGUSR2');
      const end = performance.now() + HEAP_DEADLINE_MS;
      while (!existsSync(file) && performance.now() < end) await pause(LOOK_MS);
      heaps[service] = Number(readFileSync(file, 'utf8'));
    }
    return heaps;
  }

  private logs(): string {
    const tail = (name: string): string => {
      const file = join(this.house.directory, 'logs', `${name}.log`);
      return existsSync(file) ? `${name}: ${readFileSync(file, 'utf8').split('\n').slice(-6).join('\n')}` : '';
    };
    return [...SERVICES, ...this.agents.map((agent) => agent.name)].map(tail).join('\n');
  }
}

/** With services that tell their heap when they are asked by a signal; production does not load this, nor do agents and peers. */
async function startHouse(directory: string): Promise<House> {
  const before = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] = `${before ?? ''} --import ${new URL('./report-heap.js', import.meta.url).href}`;
  process.env['BENCH_HEAP_DIRECTORY'] = directory;
  try {
    return await House.start({ directory: join(directory, 'mesh'), progress: () => undefined }, createLog('bench', { level: 'warn' }));
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  }
}

/** The same program in every round, fetched once. */
async function chooseNatsServer(): Promise<void> {
  const cacheDir = join(PROJECT_ROOT, '.slipway', 'bin');
  const found = await findNatsServer({ cacheDir, env: process.env, progress: (line) => void process.stderr.write(`${line}\n`) });
  process.env['NATS_SERVER_BIN'] = found.binary;
  natsVersion = found.version;
}

/** Of the nats-server that is measured. */
export let natsVersion = '';

/** The folder of the compiled bench. */
export const HERE = fileURLToPath(new URL('./', import.meta.url));
