import type { NatsConnection } from '@nats-io/transport-node';
import { ensureJobQueue } from '@slipway/messaging';
import type { JobQueues } from './ports.js';

/** Queues on the JOBS stream. */
export const natsJobQueues = (nc: NatsConnection): JobQueues => ({ ensure: (pool, executor) => ensureJobQueue(nc, pool, executor) });
