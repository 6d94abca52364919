import type { OperationName } from '@slipway/contracts';
import type { CustomTransportStrategy, MessageHandler } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Observable } from 'rxjs';
import type { Hosting, HostedParts, HostOptions } from '../host.nats.js';
import { hostParts, toHostedParts } from '../host.nats.js';
import type { BatchHandler, Caller, ServiceParts } from '../ports.js';
import { AGENT_PATTERN, CONSUME_PATTERN, OPERATION_PATTERN } from './patterns.js';

/*
 * Nest's transport over JetStream. Handlers come from controllers (see patterns.ts) or from a service's parts (`register`);
 * either way they run on `hostParts`: explicit batches and concurrency, zod at the door, one settlement table, drain on close.
 * Only types of Nest are used here, so that programs without Nest can load this library quickly.
 */

export interface StrategyOptions extends HostOptions {
  connection: NatsConnection;
}

/** How many messages a handler gets at once, and how many batches run at once. */
export interface ConsumeExtras {
  batch?: number;
  concurrency?: number;
}

type Handler = MessageHandler<unknown, unknown, unknown>;

export class JetStreamStrategy implements CustomTransportStrategy {
  readonly transportId = Symbol('slipway-jetstream');
  /** Errors of handlers decide what becomes of a message; Nest must not swallow them. */
  readonly propagatesEventHandlerErrors = true;
  private readonly parts: HostedParts = { consumers: {}, operations: {}, agentRequests: {} };
  private hosting: Hosting | undefined;

  constructor(private readonly options: StrategyOptions) {}

  /** Host a service's parts without a controller of its own for each. */
  register(parts: ServiceParts): this {
    const hosted = toHostedParts(parts);
    Object.assign(this.parts.consumers, hosted.consumers);
    Object.assign(this.parts.operations, hosted.operations);
    Object.assign(this.parts.agentRequests, hosted.agentRequests);
    return this;
  }

  /** Called by Nest for every decorated method. */
  addHandler(pattern: string, handler: Handler, _isEvent = false, extras: ConsumeExtras = {}): void {
    const call = async (data: unknown, context: unknown) => settled(await handler(data, context));
    if (pattern.startsWith(CONSUME_PATTERN)) {
      const { batch, concurrency } = extras;
      this.parts.consumers[pattern.slice(CONSUME_PATTERN.length)] = {
        handler: ((messages) => call(messages, undefined)) as BatchHandler,
        ...(batch === undefined ? {} : { batch }),
        ...(concurrency === undefined ? {} : { concurrency }),
      };
    } else if (pattern.startsWith(OPERATION_PATTERN)) {
      const name = pattern.slice(OPERATION_PATTERN.length) as OperationName;
      Object.assign(this.parts.operations, { [name]: (request: unknown, caller: Caller) => call(request, caller) });
    } else if (pattern.startsWith(AGENT_PATTERN)) {
      const answerAgent = (request: unknown, agent: string) => call(request, agent);
      Object.assign(this.parts.agentRequests, { [pattern.slice(AGENT_PATTERN.length)]: answerAgent });
    } else {
      throw new Error(`The handler of "${pattern}" cannot be hosted: name it by consumesFrom, answersTo or answersAgents.`);
    }
  }

  listen(callback: (error?: unknown) => void): void {
    void hostParts(this.options.connection, this.parts, this.options).then((hosting) => {
      this.hosting = hosting;
      callback();
    }, callback);
  }

  async close(): Promise<void> {
    await this.hosting?.close();
  }

  unwrap<T>(): T {
    return this.options.connection as T;
  }
}

/** Nest wraps what handlers give in observables; rxjs is there when Nest is, and loaded only then. */
async function settled(result: unknown): Promise<unknown> {
  if (typeof (result as Partial<Observable<unknown>> | undefined)?.subscribe !== 'function') return result;
  const { lastValueFrom } = await import('rxjs');
  return lastValueFrom(result as Observable<unknown>, { defaultValue: undefined });
}
