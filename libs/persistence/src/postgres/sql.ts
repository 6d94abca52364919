import { columnNames, type Comparison } from '../rows.js';
import type { FindOptions } from '../store.js';
import type { Column, ColumnType, Table } from '../table.js';

/*
 * The SQL of a table: one statement for any number of rows. Rows travel as one JSON parameter that `json_to_recordset` spreads out, so the
 * statement's text depends on the table only and is prepared once per connection.
 */

export const SQL_TYPES: Record<ColumnType, string> = {
  text: 'text',
  integer: 'integer',
  bigint: 'bigint',
  double: 'double precision',
  boolean: 'boolean',
  // Not jsonb: it loses the order of keys, which people see, and costs a conversion both ways; nothing here looks inside.
  json: 'json',
  instant: 'timestamptz',
};

/** `leaseUntil` → `lease_until`. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const columnSql = (name: string): string => quoted(snakeCase(name));

/** How a column is read: instants as epoch milliseconds. */
const read = (name: string, column: Column): string =>
  column.type === 'instant' ? `(extract(epoch from ${columnSql(name)}) * 1000)::bigint` : columnSql(name);

/** How a column is written from the record that JSON was spread into; its names are those of the properties. */
const written = (name: string, column: Column): string =>
  column.type === 'instant' ? `to_timestamp(r.${quoted(name)} / 1000.0)` : `r.${quoted(name)}`;

const recordType = (column: Column): string => (column.type === 'instant' ? 'bigint' : SQL_TYPES[column.type]);

export interface Statement {
  text: string;
  values: unknown[];
}

/** The statements of one table in one schema. */
export class TableSql<Row> {
  readonly name: string;
  private readonly columns: [string, Column][];
  private readonly addText: string;
  private readonly insertText: string;
  private readonly putText: string;

  constructor(
    readonly table: Table<Row>,
    schema: string,
  ) {
    this.name = `${quoted(schema)}.${quoted(table.name)}`;
    this.columns = columnNames(table).map((name) => [name, table.columns[name]]);
    const names = this.columns.map(([name]) => columnSql(name)).join(', ');
    const insert = `insert into ${this.name} (${names}) select ${this.columns.map(([name, column]) => written(name, column)).join(', ')} from ${this.record(this.columns)}`;
    this.addText = insert;
    this.insertText = `${insert} on conflict do nothing returning ${this.selected(table.key)}`;
    const key = table.key.map(columnSql).join(', ');
    const others = this.columns
      .filter(([name]) => !table.key.includes(name as never))
      .map(([name]) => `${columnSql(name)} = excluded.${columnSql(name)}`);
    this.putText = `${insert} on conflict (${key}) ${others.length === 0 ? 'do nothing' : `do update set ${others.join(', ')}`}`;
  }

  add(json: string): Statement {
    return { text: this.addText, values: [json] };
  }

  insert(json: string): Statement {
    return { text: this.insertText, values: [json] };
  }

  put(json: string): Statement {
    return { text: this.putText, values: [json] };
  }

  patch(json: string, patched: readonly string[]): Statement {
    const columns = this.columns.filter(([name]) => patched.includes(name));
    const set = columns
      .filter(([name]) => !this.table.key.includes(name as never))
      .map(([name, column]) => `${columnSql(name)} = ${written(name, column)}`);
    const same = this.table.key.map((name) => `t.${columnSql(name)} = ${written(name, this.table.columns[name])}`).join(' and ');
    // Nothing to set: still say how many of the rows there are.
    const sets =
      set.length === 0 ? `${columnSql(this.table.key[0] as string)} = t.${columnSql(this.table.key[0] as string)}` : set.join(', ');
    return { text: `update ${this.name} as t set ${sets} from ${this.record(columns)} where ${same}`, values: [json] };
  }

  find(all: readonly Comparison[], options: FindOptions<Row>, columns: readonly string[]): Statement {
    const values: unknown[] = [];
    let text = `select ${this.selected(columns)} from ${this.name}${this.where(all, values)}`;
    const order = Object.entries(options.orderBy ?? {}).map(
      ([name, direction]) => `${columnSql(name)} ${direction === 'desc' ? 'desc' : 'asc'}`,
    );
    if (order.length > 0) text += ` order by ${order.join(', ')}`;
    if (options.limit !== undefined) text += ` limit $${values.push(options.limit)}`;
    if (options.lock) text += options.lock === 'skip' ? ' for update skip locked' : ' for update';
    return { text, values };
  }

  count(all: readonly Comparison[]): Statement {
    const values: unknown[] = [];
    return { text: `select count(*) from ${this.name}${this.where(all, values)}`, values };
  }

  remove(all: readonly Comparison[]): Statement {
    const values: unknown[] = [];
    return { text: `delete from ${this.name}${this.where(all, values)}`, values };
  }

  private selected(columns: readonly string[]): string {
    return columns.map((name) => read(name, this.table.columns[name as keyof Row & string])).join(', ');
  }

  private record(columns: readonly [string, Column][]): string {
    return `json_to_recordset($1::json) as r(${columns.map(([name, column]) => `${quoted(name)} ${recordType(column)}`).join(', ')})`;
  }

  private where(all: readonly Comparison[], values: unknown[]): string {
    return all.length === 0 ? '' : ` where ${all.map((comparison) => this.comparison(comparison, values)).join(' and ')}`;
  }

  private comparison(comparison: Comparison, values: unknown[]): string {
    const { type } = this.table.columns[comparison.column as keyof Row & string];
    const column = columnSql(comparison.column);
    const parameter = (value: unknown, suffix = ''): string =>
      `$${values.push(type === 'instant' ? instantText(value) : value)}::${SQL_TYPES[type]}${suffix}`;
    switch (comparison.test) {
      case 'null':
        return `${column} is null`;
      case 'notNull':
        return `${column} is not null`;
      case 'in':
        return `${column} = any(${parameter(comparison.values, '[]')})`;
      case 'not':
        return `${column} is distinct from ${parameter(comparison.value)}`;
      default:
        return `${column} ${OPERATORS[comparison.test]} ${parameter(comparison.value)}`;
    }
  }
}

const OPERATORS = { eq: '=', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

function instantText(value: unknown): unknown {
  return Array.isArray(value) ? value.map(instantText) : new Date(value as number).toISOString();
}
