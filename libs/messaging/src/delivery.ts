import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/** One delivery of a stream's message to a consumer, and what can be said to the server about it. */
export interface Delivery {
  subject: string;
  data: Uint8Array;
  headers: MsgHdrs | undefined;
  /** Sequence in the stream. */
  sequence: number;
  /** 1 for the first delivery. */
  attempt: number;
  ack(): void;
  /** Acknowledge and wait until the server has it; false when it did not answer in time. */
  ackConfirmed(timeoutMs: number): Promise<boolean>;
  /** Give back, to be delivered again after the delay. */
  nak(delayMs: number): void;
  /** Still at work: the time to acknowledge begins anew. */
  working(): void;
  /** Never deliver again; the reason goes into the server's advisory. */
  term(reason: string): void;
}

const NS_PER_MS = 1_000_000;

/** `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>…`, or since 2.14, by choice, with domain and account before the stream. */
const POSITIONS = { short: { tokens: 9, attempt: 4 }, long: { attempt: 6 } };

/** Whether this is a delivery, not one of the server's status messages. */
export function isDelivery(message: Msg): boolean {
  return (message.reply?.startsWith('$JS.ACK.') ?? false) && (message.headers?.code ?? 0) === 0;
}

export function toDelivery(
  message: Msg,
  nc: {
    request(subject: string, data: string, options: { timeout: number }): Promise<unknown>;
    publish(subject: string, data?: string): void;
  },
): Delivery {
  const reply = message.reply ?? '';
  const tokens = reply.split('.');
  const at = tokens.length <= POSITIONS.short.tokens ? POSITIONS.short.attempt : POSITIONS.long.attempt;
  return {
    subject: message.subject,
    data: message.data,
    headers: message.headers,
    attempt: Number(tokens[at]),
    sequence: Number(tokens[at + 1]),
    ack: () => nc.publish(reply, '+ACK'),
    ackConfirmed: (timeoutMs) =>
      nc.request(reply, '+ACK', { timeout: timeoutMs }).then(
        () => true,
        () => false,
      ),
    nak: (delayMs) => nc.publish(reply, delayMs > 0 ? `-NAK ${JSON.stringify({ delay: delayMs * NS_PER_MS })}` : '-NAK'),
    working: () => nc.publish(reply, '+WPI'),
    term: (reason) => nc.publish(reply, `+TERM ${reason}`),
  };
}
