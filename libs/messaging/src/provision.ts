import type { ConsumerDeclaration, StreamDeclaration } from '@slipway/contracts';
import { consumers, jobConsumer, streams } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { isRecentEnough, NATS_VERSION_MIN } from './server/nats-server-version.js';
import type { Drift } from './stream-drift.js';
import { diffConsumer, diffStream, formatDrift, toConsumerConfig, toStreamConfig } from './stream-drift.js';

/*
 * Brings streams and consumers about as contracts/streams.ts declares them. Nothing else makes or changes any, except the registry,
 * which makes the queue of a new pool and executor with `ensureJobQueue`.
 */

export interface ProvisionOptions {
  /** Copies of each stream: 1 on a single server, 3 on a cluster. */
  replicas: number;
  /** Only say what differs. */
  dryRun?: boolean;
  /** For tests; the declarations of contracts otherwise. */
  streams?: readonly StreamDeclaration[];
  consumers?: readonly ConsumerDeclaration[];
}

export interface ProvisionReport {
  created: string[];
  /** What differed and was changed, or would be with dryRun. */
  changed: Drift[];
  unchanged: string[];
}

const NOT_FOUND = 404;

/** Idempotent. Refuses, before it changes anything, when something would have to change that cannot be changed. */
export async function provision(nc: NatsConnection, options: ProvisionOptions): Promise<ProvisionReport> {
  checkVersion(nc);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const report: ProvisionReport = { created: [], changed: [], unchanged: [] };
  const streamPlans = await Promise.all((options.streams ?? streams).map((d) => planStream(jsm, d, options.replicas)));
  const consumerPlans = await Promise.all((options.consumers ?? consumers).map((d) => planConsumer(jsm, d)));
  const plans = [...streamPlans, ...consumerPlans];
  refuseImmutable(plans.flatMap((p) => p.drift));
  for (const plan of plans) {
    if (plan.exists && plan.drift.length === 0) report.unchanged.push(plan.of);
    else {
      if (!options.dryRun) await plan.apply();
      if (plan.exists) report.changed.push(...plan.drift);
      else report.created.push(plan.of);
    }
  }
  return report;
}

/** Make the queue of a pool and executor unless it is there. */
export async function ensureJobQueue(nc: NatsConnection, pool: string, executor: string): Promise<void> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const plan = await planConsumer(jsm, jobConsumer(pool, executor));
  refuseImmutable(plan.drift);
  if (!plan.exists || plan.drift.length > 0) await plan.apply();
}

interface Plan {
  of: string;
  exists: boolean;
  drift: Drift[];
  apply(): Promise<void>;
}

function checkVersion(nc: NatsConnection): void {
  const version = nc.info?.version ?? '0.0.0';
  if (isRecentEnough(version)) return;
  throw new SlipwayError({
    code: 'messaging.server.tooOld',
    kind: 'invalid',
    message: `Cannot provision a NATS server ${version}: Slipway needs ${NATS_VERSION_MIN} or newer, for atomic batches.`,
  });
}

async function planStream(jsm: JetStreamManager, declaration: StreamDeclaration, replicas: number): Promise<Plan> {
  const wanted = toStreamConfig(declaration, replicas);
  const is = await orUndefined(jsm.streams.info(wanted.name));
  return {
    of: `stream ${wanted.name}`,
    exists: is !== undefined,
    drift: is ? diffStream(wanted, is.config) : [],
    async apply() {
      const { name, ...changes } = wanted;
      const done = is ? await jsm.streams.update(name, changes) : await jsm.streams.add({ ...wanted });
      assertTaken(wanted, done.config);
    },
  };
}

async function planConsumer(jsm: JetStreamManager, declaration: ConsumerDeclaration): Promise<Plan> {
  const wanted = toConsumerConfig(declaration);
  const is = await orUndefined(jsm.consumers.info(declaration.stream, declaration.name));
  return {
    of: `consumer ${declaration.stream}/${declaration.name}`,
    exists: is !== undefined,
    drift: is ? diffConsumer(declaration.stream, wanted, is.config) : [],
    async apply() {
      if (!is) await jsm.consumers.add(declaration.stream, wanted);
      // Undefined takes the other one of the two filter fields away.
      else
        await jsm.consumers.update(declaration.stream, declaration.name, {
          filter_subject: undefined,
          filter_subjects: undefined,
          ...wanted,
        });
    },
  };
}

/** Older servers take a configuration and silently drop what they do not know. */
function assertTaken(wanted: ReturnType<typeof toStreamConfig>, is: StreamConfig): void {
  const missed = diffStream(wanted, is);
  if (missed.length === 0) return;
  throw new SlipwayError({
    code: 'messaging.provision.notTaken',
    kind: 'invalid',
    message: `The NATS server took the configuration of stream ${wanted.name} but not all of it: ${missed.map(formatDrift).join('; ')}.`,
  });
}

function refuseImmutable(drift: Drift[]): void {
  const fixed = drift.filter((d) => !d.mutable);
  if (fixed.length === 0) return;
  throw new SlipwayError({
    code: 'messaging.provision.immutable',
    kind: 'conflict',
    message:
      `Nothing was changed, because this cannot be: ${fixed.map(formatDrift).join('; ')}. ` +
      'Keep the old setting, or move the messages to a new stream by hand (docs/subjects.md).',
    details: { drift: fixed.map(formatDrift) },
  });
}

async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.status === NOT_FOUND) return undefined;
    throw error;
  }
}
