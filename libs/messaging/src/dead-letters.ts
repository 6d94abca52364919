import { subjects } from '@slipway/contracts';
import type { ErrorShape } from '@slipway/core';
import { SlipwayError } from '@slipway/core';
import type { StoredMsg } from '@nats-io/jetstream';
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { z } from 'zod';
import { requestOnline } from './connection-loss.js';
import { MAX_PAYLOAD_BYTES } from './server/nats-server-config.js';
import { readHeaders } from './wire-headers.js';

/*
 * Messages that cannot be handled go, whole and with the reason, to `slipway.dlq.<stream>.<consumer>`, so that the next one is served.
 * They can be listed, looked at and put back.
 */

const errorSchema = z.object({
  code: z.string(),
  kind: z.string(),
  message: z.string(),
  details: z.unknown().optional(),
  retryAfterMs: z.number().optional(),
});

const deadLetterSchema = z.object({
  subject: z.string(),
  error: errorSchema,
  stream: z.string(),
  consumer: z.string(),
  /** Sequence in that stream. */
  sequence: z.int(),
  attempts: z.int(),
  /** When it was buried, ISO 8601. */
  at: z.string(),
  headers: z.record(z.string(), z.string()),
  /** The payload: `text` when it is UTF-8, else `base64`; neither when it is too large to be wrapped: then read it from the stream. */
  text: z.string().optional(),
  base64: z.string().optional(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** A dead letter in the DLQ stream. */
export interface BuriedMessage extends DeadLetter {
  /** Sequence in the DLQ stream, by which it is named. */
  id: number;
}

const ACK_TIMEOUT_MS = 5_000;
/** Room for the reason and the headers beside the payload. */
const WRAPPER_BYTES = 65_536;

export interface Burial {
  stream: string;
  consumer: string;
  subject: string;
  sequence: number;
  attempts: number;
  headers: Record<string, string>;
  payload: Uint8Array;
  error: ErrorShape;
  /** Epoch milliseconds. */
  now: number;
}

/** Store the dead letter; the same message is buried once per consumer, however often it is tried. */
export async function bury(nc: NatsConnection, burial: Burial): Promise<void> {
  const { stream, consumer, payload, error, now } = burial;
  const letter: DeadLetter = {
    subject: burial.subject,
    error,
    stream,
    consumer,
    sequence: burial.sequence,
    attempts: burial.attempts,
    at: new Date(now).toISOString(),
    headers: burial.headers,
    ...wrap(payload),
  };
  const made = headers();
  made.set('Nats-Msg-Id', `dlq:${stream}:${consumer}:${burial.sequence}`);
  made.set('Nats-Expected-Stream', 'DLQ');
  made.set('Slipway-Error-Code', error.code);
  made.set('Slipway-Error-Kind', error.kind);
  const reply = await requestOnline(nc, subjects.deadLetter(stream, consumer), JSON.stringify(letter), {
    headers: made,
    timeout: ACK_TIMEOUT_MS,
  });
  const refused = reply.json<{ error?: { description: string } }>().error;
  if (refused)
    throw new SlipwayError({
      code: 'messaging.deadLetter.refused',
      kind: 'unavailable',
      message: `The stream DLQ refused a dead letter: ${refused.description}.`,
    });
}

function wrap(payload: Uint8Array): Pick<DeadLetter, 'text' | 'base64'> {
  const limit = MAX_PAYLOAD_BYTES - WRAPPER_BYTES;
  const text = decodeUtf8(payload);
  if (text !== undefined && Buffer.byteLength(JSON.stringify(text)) < limit) return { text };
  return Math.ceil(payload.length / 3) * 4 < limit ? { base64: Buffer.from(payload).toString('base64') } : {};
}

function decodeUtf8(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch {
    return undefined;
  }
}

/** Dead letters, oldest first. */
export async function listDeadLetters(nc: NatsConnection, options: { limit: number; after?: number }): Promise<BuriedMessage[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const found: BuriedMessage[] = [];
  try {
    const batch = await jsm.direct.getBatch('DLQ', { seq: (options.after ?? 0) + 1, next_by_subj: 'slipway.dlq.>', batch: options.limit });
    for await (const message of batch) found.push(read(message));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return found;
}

/** One dead letter by its number. */
export async function readDeadLetter(nc: NatsConnection, id: number): Promise<BuriedMessage> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  try {
    const message = await jsm.direct.getMessage('DLQ', { seq: id });
    if (message) return read(message);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  throw new SlipwayError({
    code: 'messaging.deadLetter.missing',
    kind: 'missing',
    message: `There is no dead letter ${id}; slipway dlq list shows those there are.`,
  });
}

/**
 * Publish the original payload on its original subject again and take the dead letter away. It gets an id of its own, so that no inbox
 * takes it for the one that failed. Needs a credential of role `replay`.
 */
export async function replayDeadLetter(nc: NatsConnection, id: number): Promise<{ subject: string; sequence: number }> {
  const letter = await readDeadLetter(nc, id);
  const payload = letter.text !== undefined ? new TextEncoder().encode(letter.text) : Buffer.from(letter.base64 ?? '', 'base64');
  if (letter.text === undefined && letter.base64 === undefined) {
    throw new SlipwayError({
      code: 'messaging.deadLetter.tooLarge',
      kind: 'invalid',
      message: `Dead letter ${id} was too large to be kept with its payload; read it with: nats stream get ${letter.stream} ${letter.sequence}`,
    });
  }
  const made = headers();
  for (const [name, value] of Object.entries(letter.headers)) if (!/^(nats-|slipway-|ce-id)/i.test(name)) made.set(name, value);
  const fresh = `replay:${letter.stream}:${letter.sequence}:${id}`;
  made.set('Slipway-Id', fresh);
  made.set('ce-id', fresh);
  made.set('Nats-Msg-Id', fresh);
  made.set('Nats-Expected-Stream', letter.stream);
  const reply = (await requestOnline(nc, letter.subject, payload, { headers: made, timeout: ACK_TIMEOUT_MS })).json<{
    seq: number;
    error?: { description: string };
  }>();
  if (reply.error) {
    throw new SlipwayError({
      code: 'messaging.deadLetter.refused',
      kind: 'conflict',
      message: `Stream ${letter.stream} refused dead letter ${id}: ${reply.error.description}.`,
    });
  }
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  await jsm.streams.deleteMessage('DLQ', id, false);
  return { subject: letter.subject, sequence: reply.seq };
}

function read(message: StoredMsg): BuriedMessage {
  const parsed = deadLetterSchema.safeParse(message.json());
  if (parsed.success) return { id: message.seq, ...parsed.data };
  // Somebody else's message in our stream is shown, not an obstacle.
  return {
    id: message.seq,
    subject: message.subject,
    error: { code: 'messaging.deadLetter.unreadable', kind: 'invalid', message: parsed.error.message },
    stream: 'DLQ',
    consumer: '',
    sequence: message.seq,
    attempts: 0,
    at: message.time.toISOString(),
    headers: readHeaders(message.header),
    text: message.string(),
  };
}

function isNotFound(error: unknown): boolean {
  return error instanceof JetStreamApiError ? error.status === 404 : /404|not found|no message/i.test((error as Error).message);
}
