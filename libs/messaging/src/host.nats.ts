import type { Log } from '@slipway/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import type { TrustAnchors } from './accounts/trust.js';
import type { Answering } from './answer.nats.js';
import { answer } from './answer.nats.js';
import type { RunningConsumer } from './consume.nats.js';
import { consume } from './consume.nats.js';
import type { BatchHandler, ServiceParts } from './ports.js';

export interface ConsumerParts {
  handler: BatchHandler;
  /** Most messages at once. */
  batch?: number;
  /** Batches under way at once. */
  concurrency?: number;
}

/** What is hosted: the parts of a service, except `wake`, which needs no wire. */
export interface HostedParts {
  consumers: Record<string, ConsumerParts>;
  operations: ServiceParts['operations'];
  agentRequests: ServiceParts['agentRequests'];
}

export interface HostOptions {
  service: string;
  version: string;
  anchors(): TrustAnchors;
  log: Log;
  /** Epoch milliseconds. */
  now(): number;
}

export interface Hosting {
  /** Take nothing new, finish what is under way. The connection stays open: the outbox may still have to say something. */
  close(): Promise<void>;
}

/** Parts as a service makes them, in the form in which they are hosted. */
export function toHostedParts(parts: ServiceParts): HostedParts {
  return {
    consumers: Object.fromEntries(Object.entries(parts.consumers).map(([name, handler]) => [name, { handler }])),
    operations: parts.operations,
    agentRequests: parts.agentRequests,
  };
}

/** Host a service's parts on the connection: answer its requests, run its consumers. */
export async function hostParts(nc: NatsConnection, parts: HostedParts, options: HostOptions): Promise<Hosting> {
  const answering: Answering = await answer(nc, { ...options, operations: parts.operations, agentRequests: parts.agentRequests });
  const running: RunningConsumer[] = Object.entries(parts.consumers).map(([consumer, part]) =>
    consume(nc, { ...part, consumer, log: options.log, now: options.now }),
  );
  return {
    async close() {
      await Promise.all(running.map((consumer) => consumer.close()));
      await answering.close();
    },
  };
}
