import { OUTBOX_ROW_MESSAGES_MAX, packMessages } from '../outbox.js';
import { checkRows, columnNames, comparisons, lastByKey, patchedColumns } from '../rows.js';
import type { FindOptions, OutboxMessage, Tx, Where } from '../store.js';
import type { Table } from '../table.js';
import { run, type Executor } from './connection.js';
import { databaseError } from './failures.js';
import { quoted, TableSql, type Statement } from './sql.js';

/** Rows per statement: a hundred is half as fast, five thousand no faster (PERFORMANCE.md). */
const ROWS_PER_STATEMENT = 1_000;

/** The statements of a schema, made once. */
export class SchemaSql {
  private readonly tables = new Map<unknown, TableSql<never>>();
  readonly send: string;
  readonly fresh: string;
  readonly lock = 'select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest($1::text[]) as name';

  constructor(readonly schema: string) {
    this.send = `insert into ${quoted(schema)}.outbox (subjects, ids, headers, bodies) values ($1, $2, $3, $4)`;
    this.fresh = `insert into ${quoted(schema)}.inbox (consumer, message_id) select $1, id from unnest($2::text[]) as id on conflict do nothing returning message_id`;
  }

  of<Row>(table: Table<Row>): TableSql<Row> {
    let sql = this.tables.get(table);
    if (!sql) this.tables.set(table, (sql = new TableSql(table as Table<never>, this.schema)));
    return sql as unknown as TableSql<Row>;
  }
}

/**
 * The operations of `Tx` on one connection, which runs statements in the order asked for and answers in that order. Once a statement has
 * failed nothing more works, as PostgreSQL has it.
 */
export class PostgresTx implements Tx {
  failure: unknown;
  /** Whether there is something for the relay. */
  sent = false;

  constructor(
    private readonly on: Executor,
    private readonly sql: SchemaSql,
  ) {}

  async find<Row>(table: Table<Row>, where: Where<Row>, options: FindOptions<Row> = {}): Promise<Row[]> {
    const columns = (options.only as readonly string[] | undefined) ?? columnNames(table);
    const { rows } = await this.run(`Reading ${table.name}`, () => this.sql.of(table).find(comparisons(table, where), options, columns));
    return rows.map((values) => {
      const row: Record<string, unknown> = {};
      for (let at = 0; at < columns.length; at += 1) if (values[at] !== null) row[columns[at] as string] = values[at];
      return row as Row;
    });
  }

  async count<Row>(table: Table<Row>, where: Where<Row>): Promise<number> {
    const { rows } = await this.run(`Counting ${table.name}`, () => this.sql.of(table).count(comparisons(table, where)));
    return rows[0]?.[0] as number;
  }

  async insert<Row>(table: Table<Row>, rows: readonly Row[]): Promise<Set<string>> {
    const inserted = new Set<string>();
    await this.eachChunk(table, rows, columnNames(table), async (json) => {
      const result = await this.run(`Inserting into ${table.name}`, () => this.sql.of(table).insert(json));
      for (const values of result.rows)
        inserted.add(table.keyOf(Object.fromEntries(table.key.map((name, at) => [name, values[at]])) as Partial<Row>));
    });
    return inserted;
  }

  async add<Row>(table: Table<Row>, rows: readonly Row[]): Promise<void> {
    await this.eachChunk(table, rows, columnNames(table), (json) =>
      this.run(`Adding to ${table.name}`, () => this.sql.of(table).add(json)),
    );
  }

  async put<Row>(table: Table<Row>, rows: readonly Row[]): Promise<void> {
    await this.eachChunk(table, lastByKey(table, rows as readonly Partial<Row>[]), columnNames(table), (json) =>
      this.run(`Writing ${table.name}`, () => this.sql.of(table).put(json)),
    );
  }

  async patch<Row>(table: Table<Row>, rows: readonly Partial<Row>[]): Promise<number> {
    if (rows.length === 0) return 0;
    let there = 0;
    let columns: string[] = [];
    const checked = this.guarded(() => void (columns = patchedColumns(table, rows)));
    const written = this.eachChunk(table, lastByKey(table, rows), columns, async (json) => {
      const { count } = await this.run(`Changing ${table.name}`, () => this.sql.of(table).patch(json, columns));
      there += count;
    });
    await Promise.all([checked, written]);
    return there;
  }

  async remove<Row>(table: Table<Row>, where: Where<Row>): Promise<number> {
    return (await this.run(`Removing from ${table.name}`, () => this.sql.of(table).remove(comparisons(table, where, true)))).count;
  }

  async lock(...names: string[]): Promise<void> {
    // One order for all who take several, so that they cannot wait for each other; the schema's name keeps services apart.
    const sorted = [...new Set(names)].sort().map((name) => `${this.sql.schema}:${name}`);
    if (sorted.length > 0) await this.run('Taking locks', () => ({ text: this.sql.lock, values: [sorted] }));
  }

  async send(messages: readonly OutboxMessage[]): Promise<void> {
    const written: Promise<unknown>[] = [];
    for (let at = 0; at < messages.length; at += OUTBOX_ROW_MESSAGES_MAX) {
      const { subjects, ids, headers, bodies } = packMessages(messages.slice(at, at + OUTBOX_ROW_MESSAGES_MAX));
      const statement = { text: this.sql.send, values: [subjects, ids, headers, bodies] };
      written.push(this.run('Writing messages to the outbox', () => statement));
      this.sent = true;
    }
    await Promise.all(written);
  }

  async fresh(consumer: string, ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const { rows } = await this.run('Noting messages in the inbox', () => ({
      text: this.sql.fresh,
      values: [consumer, [...new Set(ids)].sort()],
    }));
    return new Set(rows.map((values) => values[0] as string));
  }

  private async eachChunk<Row>(
    table: Table<Row>,
    rows: readonly Partial<Row>[],
    columns: readonly string[],
    write: (json: string) => Promise<unknown>,
  ): Promise<void> {
    const written: Promise<unknown>[] = [];
    for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) {
      const chunk = rows.length <= ROWS_PER_STATEMENT ? rows : rows.slice(at, at + ROWS_PER_STATEMENT);
      written.push(
        this.guarded(() => checkRows(table, chunk, columns)),
        write(JSON.stringify(chunk)),
      );
    }
    await Promise.all(written);
  }

  private async run(attempted: string, statement: () => Statement): Promise<{ rows: unknown[][]; count: number }> {
    return this.guarded(async () => {
      try {
        return await run(this.on, statement());
      } catch (error) {
        throw databaseError(error, attempted);
      }
    });
  }

  /** The first failure counts: those that follow only say that it happened. */
  fail(error: unknown): void {
    this.failure ??= error;
  }

  private async guarded<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.failure !== undefined) throw this.failure;
    try {
      return await work();
    } catch (error) {
      this.fail(error);
      throw this.failure;
    }
  }
}
