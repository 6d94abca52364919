import type { AnyTable, Table } from '../table.js';
import { quoted, snakeCase, SQL_TYPES } from './sql.js';

/** One step of a schema's history. Steps are only ever appended; a step that was run is never edited. */
export interface MigrationStep {
  /** `0001_initial`; unique within the service. */
  name: string;
  sql: readonly string[];
}

/**
 * Outbox and inbox, in every service's schema. Unsent rows are found by their mark and not by a cursor, so a row whose number was taken
 * earlier and committed later than its neighbour's is never passed over. Refused are messages that the stream will never take.
 */
export const OUTBOX_AND_INBOX: MigrationStep = {
  name: '0000_outbox_and_inbox',
  sql: [
    `create table outbox (
      id bigint generated always as identity primary key,
      subjects text not null,
      ids text not null,
      headers text not null,
      bodies text not null,
      written_at timestamptz not null default now(),
      sent_at timestamptz
    )`,
    'create index outbox_unsent on outbox (id) where sent_at is null',
    'create index outbox_sent on outbox (sent_at) where sent_at is not null',
    `create table outbox_refused (
      id bigint generated always as identity primary key,
      subject text not null,
      message_id text not null,
      headers text not null,
      body text not null,
      problem text not null,
      refused_at timestamptz not null default now()
    )`,
    `create table inbox (
      consumer text collate "C" not null,
      message_id text collate "C" not null,
      handled_at timestamptz not null default now(),
      primary key (consumer, message_id)
    )`,
    'create index inbox_by_age on inbox (handled_at)',
  ],
};

/** The statements that make one table from its declaration; text sorts by code points whatever the database's language. */
export function createTableSql(table: Table<never>): string[] {
  const columns = Object.entries<{ type: keyof typeof SQL_TYPES; nullable: boolean }>(table.columns).map(
    ([name, column]) =>
      `${quoted(snakeCase(name))} ${SQL_TYPES[column.type]}${column.type === 'text' ? ' collate "C"' : ''}${column.nullable ? '' : ' not null'}`,
  );
  const list = (names: readonly string[]): string => names.map((name) => quoted(snakeCase(name))).join(', ');
  const name = quoted(table.name);
  return [
    `create table ${name} (${columns.join(', ')}, primary key (${list(table.key)}))`,
    ...table.indexes.map(
      (index) =>
        `create ${index.unique ? 'unique ' : ''}index ${quoted(index.name)} on ${name} (${list(index.columns)})${index.where ? ` where ${index.where.sql}` : ''}`,
    ),
  ];
}

/** A first migration that makes all tables as they are declared now. */
export function initialMigration(tables: readonly AnyTable[]): MigrationStep {
  return { name: '0001_initial', sql: tables.flatMap((table) => createTableSql(table as Table<never>)) };
}
