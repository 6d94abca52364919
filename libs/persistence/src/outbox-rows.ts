import type pg from 'pg';
import { unpackMessages, type PackedMessage, type PackedMessages } from './outbox.js';
import { quoted } from './postgres/sql.js';

/** One unsent row, unpacked. */
export interface UnsentRow {
  /** The database's number, as text. */
  id: string;
  messages: PackedMessage[];
}

/** How many rows are read at once: up to as many thousand messages. */
const ROWS_READ_MAX = 50;
/** Sent rows stay longer than any window in which JetStream could lose what it acknowledged. */
export const SENT_KEPT_DAYS = 14;
/** Inbox rows stay longer than sent outbox rows, which could be published again. */
export const INBOX_KEPT_DAYS = 30;
const PURGE_ROWS_MAX = 5_000;

type Client = Pick<pg.ClientBase, 'query'>;

/** The statements of the relay on the outbox of one schema. */
export class OutboxRows {
  private readonly outbox: string;
  private readonly inbox: string;
  private readonly refused: string;

  constructor(schema: string) {
    this.outbox = `${quoted(schema)}.outbox`;
    this.inbox = `${quoted(schema)}.inbox`;
    this.refused = `${quoted(schema)}.outbox_refused`;
  }

  /**
   * Unsent rows in the order they were written. Of two transactions that depend on each other the second wrote its row after the first had
   * committed (it waited for a lock, or read what the first wrote), so it has the higher number, and who sees it sees the first one too.
   */
  async unsent(client: Client): Promise<UnsentRow[]> {
    const { rows } = await client.query<PackedMessages & { id: string }>({
      name: 'outbox_unsent',
      text: `select id, subjects, ids, headers, bodies from ${this.outbox} where sent_at is null order by id limit ${ROWS_READ_MAX}`,
    });
    return rows.map((row) => ({ id: row.id, messages: unpackMessages(row) }));
  }

  async markSent(client: Client, ids: readonly string[]): Promise<void> {
    await client.query({
      name: 'outbox_sent',
      text: `update ${this.outbox} set sent_at = now() where id = any($1::bigint[])`,
      values: [ids],
    });
  }

  /** Set a message aside that no stream will ever take, so that it does not stop those behind it. */
  async setAside(client: Client, message: PackedMessage, problem: string): Promise<void> {
    await client.query(`insert into ${this.refused} (subject, message_id, headers, body, problem) values ($1, $2, $3, $4, $5)`, [
      message.subject,
      message.id,
      JSON.stringify(message.headers ?? {}),
      message.body,
      problem,
    ]);
  }

  /** Age of the oldest unsent row in milliseconds; 0 when all is sent. */
  async oldestUnsentMs(client: Client): Promise<number> {
    const { rows } = await client.query<{ age: number | null }>(
      `select (extract(epoch from clock_timestamp() - written_at) * 1000)::float8 as age from ${this.outbox} where sent_at is null order by id limit 1`,
    );
    return Math.max(0, rows[0]?.age ?? 0);
  }

  /** Remove old sent rows and old inbox rows, some thousands at once; gives how many there were. */
  async purge(client: Client): Promise<number> {
    const sent = await client.query(
      `delete from ${this.outbox} where id in (select id from ${this.outbox} where sent_at < now() - make_interval(days => $1) order by sent_at limit $2)`,
      [SENT_KEPT_DAYS, PURGE_ROWS_MAX],
    );
    const handled = await client.query(
      `delete from ${this.inbox} where ctid in (select ctid from ${this.inbox} where handled_at < now() - make_interval(days => $1) order by handled_at limit $2)`,
      [INBOX_KEPT_DAYS, PURGE_ROWS_MAX],
    );
    return (sent.rowCount ?? 0) + (handled.rowCount ?? 0);
  }
}
