import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { streams, subjects, type OperationName, type ReplyOf, type RequestOf, type StreamDeclaration } from '@slipway/contracts';
import { createRequests, listDeadLetters, provision, type BuriedMessage, type Requests } from '@slipway/messaging';
import { prepareDatabase } from '@slipway/persistence';
import { eventually, startNats, startPostgres, type TestNats, type TestPostgres } from '@slipway/testkit';
import { Program } from './program.js';

export const SERVICES = ['registry', 'policy', 'scheduler'] as const;
export type ServiceName = (typeof SERVICES)[number];

const READY_DEADLINE_MS = 60_000;
const LETTERS_MAX = 1_000;

export type JobView = ReplyOf<'scheduler.jobs'>['jobs'][number] & { attempt: number; epoch: number; agent?: string; message?: string };
export type StatusCell = ReplyOf<'scheduler.status'>['cells'][number];

export interface FaultMeshOptions {
  /** Limits of streams that differ from the declared ones. */
  limits?: Record<string, Partial<StreamDeclaration>>;
  /** Addresses that the services use instead of the servers' own, to go through a proxy. */
  route?: (servers: {
    nats: TestNats;
    postgres: TestPostgres;
  }) => Promise<{ natsUrl?: string; databasePort?: number; agentNatsUrl?: string }>;
}

/**
 * A whole mesh for tests of faults: a nats-server and a PostgreSQL of its own, the three services and any agents as the processes they are in
 * production. Each of them can be killed and started again; the test itself is a person (admin), CI and ops.
 */
export class FaultMesh {
  readonly services: Record<ServiceName, Program>;
  readonly agents = new Map<string, Program>();
  private requests_: Requests | undefined;
  private person_: NatsConnection | undefined;
  private ci_: NatsConnection | undefined;

  private constructor(
    readonly directory: string,
    readonly nats: TestNats,
    readonly postgres: TestPostgres,
    services: (mesh: FaultMesh, name: ServiceName) => Program,
  ) {
    this.services = { registry: services(this, 'registry'), policy: services(this, 'policy'), scheduler: services(this, 'scheduler') };
  }

  /** Servers, streams and schemas; no service runs yet. */
  static async prepare(options: FaultMeshOptions = {}): Promise<FaultMesh> {
    const directory = mkdtempSync(join(tmpdir(), 'slipway-faults-'));
    chmodSync(directory, 0o755);
    const [nats, postgres] = await Promise.all([startNats({ provisioned: false }), startPostgres()]);
    const nc = await nats.connect('provision');
    await provision(nc, { replicas: 1, streams: withLimits(options.limits ?? {}) });
    await nc.close();
    const urls = await prepareDatabase({ adminUrl: postgres.adminUrl, keys: join(nats.keysDir, 'db'), services: [...SERVICES] });
    const route = (await options.route?.({ nats, postgres })) ?? {};
    const env = (name: ServiceName): Record<string, string> => ({
      SLIPWAY_DATABASE_URL: throughPort(urls[name] ?? '', route.databasePort),
      SLIPWAY_NATS_URL: route.natsUrl ?? nats.url,
      SLIPWAY_NATS_CREDS: nats.creds[name],
      SLIPWAY_TRUST: nats.keysDir,
      ...(name === 'registry' ? { SLIPWAY_AGENT_NATS_URL: route.agentNatsUrl ?? nats.url } : {}),
    });
    return new FaultMesh(
      directory,
      nats,
      postgres,
      (_mesh, name) =>
        new Program(
          name,
          `services/${name}/src/main.js`,
          () => [],
          () => env(name),
          join(directory, `${name}.log`),
        ),
    );
  }

  /** A mesh that serves. */
  static async start(options: FaultMeshOptions = {}): Promise<FaultMesh> {
    const mesh = await FaultMesh.prepare(options);
    for (const service of Object.values(mesh.services)) service.start();
    await mesh.ready();
    return mesh;
  }

  /** Everything down, nothing left. */
  async stop(): Promise<void> {
    await Promise.all([...this.agents.values()].map((agent) => agent.kill()));
    await Promise.all(Object.values(this.services).map((service) => service.kill()));
    await this.nats.stop();
    await this.postgres.destroy();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Wait until every service answers. */
  async ready(deadlineMs = READY_DEADLINE_MS): Promise<void> {
    await this.come(
      'every service answers',
      async () => {
        const options = { timeoutMs: 2_000 };
        const requests = await this.requests();
        await requests.ask('registry.list', { kind: 'system' }, options);
        await requests.ask('policy.decisions', {}, options);
        return requests.ask('scheduler.agents', {}, options);
      },
      deadlineMs,
    );
  }

  /** Like testkit's `eventually`; a failure carries the ends of all logs. */
  async come<T>(name: string, condition: () => T | Promise<T>, deadlineMs = 20_000) {
    try {
      return await eventually(name, condition, deadlineMs);
    } catch (error) {
      const logs = [...Object.values(this.services), ...this.agents.values()].map((program) => program.logTail());
      throw new Error(`${(error as Error).message}\n${logs.join('\n')}`, { cause: error });
    }
  }

  async ask<N extends OperationName>(operation: N, request: RequestOf<N>): Promise<ReplyOf<N>> {
    return (await this.requests()).ask(operation, request);
  }

  /** Apply documents, given as objects or as the text of one file. */
  apply(...documents: (object | string)[]): Promise<ReplyOf<'registry.apply'>> {
    const text = documents.map((document) => (typeof document === 'string' ? document : JSON.stringify(document))).join('\n---\n');
    return this.ask('registry.apply', { files: [{ file: 'faults.yaml', text }] });
  }

  /** Publish a version as CI does, once the server is there to take it; the acknowledgement is the receipt. */
  async publish(deployment: string, version: object | string): Promise<void> {
    const body = typeof version === 'string' ? version : JSON.stringify(version);
    await this.come(`CI publishes for ${deployment}`, async () => {
      this.ci_ ??= await this.nats.connect('ci');
      const receipt = await this.ci_.request(subjects.ciVersion(deployment), body, { timeout: 2_000 });
      return receipt.json<{ stream?: string }>().stream === 'CI';
    });
  }

  async jobs(filter: RequestOf<'scheduler.jobs'> = {}): Promise<JobView[]> {
    return (await this.ask('scheduler.jobs', { limit: 1_000, ...filter })).jobs as JobView[];
  }

  async cell(deployment: string, environment: string): Promise<StatusCell | undefined> {
    return (await this.ask('scheduler.status', { deployment, environment })).cells[0];
  }

  /** Wait until the version runs at so many targets. */
  runs(deployment: string, environment: string, version: string, targets: number, deadlineMs = 30_000) {
    return this.come(
      `${deployment} ${version} runs at ${targets} targets of ${environment}`,
      async () => (await this.cell(deployment, environment))?.running.some((r) => r.version === version && r.count === targets),
      deadlineMs,
    );
  }

  async deadLetters(): Promise<BuriedMessage[]> {
    return listDeadLetters(await this.person(), { limit: LETTERS_MAX });
  }

  /** Invite an agent, start its process, and wait until it is online. */
  async startAgent(
    name: string,
    options: { pool?: string; executors?: string[]; capacity?: number; env?: Record<string, string> } = {},
  ): Promise<Program> {
    const directory = join(this.directory, 'agents', name);
    const { token } = await this.ask('registry.inviteAgent', {
      agent: name,
      pool: options.pool ?? 'par',
      executors: options.executors ?? ['command'],
    });
    const args = (): string[] => [
      ...['--directory', directory, '--capacity', String(options.capacity ?? 8)],
      ...(existsSync(join(directory, 'agent.creds')) ? [] : ['--token', token]),
    ];
    const agent = new Program(
      name,
      'agents/src/main.js',
      args,
      () => ({ SLIPWAY_LOG_FORMAT: 'json', ...options.env }),
      join(this.directory, `agent-${name}.log`),
    );
    this.agents.set(name, agent);
    agent.start();
    const isOnline = async (): Promise<boolean> =>
      (await this.ask('scheduler.agents', {})).agents.some((one) => one.agent === name && one.state === 'online');
    await this.come(`agent ${name} is online`, isOnline, READY_DEADLINE_MS);
    return agent;
  }

  /** The connection of an admin. */
  async person(): Promise<NatsConnection> {
    return (this.person_ ??= await this.nats.connect('person'));
  }

  private async requests(): Promise<Requests> {
    return (this.requests_ ??= createRequests(await this.person(), { now: () => Date.now(), sign: { file: this.nats.creds.person } }));
  }
}

function withLimits(limits: Record<string, Partial<StreamDeclaration>>): StreamDeclaration[] {
  return streams.map((stream) => ({ ...stream, ...limits[stream.name] }));
}

function throughPort(url: string, port: number | undefined): string {
  if (port === undefined) return url;
  const routed = new URL(url);
  routed.port = String(port);
  return routed.toString();
}
