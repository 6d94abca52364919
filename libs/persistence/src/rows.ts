import { SlipwayError } from '@slipway/core';
import type { Condition, FindOptions, Where } from './store.js';
import type { Column, Table } from './table.js';

/*
 * What both adapters share about rows: what a valid row is, what a condition means, how rows sort. The memory store runs these; the
 * PostgreSQL store builds SQL that means the same, and one contract suite holds them together.
 */

/** A row as it is stored: declared columns only, no undefined. */
export type StoredRow = Record<string, unknown>;

function invalid(table: Table<never>, column: string, problem: string): SlipwayError {
  return new SlipwayError({
    code: 'persistence.row.invalid',
    kind: 'bug',
    message: `Writing a row of ${table.name}: column ${column} ${problem}`,
    details: { table: table.name, column },
  });
}

/** A deep copy of a JSON value as JSON has it: undefined properties are dropped, in arrays they become null. */
export function copyJson<T>(value: T): T {
  if (Array.isArray(value)) return value.map((entry: unknown) => (entry === undefined ? null : copyJson(entry))) as T;
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) copy[key] = copyJson(entry);
  return copy as T;
}

const WHOLE_MAX = { integer: 2_147_483_647, bigint: Number.MAX_SAFE_INTEGER, instant: 8.64e15 } as const;

/** What is wrong with a value for its column, in words; undefined when nothing is. */
function problemOf(column: Column, value: unknown): string | undefined {
  if (value === undefined || value === null) return column.nullable ? undefined : 'must have a value';
  switch (column.type) {
    case 'text':
      if (typeof value !== 'string') return `must be a string, not ${typeof value}`;
      return value.includes('\0') ? 'must not contain the character U+0000' : undefined;
    case 'integer':
    case 'bigint':
    case 'instant':
      return Number.isInteger(value) && Math.abs(value as number) <= WHOLE_MAX[column.type]
        ? undefined
        : `must be a whole number in range, not ${String(value)}`;
    case 'double':
      return typeof value === 'number' && Number.isFinite(value) ? undefined : `must be a finite number, not ${String(value)}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `must be a boolean, not ${typeof value}`;
    case 'json':
      return undefined;
  }
}

/** Check the named columns of rows; throws `persistence.row.invalid`. */
export function checkRows<Row>(table: Table<Row>, rows: readonly Partial<Row>[], columns: readonly string[]): void {
  for (const name of columns) {
    const column = table.columns[name as keyof Row & string];
    for (const row of rows) {
      const problem = problemOf(column, (row as StoredRow)[name]);
      if (problem) throw invalid(table as Table<never>, name, problem);
    }
  }
}

/** Check and copy the named columns of a row; throws `persistence.row.invalid`, a bug of the caller. Absent and null are the same. */
export function storedRow<Row>(table: Table<Row>, row: Partial<Row>, columns: readonly string[]): StoredRow {
  const stored: StoredRow = {};
  for (const name of columns) {
    const column = table.columns[name as keyof Row & string];
    const value = (row as StoredRow)[name];
    const problem = problemOf(column, value);
    if (problem) throw invalid(table as Table<never>, name, problem);
    if (value !== undefined && value !== null) stored[name] = column.type === 'json' ? copyJson(value) : value;
  }
  return stored;
}

export const columnNames = <Row>(table: Table<Row>): (keyof Row & string)[] => Object.keys(table.columns) as (keyof Row & string)[];

/** The columns a patch sets: those of its first entry; every other entry must have the same. */
export function patchedColumns<Row>(table: Table<Row>, rows: readonly Partial<Row>[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  for (const key of table.key)
    if (!names.includes(key)) throw invalid(table as Table<never>, key, 'is part of the key and must be in a patch');
  for (const name of names) if (!(name in table.columns)) throw invalid(table as Table<never>, name, 'does not exist');
  for (const row of rows) {
    const own = Object.keys(row);
    if (own.length !== names.length || own.some((name) => !names.includes(name))) {
      throw invalid(table as Table<never>, own.join(', '), `must be the same columns in every entry of a patch: ${names.join(', ')}`);
    }
  }
  return names;
}

/** Of entries with the same key only the last, in the place of the first: what a sequence of writes would leave. */
export function lastByKey<Row>(table: Table<Row>, rows: readonly Partial<Row>[]): Partial<Row>[] {
  const byKey = new Map<string, Partial<Row>>();
  for (const row of rows) byKey.set(table.keyOf(row), row);
  return byKey.size === rows.length ? (rows as Partial<Row>[]) : [...byKey.values()];
}

export type Comparison =
  | { column: string; test: 'in'; values: readonly unknown[] }
  | { column: string; test: 'null' | 'notNull' }
  | { column: string; test: 'eq' | 'not' | 'lt' | 'lte' | 'gt' | 'gte'; value: unknown };

const TESTS = ['lt', 'lte', 'gt', 'gte', 'not'] as const;

function comparisonsOf(table: Table<never>, column: string, condition: Condition<unknown>): Comparison[] {
  const declared = (table.columns as Record<string, Column>)[column];
  if (!declared) throw invalid(table, column, 'does not exist');
  if (condition === null) return [{ column, test: 'null' }];
  if (declared.type === 'json') throw invalid(table, column, 'is JSON and cannot stand in a condition');
  if (Array.isArray(condition)) return [{ column, test: 'in', values: condition }];
  if (typeof condition !== 'object') return [{ column, test: 'eq', value: condition }];
  const tests = condition as Record<string, unknown>;
  return TESTS.filter((test) => tests[test] !== undefined).map((test) =>
    test === 'not' && tests['not'] === null ? { column, test: 'notNull' } : { column, test, value: tests[test] },
  );
}

/**
 * The comparisons of a condition, all of which must hold. A property that is undefined means "any"; not so in `remove`, where it is refused,
 * since a forgotten value would empty the table. `not: v` holds for rows without a value too.
 */
export function comparisons<Row>(table: Table<Row>, where: Where<Row>, strict = false): Comparison[] {
  const all: Comparison[] = [];
  for (const [column, condition] of Object.entries(where) as [string, Condition<unknown> | undefined][]) {
    if (condition !== undefined) all.push(...comparisonsOf(table as Table<never>, column, condition));
    else if (strict) throw invalid(table as Table<never>, column, 'is undefined in the condition of a removal');
  }
  return all;
}

function holds(comparison: Comparison): (row: StoredRow) => boolean {
  const { column } = comparison;
  switch (comparison.test) {
    case 'in': {
      const values = new Set(comparison.values);
      return (row) => row[column] !== undefined && values.has(row[column]);
    }
    case 'null':
      return (row) => row[column] === undefined;
    case 'notNull':
      return (row) => row[column] !== undefined;
    case 'eq':
      return (row) => row[column] === comparison.value;
    case 'not':
      return (row) => row[column] !== comparison.value;
    default: {
      const { test, value } = comparison;
      return (row) => {
        const own = row[column];
        if (own === undefined) return false;
        const order = compareValues(own, value);
        return test === 'lt' ? order < 0 : test === 'lte' ? order <= 0 : test === 'gt' ? order > 0 : order >= 0;
      };
    }
  }
}

/** The same as a predicate over stored rows. */
export function predicate(all: readonly Comparison[]): (row: StoredRow) => boolean {
  const tests = all.map(holds);
  return (row) => tests.every((test) => test(row));
}

function compareValues(a: unknown, b: unknown): number {
  return (a as never) < (b as never) ? -1 : (a as never) > (b as never) ? 1 : 0;
}

/** Sorts as PostgreSQL does: a row without a value comes last upwards and first downwards. */
export function comparator<Row>(orderBy: NonNullable<FindOptions<Row>['orderBy']>): (a: StoredRow, b: StoredRow) => number {
  const columns = Object.entries(orderBy) as [string, 'asc' | 'desc'][];
  return (a, b) => {
    for (const [column, direction] of columns) {
      const x = a[column];
      const y = b[column];
      const upwards = x === undefined ? (y === undefined ? 0 : 1) : y === undefined ? -1 : compareValues(x, y);
      if (upwards !== 0) return direction === 'asc' ? upwards : -upwards;
    }
    return 0;
  };
}

/** A unique index, or the key, was violated by a write that may not skip rows. */
export function rowConflict(table: string, index: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    {
      code: 'persistence.row.conflict',
      kind: 'conflict',
      message: `Writing to ${table}: a row with the same ${index} is there already`,
      details: { table, index },
    },
    { cause },
  );
}
