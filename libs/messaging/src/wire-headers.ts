import type { MsgHdrs } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import type { Outbound } from './ports.js';

/** Our id of a message, whichever way it was published; the key of every inbox. */
export const ID_HEADER = 'Slipway-Id';

/** Headers that JetStream acts on; a message's author may not set them. */
const RESERVED = /^(nats-|slipway-)/i;

/**
 * Headers of one message: what the author gave (`traceparent` among it), our id, and the CloudEvents attributes in binary mode.
 * `source` is the service, `now` epoch milliseconds.
 */
export function makeHeaders(message: Outbound, source: string, now: number): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(message.headers ?? {})) if (!RESERVED.test(name)) made.set(name, value);
  made.set(ID_HEADER, message.id);
  made.set('ce-specversion', '1.0');
  made.set('ce-id', message.id);
  made.set('ce-source', `slipway/${source}`);
  made.set('ce-type', eventType(message.subject));
  made.set('ce-time', new Date(now).toISOString());
  return made;
}

/** `slipway.evt.decision.checkout.production.waiting` → `slipway.evt.decision.waiting`: what it is without whom it concerns. */
export function eventType(subject: string): string {
  const tokens = subject.split('.');
  return tokens.length <= 4 ? tokens.slice(0, 3).join('.') : [...tokens.slice(0, 3), tokens.at(-1)].join('.');
}

/** All headers as plain data, the last value of each. */
export function readHeaders(from: MsgHdrs | undefined): Record<string, string> {
  const read: Record<string, string> = {};
  for (const name of from?.keys() ?? []) read[name] = from?.last(name) ?? '';
  return read;
}
