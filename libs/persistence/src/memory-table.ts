import {
  columnNames,
  comparator,
  comparisons,
  copyJson,
  lastByKey,
  patchedColumns,
  predicate,
  rowConflict,
  storedRow,
  type Comparison,
  type StoredRow,
} from './rows.js';
import type { FindOptions, Where } from './store.js';
import type { Index, Table } from './table.js';

/** A transaction's writes to one table: key → new row, or null when removed; and the entries it put into unique indexes. */
export interface TableChanges {
  rows: Map<string, StoredRow | null>;
  unique: Map<string, Map<string, string>>;
}

type AnyRow = Record<string, unknown>;

/** The committed rows of one table and the operations on them, each seen through the changes of one transaction. */
export class MemoryTable {
  private readonly rows = new Map<string, StoredRow>();
  private readonly unique: { index: Index<AnyRow>; owners: Map<string, string> }[];
  private readonly columns: string[];

  constructor(private readonly table: Table<AnyRow>) {
    this.columns = columnNames(table);
    this.unique = table.indexes.filter((index) => index.unique).map((index) => ({ index, owners: new Map() }));
  }

  noChanges(): TableChanges {
    return { rows: new Map(), unique: new Map(this.unique.map(({ index }) => [index.name, new Map()])) };
  }

  find<Row>(changes: TableChanges | undefined, where: Where<Row>, options: FindOptions<Row> = {}): AnyRow[] {
    let found = this.matching(changes, comparisons(this.table, where as Where<AnyRow>));
    if (options.orderBy) found.sort(comparator(options.orderBy));
    if (options.limit !== undefined) found = found.slice(0, options.limit);
    const columns = options.only ? (options.only as readonly string[]) : this.columns;
    return found.map((row) => this.copyOut(row, columns));
  }

  count<Row>(changes: TableChanges | undefined, where: Where<Row>): number {
    return this.matching(changes, comparisons(this.table, where as Where<AnyRow>)).length;
  }

  insert(changes: TableChanges, rows: readonly unknown[]): Set<string> {
    const inserted = new Set<string>();
    for (const row of rows as readonly AnyRow[]) {
      const stored = storedRow(this.table, row, this.columns);
      const key = this.table.keyOf(stored);
      if (this.current(changes, key) || this.conflicting(changes, key, stored)) continue;
      this.write(changes, key, stored);
      inserted.add(key);
    }
    return inserted;
  }

  add(changes: TableChanges, rows: readonly unknown[]): void {
    if (this.insert(changes, rows).size < rows.length) throw rowConflict(this.table.name, 'key');
  }

  put(changes: TableChanges, rows: readonly unknown[]): void {
    for (const row of lastByKey(this.table, rows as readonly AnyRow[]))
      this.writeChecked(changes, storedRow(this.table, row, this.columns));
  }

  patch(changes: TableChanges, rows: readonly unknown[]): number {
    if (rows.length === 0) return 0;
    const columns = patchedColumns(this.table, rows as readonly AnyRow[]);
    let there = 0;
    for (const row of lastByKey(this.table, rows as readonly AnyRow[])) {
      const patch = storedRow(this.table, row, columns);
      const before = this.current(changes, this.table.keyOf(patch));
      if (!before) continue;
      const after = { ...before };
      for (const column of columns) delete after[column];
      this.writeChecked(changes, Object.assign(after, patch));
      there += 1;
    }
    return there;
  }

  remove<Row>(changes: TableChanges, where: Where<Row>): number {
    const doomed = this.matching(changes, comparisons(this.table, where as Where<AnyRow>, true));
    for (const row of doomed) changes.rows.set(this.table.keyOf(row), null);
    return doomed.length;
  }

  apply(changes: TableChanges): void {
    for (const key of changes.rows.keys()) {
      const before = this.rows.get(key);
      if (before) for (const { index, owners } of this.unique) this.release(index, owners, before, key);
    }
    for (const [key, row] of changes.rows) {
      if (row === null) {
        this.rows.delete(key);
        continue;
      }
      this.rows.set(key, row);
      for (const { index, owners } of this.unique) {
        const entry = indexEntry(index, row);
        if (entry !== undefined) owners.set(entry, key);
      }
    }
  }

  private release(index: Index<AnyRow>, owners: Map<string, string>, row: StoredRow, key: string): void {
    const entry = indexEntry(index, row);
    if (entry !== undefined && owners.get(entry) === key) owners.delete(entry);
  }

  private writeChecked(changes: TableChanges, row: StoredRow): void {
    const key = this.table.keyOf(row);
    const conflict = this.conflicting(changes, key, row);
    if (conflict) throw rowConflict(this.table.name, conflict.name);
    this.write(changes, key, row);
  }

  private write(changes: TableChanges, key: string, row: StoredRow): void {
    changes.rows.set(key, row);
    for (const { index } of this.unique) {
      const entry = indexEntry(index, row);
      if (entry !== undefined) changes.unique.get(index.name)?.set(entry, key);
    }
  }

  /** The unique index by which another row stands in this one's way. */
  private conflicting(changes: TableChanges, key: string, row: StoredRow): Index<AnyRow> | undefined {
    for (const { index, owners } of this.unique) {
      const entry = indexEntry(index, row);
      if (entry === undefined) continue;
      for (const owner of [changes.unique.get(index.name)?.get(entry), owners.get(entry)]) {
        if (owner === undefined || owner === key) continue;
        const other = this.current(changes, owner);
        if (other && indexEntry(index, other) === entry) return index;
      }
    }
    return undefined;
  }

  private current(changes: TableChanges | undefined, key: string): StoredRow | undefined {
    const changed = changes?.rows.get(key);
    return changed === undefined ? this.rows.get(key) : (changed ?? undefined);
  }

  private matching(changes: TableChanges | undefined, all: readonly Comparison[]): StoredRow[] {
    const holds = predicate(all);
    const keys = this.keysIn(all);
    const found: StoredRow[] = [];
    const take = (row: StoredRow | undefined | null): void => {
      if (row && holds(row)) found.push(row);
    };
    if (keys) {
      for (const key of keys) take(this.current(changes, key));
      return found;
    }
    for (const [key, row] of this.rows) take(changes?.rows.has(key) ? changes.rows.get(key) : row);
    if (changes) for (const [key, row] of changes.rows) if (!this.rows.has(key)) take(row);
    return found;
  }

  /** The keys that a condition names outright; undefined when it does not, and all rows must be looked at. */
  private keysIn(all: readonly Comparison[]): Set<string> | undefined {
    let keys: AnyRow[] = [{}];
    for (const column of this.table.key) {
      const named = all.find((c) => c.column === column && (c.test === 'eq' || c.test === 'in'));
      if (!named) return undefined;
      const values = named.test === 'in' ? named.values : named.test === 'eq' ? [named.value] : [];
      keys = keys.flatMap((key) => values.map((value) => ({ ...key, [column]: value })));
    }
    return new Set(keys.map((key) => this.table.keyOf(key)));
  }

  private copyOut(row: StoredRow, columns: readonly string[]): AnyRow {
    const copy: AnyRow = {};
    for (const column of columns) {
      const value = row[column];
      if (value !== undefined) copy[column] = typeof value === 'object' ? copyJson(value) : value;
    }
    return copy;
  }
}

/** A row's entry in a unique index; undefined when the index does not hold it: partial, or a column without a value (NULLs are distinct). */
function indexEntry(index: Index<AnyRow>, row: StoredRow): string | undefined {
  if (index.where && !index.where.holds(row)) return undefined;
  const values = index.columns.map((column) => row[column]);
  return values.includes(undefined) ? undefined : values.join('\u0001');
}
