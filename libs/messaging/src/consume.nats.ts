import { bodySchemaOf, consumers } from '@slipway/contracts';
import type { ErrorShape } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import { prettifyError } from 'zod';
import { bury } from './dead-letters.js';
import type { Delivery } from './delivery.js';
import type { BatchHandler, Inbound, Settlement } from './ports.js';
import { PullSource } from './pull.nats.js';
import { normalizeError, settle } from './settlement.js';
import { ID_HEADER, readHeaders } from './wire-headers.js';

/*
 * Runs one handler over one durable consumer. Everything that was delivered is settled once: acknowledged, given back with a delay, or
 * buried and terminated. What does not parse never reaches the handler. While a handler works, the server is told so.
 */

export interface ConsumeOptions {
  /** `EVT/policy`, as in contracts/streams.ts. */
  consumer: string;
  handler: BatchHandler;
  /** Most messages that the handler gets at once. */
  batch?: number;
  /** Batches under way at once; more than one gives up the order of the stream. */
  concurrency?: number;
  log: Log;
  /** Epoch milliseconds. */
  now(): number;
}

export interface RunningConsumer {
  readonly name: string;
  /** Stop pulling and wait until what is under way has been settled. */
  close(): Promise<void>;
}

const BATCH_DEFAULT = 500;
const ACK_WAIT_DEFAULT_MS = 30_000;
/** When even the dead letter cannot be stored. */
const BURIAL_RETRY_MS = 5_000;

interface Taken {
  message: Delivery;
  inbound: Inbound;
  settled: boolean;
}

export function consume(nc: NatsConnection, options: ConsumeOptions): RunningConsumer {
  const { log } = options;
  const [stream = '', consumer = ''] = options.consumer.split('/');
  const source = new PullSource(nc, {
    stream,
    consumer,
    onState: (state, why) =>
      state === 'ok'
        ? log.info('consuming again', { consumer: options.consumer })
        : log.warn('cannot consume, trying again', { consumer: options.consumer, why }),
  });
  const underWay = new Set<Promise<void>>();
  const work = new BatchWork(nc, stream, consumer, options);

  async function run(): Promise<void> {
    for (;;) {
      const messages = await source.next(options.batch ?? BATCH_DEFAULT);
      if (messages.length === 0) return;
      const batch = work.handle(messages).finally(() => underWay.delete(batch));
      underWay.add(batch);
      if (underWay.size >= (options.concurrency ?? 1)) await Promise.race(underWay);
    }
  }
  const loop = run();
  return {
    name: options.consumer,
    async close() {
      source.close();
      await loop;
      await Promise.all(underWay);
    },
  };
}

/** What happens to one batch between its arrival and its settlement. */
class BatchWork {
  private readonly workingMs: number;

  constructor(
    private readonly nc: NatsConnection,
    private readonly stream: string,
    private readonly consumer: string,
    private readonly options: ConsumeOptions,
  ) {
    const declared = consumers.find((c) => c.stream === stream && c.name === consumer);
    this.workingMs = (declared?.ackWaitMs ?? ACK_WAIT_DEFAULT_MS) / 3;
  }

  async handle(messages: Delivery[]): Promise<void> {
    const taken: Taken[] = [];
    for (const message of messages) {
      const parsed = parseInbound(message, this.stream);
      const one: Taken = { message, inbound: parsed.inbound, settled: false };
      if (parsed.error) await this.settleOne(one, settle(parsed.error, one.inbound.attempt));
      else taken.push(one);
    }
    if (taken.length === 0) return;
    const working = setInterval(() => {
      for (const one of taken) if (!one.settled) one.message.working();
    }, this.workingMs);
    try {
      await this.attempt(taken);
    } finally {
      clearInterval(working);
    }
  }

  /**
   * The handler's word settles. When it throws, each message has to answer for itself: halves are tried, down to one. An outage concerns
   * all alike, so that all go back at once.
   */
  private async attempt(taken: Taken[]): Promise<void> {
    let said: Awaited<ReturnType<BatchHandler>>;
    try {
      said = await this.options.handler(taken.map((one) => one.inbound));
    } catch (thrown) {
      const error = normalizeError(thrown);
      if (taken.length > 1 && error.kind !== 'unavailable' && error.kind !== 'cancelled') {
        const half = Math.ceil(taken.length / 2);
        await this.attempt(taken.slice(0, half));
        await this.attempt(taken.slice(half));
        return;
      }
      this.options.log.warn('a handler failed', { consumer: this.options.consumer, messages: taken.length, code: error.code, error });
      for (const one of taken) await this.settleOne(one, settle(error.toShape(), one.inbound.attempt));
      return;
    }
    const burials: Promise<void>[] = [];
    // Without a pause in between, so that the acknowledgements of a batch leave as one write and not as one each.
    for (const one of taken) {
      const settlement = said?.get(one.inbound.id) ?? { kind: 'ack' };
      const settled = this.settleOne(one, settlement);
      if (settlement.kind === 'deadLetter') burials.push(settled);
    }
    await Promise.all(burials);
  }

  private async settleOne(one: Taken, settlement: Settlement): Promise<void> {
    if (one.settled) return;
    one.settled = true;
    switch (settlement.kind) {
      case 'ack':
        one.message.ack();
        return;
      case 'nak':
        one.message.nak(settlement.delayMs);
        return;
      case 'deadLetter':
        await this.buryOne(one, settlement.error);
    }
  }

  private async buryOne({ message, inbound }: Taken, error: ErrorShape): Promise<void> {
    const { log, consumer, now } = this.options;
    try {
      await bury(this.nc, {
        stream: this.stream,
        consumer: this.consumer,
        subject: message.subject,
        sequence: message.sequence,
        attempts: inbound.attempt,
        headers: inbound.headers,
        payload: message.data,
        error,
        now: now(),
      });
      message.term(`${error.code}: ${error.message}`.slice(0, 200).replaceAll(/\s+/g, ' '));
      log.error('a message became a dead letter', {
        consumer,
        subject: message.subject,
        sequence: message.sequence,
        code: error.code,
        why: error.message,
      });
    } catch (cause) {
      log.error('a dead letter could not be stored, trying again', { consumer, subject: message.subject, cause });
      message.nak(BURIAL_RETRY_MS);
    }
  }
}

/** Headers by which a message tells that the server copied it: no author of ours publishes such, someone had a stored message sent here. */
const COPY_HEADERS = ['Nats-Stream', 'Nats-Sequence', 'Nats-Subject'];

function parseInbound(message: Delivery, stream: string): { inbound: Inbound; error?: ErrorShape } {
  const headers = readHeaders(message.headers);
  const inbound: Inbound = {
    id: inboundId(message, stream, headers),
    subject: message.subject,
    body: undefined,
    headers,
    attempt: message.attempt,
    sequence: message.sequence,
  };
  const invalid = (code: string, why: string) => ({ inbound, error: { code, kind: 'invalid' as const, message: why } });
  if (COPY_HEADERS.some((name) => name in headers))
    return invalid('messaging.message.copied', `A copy of a stored message was sent to ${message.subject}`);
  const schema = bodySchemaOf(message.subject);
  if (!schema) return invalid('messaging.subject.unknown', `Nothing here takes messages on ${message.subject}`);
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(message.data));
  } catch (error) {
    return invalid('messaging.body.notJson', `The message on ${message.subject} must be one JSON object: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(body);
  if (!parsed.success)
    return invalid('messaging.body.invalid', `The message on ${message.subject} is not what it should be: ${prettifyError(parsed.error)}`);
  return { inbound: { ...inbound, body: parsed.data } };
}

/** Ids are the author's; outside our own events they count only within their subject, so that no agent can use up the id of another. */
function inboundId(message: Delivery, stream: string, headers: Record<string, string>): string {
  const id = headers[ID_HEADER] ?? headers['Nats-Msg-Id'];
  if (id === undefined || id === '') return `${stream}:${message.sequence}`;
  return message.subject.startsWith('slipway.evt.') ? id : `${message.subject}:${id}`;
}
