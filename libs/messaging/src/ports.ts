import type { ParsedRequestOf, ReplyOf, RequestOf, OperationName } from '@slipway/contracts';
import type { ErrorShape } from '@slipway/core';

/*
 * What services see of the wire. Adapters: NATS (`*.nats.ts`) and, in the simulation, an in-memory bus.
 */

/** One message of a stream, parsed by the schema of its consumer. What did not parse never gets here: it is a dead letter. */
export interface Inbound<T = unknown> {
  /** The sender's id (`Slipway-Id`, else `Nats-Msg-Id`), else `<stream>:<sequence>`; the key of the inbox. */
  id: string;
  subject: string;
  body: T;
  headers: Record<string, string>;
  /** 1 for the first delivery. */
  attempt: number;
  sequence: number;
}

/** A message to be published, as the outbox gives it out. */
export interface Outbound {
  subject: string;
  /** Unique and stable: by it repeats are known. */
  id: string;
  /** JSON text. */
  body: string;
  headers?: Record<string, string>;
}

/** Publishes what the outbox holds. */
export interface Publisher {
  /**
   * Publish in this order and come back once all of it is stored. Throws SlipwayError (`unavailable`: try again later, with the same ids);
   * a part may then be stored already, which is harmless, because consumers know ids.
   */
  publish(messages: readonly Outbound[]): Promise<void>;
}

/** What is to become of a message; made from errors by the one table in `settlement.ts`. */
export type Settlement = { kind: 'ack' } | { kind: 'nak'; delayMs: number } | { kind: 'deadLetter'; error: ErrorShape };

/**
 * Handles one batch in stream order. Nothing given back: all are acknowledged. Thrown: the batch is split and each message tried alone, so
 * that one bad message never takes the others with it.
 */
export type BatchHandler<T = unknown> = (batch: readonly Inbound<T>[]) => Promise<void | ReadonlyMap<string, Settlement>>;

/** Who asks, as the wire proves it. */
export interface Caller {
  /** `agent:<name>` by the subject it could publish on, `service`, or `user:<name>` by signature. */
  name: string;
  groups: string[];
  role: 'viewer' | 'operator' | 'approver' | 'admin' | 'service' | 'agent';
}

export type OperationHandler<N extends OperationName> = (request: ParsedRequestOf<N>, caller: Caller) => Promise<ReplyOf<N>>;

/** Ask another service. Throws SlipwayError: the service's own, or `unavailable` when nobody answered in time. */
export interface Requests {
  ask<N extends OperationName>(operation: N, request: RequestOf<N>, options?: { timeoutMs?: number }): Promise<ReplyOf<N>>;
}

/**
 * What a service is, whatever hosts it: Nest over NATS in production, the simulation over a memory bus. Nest controllers only call in here.
 */
export interface ServiceParts {
  /** Consumer name as in contracts/streams.ts, `EVT/policy` → handler. */
  consumers: Record<string, BatchHandler>;
  operations: Partial<{ [N in OperationName]: OperationHandler<N> }>;
  /** Requests of agents, by the last token of `slipway.agt.<agent>.rpc.<op>`, and heartbeats as `hb`; parsed by the host with the schemas of contracts. */
  agentRequests: Record<string, (request: never, agent: string) => Promise<object | void>>;
  /**
   * Do what is due. Called at the time it gave back last, after `nudge`, and by a slow sweep; by one copy at a time.
   * Gives the time of the next thing due.
   */
  wake(now: number): Promise<number | undefined>;
}
