import { SlipwayError } from '@slipway/core';
import { Backoff, type Ids, type Log } from '@slipway/runtime';
import type pg from 'pg';
import { OUTBOX_ROW_MESSAGES_MAX, type PackedMessage } from './outbox.js';
import { OutboxRows, type UnsentRow } from './outbox-rows.js';

/** Publishes in this order and comes back once all of it is stored; throws `unavailable` to be tried again, `invalid` for what will never be taken. */
export type PublishPacked = (messages: readonly PackedMessage[]) => Promise<void>;

export interface RelayOptions {
  pool: pg.Pool;
  schema: string;
  publish: PublishPacked;
  log: Log;
  ids: Ids;
}

/** Who does not lead looks this often whether it may; who leads looks this often for rows that nobody announced. */
const SWEEP_MS = 1_000;
const RETRY = { firstMs: 50, maxMs: 5_000 };
/** A notification takes a lock of the whole server at commit: at most this often, and never in the transactions that write. */
const NOTIFY_EVERY_MS = 10;
const PURGE_EVERY_MS = 600_000;
/** A leader whose machine vanished is noticed by the server within about ten seconds, and its lock goes to another copy. */
const KEEPALIVE =
  "set tcp_keepalives_idle = 4; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; set tcp_user_timeout = '10s'";

/**
 * Carries the outbox of one schema to the streams. Of all copies of a service one leads: it holds an advisory lock on its connection, on which
 * it also reads and marks, so that with the connection it loses all three. Rows are published in order and marked only after the stream
 * has them; whoever dies in between leaves them unmarked, and they are published again with the same ids.
 */
export class OutboxRelay {
  private readonly rows: OutboxRows;
  private readonly channel: string;
  private readonly backoff: Backoff;
  private leading = false;
  private loop: Promise<void> | undefined;
  private stopping = false;
  private nudged = false;
  private wakeUp: (() => void) | undefined;
  private notifyTimer: NodeJS.Timeout | undefined;
  private purgedAt = 0;
  private readonly idle = new Set<() => void>();

  constructor(private readonly options: RelayOptions) {
    this.rows = new OutboxRows(options.schema);
    this.channel = `${options.schema}_outbox`;
    this.backoff = new Backoff(RETRY, () => options.ids.random());
  }

  get leads(): boolean {
    return this.leading;
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** There may be something to send. Never throws; tells the leading copy when that is another one. */
  readonly nudge = (): void => {
    if (this.leads) this.wake();
    else this.notifyTimer ??= setTimeout(() => this.notifyLeader(), NOTIFY_EVERY_MS);
  };

  /** Resolves once nothing is unsent, or when the time is over. */
  async flush(withinMs: number): Promise<void> {
    let done = (): void => undefined;
    const flushed = new Promise<void>((resolve) => (done = resolve));
    this.idle.add(done);
    const timer = setTimeout(done, withinMs);
    if (this.leads) this.wake();
    else done();
    await flushed;
    clearTimeout(timer);
    this.idle.delete(done);
  }

  /** Give the lead to another copy. What is being published is finished first. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.notifyTimer);
    this.wake();
    await this.loop;
  }

  /** Age of the oldest message that is not published yet, in milliseconds; 0 when there is none. */
  oldestUnsentMs(): Promise<number> {
    return this.rows.oldestUnsentMs(this.options.pool);
  }

  private wake(): void {
    this.nudged = true;
    this.wakeUp?.();
  }

  private notifyLeader(): void {
    this.notifyTimer = undefined;
    // Lost with the connection, perhaps: the leader's sweep finds the rows all the same.
    this.options.pool.query('select pg_notify($1, $2)', [this.channel, '']).catch(() => undefined);
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.session();
      } catch (error) {
        const retryMs = this.backoff.next();
        if (!this.stopping) this.options.log.warn('outbox relay: PostgreSQL is away', { error, retryMs });
        await this.pause(retryMs);
      }
    }
  }

  /** One connection: wait for the lead, then relay until the connection breaks or we stop. */
  private async session(): Promise<void> {
    const client = await this.options.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
      this.wake();
    };
    client.on('error', onError);
    client.on('notification', this.onNotification);
    try {
      await client.query(KEEPALIVE);
      while (!this.stopping && !(await this.tookLead(client))) await this.pause(SWEEP_MS);
      if (!this.stopping) await this.lead(client, () => broken);
      if (broken) throw broken;
    } finally {
      this.leading = false;
      client.off('error', onError);
      client.off('notification', this.onNotification);
      // Closing the connection gives up the lock, whatever state it is in.
      client.release(true);
    }
  }

  private readonly onNotification = (): void => this.wake();

  private async tookLead(client: pg.PoolClient): Promise<boolean> {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as taken', [
      `${this.options.schema}:outbox relay`,
    ]);
    return rows[0]?.taken === true;
  }

  private async lead(client: pg.PoolClient, broken: () => Error | undefined): Promise<void> {
    await client.query(`listen ${client.escapeIdentifier(this.channel)}`);
    this.leading = true;
    this.options.log.debug('outbox relay: leading');
    while (!this.stopping && !broken()) {
      this.nudged = false;
      const retryMs = await this.drain(client);
      if (retryMs !== undefined) {
        // Nudges do not shorten this wait: what they announce would fail the same way.
        for (const until = Date.now() + retryMs; Date.now() < until && !this.stopping && !broken();) await this.pause(until - Date.now());
        continue;
      }
      this.backoff.reset();
      for (const done of this.idle) done();
      await this.purge(client);
      if (!this.nudged) await this.pause(SWEEP_MS);
    }
  }

  /** Publish until nothing is unsent; gives how long to wait when the stream cannot be reached. */
  private async drain(client: pg.PoolClient): Promise<number | undefined> {
    for (;;) {
      const unsent = await this.rows.unsent(client);
      if (unsent.length === 0) return undefined;
      let marking: Promise<void> = Promise.resolve();
      try {
        for (const batch of batches(unsent)) {
          await this.publish(client, batch);
          // Marked while the next batch is on its way.
          marking = marking.then(() =>
            this.rows.markSent(
              client,
              batch.map((row) => row.id),
            ),
          );
          marking.catch(() => undefined);
        }
      } catch (error) {
        await marking;
        if (!(error instanceof SlipwayError)) throw error;
        const retryMs = this.backoff.next();
        this.options.log.warn('outbox relay: publishing failed', { error, retryMs });
        return retryMs;
      }
      await marking;
      if (this.stopping) return undefined;
    }
  }

  private async publish(client: pg.PoolClient, batch: readonly UnsentRow[]): Promise<void> {
    const messages = batch.flatMap((row) => row.messages);
    try {
      await this.options.publish(messages);
    } catch (error) {
      if (!isInvalid(error)) throw error;
      for (const message of messages) await this.publishAlone(client, message);
    }
  }

  private async publishAlone(client: pg.PoolClient, message: PackedMessage): Promise<void> {
    try {
      await this.options.publish([message]);
    } catch (error) {
      if (!isInvalid(error)) throw error;
      this.options.log.error('outbox relay: a message was refused for good and set aside', {
        subject: message.subject,
        id: message.id,
        error,
      });
      await this.rows.setAside(client, message, error.message);
    }
  }

  private async purge(client: pg.PoolClient): Promise<void> {
    if (Date.now() - this.purgedAt < PURGE_EVERY_MS) return;
    const purged = await this.rows.purge(client);
    this.purgedAt = Date.now();
    if (purged > 0) this.options.log.debug('outbox relay: old rows purged', { purged });
  }

  /** Wait, unless a nudge or the end comes first. */
  private async pause(ms: number): Promise<void> {
    if (this.stopping) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.wakeUp = undefined;
  }
}

function isInvalid(error: unknown): error is SlipwayError {
  return error instanceof SlipwayError && error.kind === 'invalid';
}

/** Consecutive rows together, up to a full batch of the stream: many small transactions cost one flush. */
function* batches(rows: readonly UnsentRow[]): Generator<UnsentRow[]> {
  let batch: UnsentRow[] = [];
  let messages = 0;
  for (const row of rows) {
    if (batch.length > 0 && messages + row.messages.length > OUTBOX_ROW_MESSAGES_MAX) {
      yield batch;
      batch = [];
      messages = 0;
    }
    batch.push(row);
    messages += row.messages.length;
  }
  if (batch.length > 0) yield batch;
}
