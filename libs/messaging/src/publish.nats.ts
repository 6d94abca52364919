import { streamOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { nuid } from '@nats-io/transport-node';
import { isOnline, requestOnline } from './connection-loss.js';
import type { Outbound, Publisher } from './ports.js';
import { ID_HEADER, makeHeaders } from './wire-headers.js';

/*
 * Publishing into JetStream. More than a few messages for one stream go as one atomic batch, which costs some disk flushes instead of one each.
 * The server takes no message ids inside a batch; so when the acknowledgement of one is lost, the last message's subject is looked
 * up, and if its latest message is ours, the whole batch is there, since it is stored as a whole or not at all. Should that look-up fail
 * as well, the batch is published again later, and the copies have the same `Slipway-Id`, by which every consumer's inbox knows them.
 * The commit is parsed here, because the client's own batch publisher hides what the server answered.
 */

/** The server's own limit. */
export const BATCH_MAX = 1_000;
/** An atomic batch costs as much as this many messages on their own, measured with `sync_interval: always`: 5 ms and 0.6 ms. */
const SINGLES_MAX = 8;
/** With many flushes queued an acknowledgement may take seconds. */
const ACK_TIMEOUT_MS = 10_000;
const LOOKUP_TIMEOUT_MS = 2_000;

const MESSAGE_TOO_LARGE = 10_054;

interface Acknowledgement {
  stream?: string;
  seq?: number;
  count?: number;
  duplicate?: boolean;
  error?: { code: number; err_code?: number; description: string };
}

export interface PublishOptions {
  /** The service, for `ce-source`. */
  source: string;
  /** Epoch milliseconds, for `ce-time`. */
  now(): number;
}

/** The publisher of one service over its connection. */
export function createPublisher(nc: NatsConnection, options: PublishOptions): Publisher {
  return {
    async publish(messages) {
      for (const [stream, group] of Map.groupBy(messages, (m) => streamOf(m.subject))) {
        if (stream === undefined) publishPlain(nc, group, options);
        else await publishToStream(nc, stream, group, options);
      }
    },
  };
}

/** Messages that no stream stores: hints, lost when nobody listens. */
function publishPlain(nc: NatsConnection, messages: readonly Outbound[], options: PublishOptions): void {
  for (const message of messages)
    nc.publish(message.subject, message.body, { headers: makeHeaders(message, options.source, options.now()) });
}

async function publishToStream(nc: NatsConnection, stream: string, messages: readonly Outbound[], options: PublishOptions): Promise<void> {
  for (let from = 0; from < messages.length; from += BATCH_MAX) {
    const batch = messages.slice(from, from + BATCH_MAX);
    if (batch.length <= SINGLES_MAX) await publishSingles(nc, stream, batch, options);
    else await publishBatch(nc, stream, batch, options);
  }
}

/** One atomic batch. */
async function publishBatch(nc: NatsConnection, stream: string, messages: readonly Outbound[], options: PublishOptions): Promise<void> {
  const last = messages.at(-1) as Outbound;
  const id = nuid.next();
  let reply: Acknowledgement;
  try {
    if (!isOnline(nc)) throw new Error('the connection to NATS is down');
    for (const [i, message] of messages.entries()) {
      if (message === last) break;
      nc.publish(message.subject, message.body, { headers: batchHeaders(message, { id, stream, n: i + 1 }, options) });
    }
    const commit = batchHeaders(last, { id, stream, n: messages.length }, options);
    commit.set('Nats-Batch-Commit', '1');
    reply = readAck(await requestOnline(nc, last.subject, last.body, { headers: commit, timeout: ACK_TIMEOUT_MS }));
  } catch (cause) {
    if (isPermission(cause)) throw forbidden(last.subject, cause);
    if (await isStored(nc, stream, last)) return;
    throw unconfirmed(stream, messages.length, cause);
  }
  if (reply.error) throw refusedBy(stream, last.subject, reply.error);
  if (reply.count !== messages.length) throw unconfirmed(stream, messages.length, new Error(`the server counts ${reply.count} messages`));
}

function batchHeaders(message: Outbound, batch: { id: string; stream: string; n: number }, options: PublishOptions): MsgHdrs {
  const made = makeHeaders(message, options.source, options.now());
  made.set('Nats-Batch-Id', batch.id);
  made.set('Nats-Batch-Sequence', String(batch.n));
  if (batch.n === 1) made.set('Nats-Expected-Stream', batch.stream);
  return made;
}

/** Each on its own, all on their way at once; the server stores them in this order. Some may be stored when this throws: they are known by their ids. */
async function publishSingles(nc: NatsConnection, stream: string, messages: readonly Outbound[], options: PublishOptions): Promise<void> {
  const outcomes = await Promise.allSettled(messages.map((message) => publishOne(nc, stream, message, options)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** One message with the server's own de-duplication. */
async function publishOne(nc: NatsConnection, stream: string, message: Outbound, options: PublishOptions): Promise<void> {
  const made = makeHeaders(message, options.source, options.now());
  made.set('Nats-Msg-Id', message.id);
  made.set('Nats-Expected-Stream', stream);
  let reply: Acknowledgement;
  try {
    reply = readAck(await requestOnline(nc, message.subject, message.body, { headers: made, timeout: ACK_TIMEOUT_MS }));
  } catch (cause) {
    if (isPermission(cause)) throw forbidden(message.subject, cause);
    throw unconfirmed(stream, 1, cause);
  }
  if (reply.error) throw refusedBy(stream, message.subject, reply.error);
}

function readAck(reply: Msg): Acknowledgement {
  return reply.json<Acknowledgement>();
}

/** Whether the subject's latest message is this one. */
async function isStored(nc: NatsConnection, stream: string, message: Outbound): Promise<boolean> {
  try {
    const asked = await requestOnline(nc, `$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify({ last_by_subj: message.subject }), {
      timeout: LOOKUP_TIMEOUT_MS,
    });
    const encoded = asked.json<{ message?: { hdrs?: string } }>().message?.hdrs ?? '';
    return Buffer.from(encoded, 'base64').toString('utf8').includes(`\r\n${ID_HEADER}: ${message.id}\r\n`);
  } catch {
    return false;
  }
}

function isPermission(cause: unknown): boolean {
  const error = cause as Error & { cause?: Error };
  return [error?.name, error?.cause?.name].includes('PermissionViolationError');
}

function forbidden(subject: string, cause: unknown): SlipwayError {
  return new SlipwayError(
    { code: 'messaging.publish.forbidden', kind: 'forbidden', message: `Cannot publish on ${subject}: this credential may not.` },
    { cause },
  );
}

function unconfirmed(stream: string, count: number, cause: unknown): SlipwayError {
  return new SlipwayError(
    {
      code: 'messaging.publish.unconfirmed',
      kind: 'unavailable',
      message: `Published ${count} messages to ${stream} without an answer (${(cause as Error).message}); to be repeated with the same ids.`,
    },
    { cause },
  );
}

function refusedBy(stream: string, subject: string, error: NonNullable<Acknowledgement['error']>): SlipwayError {
  const kind = error.err_code === MESSAGE_TOO_LARGE ? 'invalid' : error.code === 503 ? 'unavailable' : 'bug';
  return new SlipwayError({
    code: 'messaging.publish.refused',
    kind,
    message: `Stream ${stream} refused a message on ${subject}: ${error.description}.`,
    details: { error: error.err_code ?? error.code },
  });
}
