import type { OutboxMessage } from './store.js';

/** How many messages one outbox row holds: one row is one atomic batch of the stream, which takes at most a thousand (PERFORMANCE.md). */
export const OUTBOX_ROW_MESSAGES_MAX = 1_000;

/** A message ready to be published: its body is the JSON text as it was written in the transaction, keys in their order. */
export interface PackedMessage {
  subject: string;
  id: string;
  /** JSON text. */
  body: string;
  headers?: Record<string, string>;
}

/** One outbox row's messages in four lines-separated columns: bodies need no second parsing on their way out (JSON text holds no raw line break). */
export interface PackedMessages {
  subjects: string;
  ids: string;
  headers: string;
  bodies: string;
}

/** Pack up to OUTBOX_ROW_MESSAGES_MAX messages. */
export function packMessages(messages: readonly OutboxMessage[]): PackedMessages {
  const hasHeaders = messages.some((message) => message.headers !== undefined);
  return {
    subjects: messages.map((message) => message.subject).join('\n'),
    ids: messages.map((message) => message.id).join('\n'),
    headers: hasHeaders ? messages.map((message) => (message.headers ? JSON.stringify(message.headers) : '')).join('\n') : '',
    bodies: messages.map((message) => JSON.stringify(message.body)).join('\n'),
  };
}

export function unpackMessages(packed: PackedMessages): PackedMessage[] {
  const subjects = packed.subjects.split('\n');
  const ids = packed.ids.split('\n');
  const bodies = packed.bodies.split('\n');
  const headers = packed.headers === '' ? [] : packed.headers.split('\n');
  return subjects.map((subject, at) => {
    const own = headers[at];
    return {
      subject,
      id: ids[at] ?? '',
      body: bodies[at] ?? 'null',
      ...(own ? { headers: JSON.parse(own) as Record<string, string> } : {}),
    };
  });
}
