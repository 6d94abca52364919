import type { Json } from '@slipway/core';
import type { Table } from './table.js';

/*
 * What services see of the record. Two adapters pass one contract suite: PostgreSQL through MikroORM (`store.postgres.ts`) and memory
 * (`store.memory.ts`, for the simulation). Everything works on sets: one statement per call, whatever the number of rows.
 */

/** A message to be published once the transaction has committed. */
export interface OutboxMessage {
  subject: string;
  /** Unique and stable: becomes the message id, by which repeats are known. */
  id: string;
  body: Json | object;
  headers?: Record<string, string>;
}

export type Condition<V> = V | readonly V[] | { lt?: V; lte?: V; gt?: V; gte?: V; not?: V | null } | null;
/** All must hold. An array means "one of", null means "is null". */
export type Where<Row> = { [K in keyof Row]?: Condition<NonNullable<Row[K]>> };

export interface FindOptions<Row> {
  orderBy?: { [K in keyof Row]?: 'asc' | 'desc' };
  limit?: number;
  /** Lock the rows until the transaction ends; `skip` leaves out what others hold. */
  lock?: 'wait' | 'skip';
  /** Only these columns are loaded; the others are undefined in the result. */
  only?: readonly (keyof Row)[];
}

/**
 * Statements run in the order in which they are asked for, waited for or not: what is asked for at once travels together, and a transaction is
 * over, or has failed, with all of them.
 */
export interface Tx {
  find<Row>(table: Table<Row>, where: Where<Row>, options?: FindOptions<Row>): Promise<Row[]>;
  count<Row>(table: Table<Row>, where: Where<Row>): Promise<number>;
  /** Insert; rows whose key (or other unique index) is there already are left as they are. Gives the keys of those really inserted, as `table.keyOf` writes them. */
  insert<Row>(table: Table<Row>, rows: readonly Row[]): Promise<Set<string>>;
  /** Insert; a row that is there already is a `conflict`, and ends the transaction. */
  add<Row>(table: Table<Row>, rows: readonly Row[]): Promise<void>;
  /** Insert, or replace the whole row with the same key. */
  put<Row>(table: Table<Row>, rows: readonly Row[]): Promise<void>;
  /** Set these columns of the rows with these keys; each entry holds the key columns and the columns to set, the same ones in every entry. Gives how many rows there were. */
  patch<Row>(table: Table<Row>, rows: readonly Partial<Row>[]): Promise<number>;
  remove<Row>(table: Table<Row>, where: Where<Row>): Promise<number>;
  /** Hold these names until the transaction ends, taken in sorted order (PostgreSQL advisory locks). */
  lock(...names: string[]): Promise<void>;
  /** Write messages into the outbox, in this order. */
  send(messages: readonly OutboxMessage[]): Promise<void>;
  /** Inbox: of these message ids, those that this consumer has not handled before; they are noted as handled. */
  fresh(consumer: string, ids: readonly string[]): Promise<Set<string>>;
}

export interface Store {
  /** Run and commit, or roll back when it throws. Serialisation failures and deadlocks are retried a few times. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Read without a transaction's cost: each statement sees the latest commit. */
  read<T>(work: (tx: Pick<Tx, 'find' | 'count'>) => Promise<T>): Promise<T>;
}
