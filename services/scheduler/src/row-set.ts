import type { Table, Tx } from '@slipway/persistence';

/** Rows of one table as one unit of work sees and changes them; written in sets at its end. */
export class RowSet<Row extends object> {
  private readonly rows = new Map<string, Row>();
  private readonly added = new Set<Row>();
  private readonly changed = new Set<Row>();
  /** Columns that differ in any changed row: only these are written. */
  private readonly columns = new Set<keyof Row & string>();

  /** `first`: changed rows that must be written before the others. */
  constructor(
    private readonly table: Table<Row>,
    private readonly first: (row: Row) => boolean = () => false,
  ) {}

  /** Take rows as loaded; a row that is known already stays as this work has it. Gives the rows as this work has them. */
  loaded(rows: readonly Row[]): Row[] {
    return rows.map((row) => {
      const key = this.table.keyOf(row);
      const known = this.rows.get(key);
      if (known) return known;
      this.rows.set(key, row);
      return row;
    });
  }

  has(key: Partial<Row>): boolean {
    return this.rows.has(this.table.keyOf(key));
  }

  get(key: Partial<Row>): Row | undefined {
    return this.rows.get(this.table.keyOf(key));
  }

  add(row: Row): Row {
    this.rows.set(this.table.keyOf(row), row);
    this.added.add(row);
    return row;
  }

  change(row: Row, changes: Partial<Row>): void {
    this.take(row, changes, Object.keys(changes) as (keyof Row & string)[]);
  }

  /** Take these columns of another row. */
  take(row: Row, from: Partial<Row>, columns: readonly (keyof Row & string)[]): void {
    let differs = false;
    for (const name of columns) {
      if (row[name] === from[name]) continue;
      row[name] = from[name] as Row[typeof name];
      this.columns.add(name);
      differs = true;
    }
    if (differs && !this.added.has(row)) this.changed.add(row);
  }

  all(): Iterable<Row> {
    return this.rows.values();
  }

  /** Rows that are written with the next flush. */
  *unwritten(): Generator<Row> {
    yield* this.changed;
    yield* this.added;
  }

  /** Ask for what changed to be written, then what is new; a new row that is there already fails the transaction. Gives the statements. */
  flush(tx: Tx): Promise<unknown>[] {
    const statements: Promise<unknown>[] = [];
    const columns = [...this.table.key, ...this.columns].filter((name, at, all) => all.indexOf(name) === at);
    const changed = [...this.changed];
    for (const part of [changed.filter((row) => this.first(row)), changed.filter((row) => !this.first(row))])
      if (part.length > 0)
        statements.push(
          tx.patch(
            this.table,
            part.map((row) => pick(row, columns)),
          ),
        );
    if (this.added.size > 0) statements.push(tx.add(this.table, [...this.added]));
    this.changed.clear();
    this.added.clear();
    this.columns.clear();
    return statements;
  }
}

function pick<Row>(row: Row, columns: readonly (keyof Row & string)[]): Partial<Row> {
  const picked: Partial<Row> = {};
  for (const name of columns) picked[name] = row[name];
  return picked;
}
