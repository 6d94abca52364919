import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats, createPublisher, createRequests, type ServiceParts } from '@slipway/messaging';
import { OutboxRelay, schemaOf, type MigrationStep, type PostgresStore, type AnyTable } from '@slipway/persistence';
import { createLog, onShutdown, readConfig, systemClock, systemIds, WakeLoop, type Log } from '@slipway/runtime';
import { hostConfigSchema, type HostConfig } from './config.js';
import type { ServiceDeps } from './deps.js';
import { listen } from './listen.js';
import { openDatabase } from './open-database.js';

/** What a service must say of itself to be hosted. */
export interface ServiceDefinition {
  /** Its name in subjects, schemas and logs: `policy`. */
  name: string;
  tables: readonly AnyTable[];
  migrations: readonly MigrationStep[];
  create(deps: ServiceDeps, host: HostPorts): ServiceParts | Promise<ServiceParts>;
}

/** What the host has beside the common dependencies, for services that need more. */
export interface HostPorts {
  nats: NatsConnection;
  config: HostConfig;
}

/** How long a stopping service goes on publishing what it has committed. What is left is published by the next copy. */
const FLUSH_MS = 3_000;

/**
 * Run a service until SIGTERM: connect to PostgreSQL and NATS for as long as it takes, migrate, relay the outbox, do what is due, serve. On
 * the way out: no new work, finish what is under way, publish what was committed, close.
 */
export async function hostService(definition: ServiceDefinition): Promise<void> {
  const startedAt = performance.now();
  const config = readConfig(hostConfigSchema);
  const log = createLog(definition.name, {
    level: config.SLIPWAY_LOG,
    ...(config.SLIPWAY_LOG_FORMAT ? { format: config.SLIPWAY_LOG_FORMAT } : {}),
  });
  const service = new HostedService(definition, config, log);
  const shutdown = onShutdown(log, () => service.stop());
  try {
    await service.start();
    log.info('ready', { ms: Math.round(performance.now() - startedAt), pid: process.pid });
  } catch (error) {
    if (service.stopping) return;
    log.error('cannot start', { error });
    shutdown('cannot start', 1);
  }
}

/** A service in this process: everything it has open, and the order in which that is closed. */
export class HostedService {
  stopping = false;
  private readonly closing: { what: string; close: () => Promise<void> }[] = [];

  constructor(
    private readonly definition: ServiceDefinition,
    private readonly config: HostConfig,
    private readonly log: Log,
  ) {}

  /** Waits for PostgreSQL and NATS as long as it takes; resolves when the service serves. */
  async start(): Promise<void> {
    const [store, nats] = await Promise.all([this.openStore(), this.connect()]);
    const relay = this.startRelay(store, nats);
    const loop = { nudge: (): void => undefined };
    const deps: ServiceDeps = {
      store,
      clock: systemClock,
      ids: systemIds,
      log: this.log,
      requests: createRequests(nats, { now: systemClock.now }),
      nudge: () => loop.nudge(),
    };
    store.onSent(relay.nudge);
    const parts = await this.definition.create(deps, { nats, config: this.config });
    const wakeLoop = new WakeLoop({ wake: (now) => parts.wake(now), clock: systemClock, ids: systemIds, log: this.log });
    loop.nudge = wakeLoop.nudge;
    this.opened('wake loop', () => wakeLoop.stop());
    this.opened('messages', await listen({ service: this.definition.name, parts, nats, trust: this.config.SLIPWAY_TRUST, log: this.log }));
    wakeLoop.start();
  }

  /** Newest first: messages, wake loop, relay, connections. One that fails does not keep the others open. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const { what, close } of this.closing.reverse()) {
      await close().catch((error: unknown) => this.log.warn('closing failed', { what, error }));
    }
  }

  private opened(what: string, close: () => Promise<void>): void {
    this.closing.push({ what, close });
  }

  private async openStore(): Promise<PostgresStore> {
    const { name, tables, migrations } = this.definition;
    const options = { url: this.config.SLIPWAY_DATABASE_URL, schema: schemaOf(name), tables, migrations, log: this.log, ids: systemIds };
    const store = await openDatabase(options, () => this.stopping);
    this.closing.unshift({ what: 'PostgreSQL', close: () => store.close() });
    return store;
  }

  private async connect(): Promise<NatsConnection> {
    const { SLIPWAY_NATS_URL: servers, SLIPWAY_NATS_CREDS: file } = this.config;
    const nats = await connectNats({ servers, creds: { file }, name: this.definition.name, log: this.log });
    this.closing.unshift({ what: 'NATS', close: () => nats.drain() });
    return nats;
  }

  private startRelay(store: PostgresStore, nats: NatsConnection): OutboxRelay {
    const publisher = createPublisher(nats, { source: this.definition.name, now: systemClock.now });
    const relay = new OutboxRelay({
      pool: store.pool,
      schema: store.schema,
      publish: (messages) => publisher.publish(messages),
      log: this.log,
      ids: systemIds,
    });
    relay.start();
    this.opened('outbox relay', async () => {
      await relay.flush(FLUSH_MS);
      await relay.stop();
    });
    return relay;
  }
}
