/** How a column is stored; `instant` is epoch milliseconds in the code and `timestamptz` in the row. */
export type ColumnType = 'text' | 'integer' | 'bigint' | 'double' | 'boolean' | 'json' | 'instant';

export interface Column<V = unknown> {
  type: ColumnType;
  nullable: boolean;
  /** Phantom: the value's type in the code. */
  readonly value?: V;
}

const column = <V>(type: ColumnType): Column<V> => ({ type, nullable: false });

/** Column makers; `nullable(text())` is `string | undefined` in the code and NULL in the row. */
export const text = <V extends string = string>(): Column<V> => column<V>('text');
export const integer = (): Column<number> => column<number>('integer');
/** Whole numbers up to 2^53. */
export const bigint = (): Column<number> => column<number>('bigint');
export const double = (): Column<number> => column<number>('double');
export const boolean = (): Column<boolean> => column<boolean>('boolean');
export const json = <V>(): Column<V> => column<V>('json');
export const instant = (): Column<number> => column<number>('instant');
export const nullable = <V>(c: Column<V>): Column<V | undefined> => ({ type: c.type, nullable: true });

export type RowOf<C extends Record<string, Column>> = {
  [
    K in keyof C as undefined extends NonNullable<C[K]>['value']
      ? C[K] extends Column<infer V>
        ? undefined extends V
          ? never
          : K
        : never
      : K
  ]: C[K] extends Column<infer V> ? V : never;
} & {
  [K in keyof C as C[K] extends Column<infer V> ? (undefined extends V ? K : never) : never]?: C[K] extends Column<infer V> ? V : never;
};

export interface Index<Row> {
  name: string;
  columns: readonly (keyof Row & string)[];
  unique?: boolean;
  /** SQL predicate of a partial index, and the same in code. */
  where?: { sql: string; holds: (row: Row) => boolean };
}

/** A table as both adapters know it. Column names in SQL are the snake_case of the property names. */
export interface Table<Row> {
  name: string;
  columns: Record<keyof Row & string, Column>;
  key: readonly (keyof Row & string)[];
  indexes: readonly Index<Row>[];
  /** The key of a row as one string. */
  keyOf(row: Partial<Row>): string;
}

/** A table of whatever rows, where tables of different rows stand in one list. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Table is neither co- nor contravariant in its row
export type AnyTable = Table<any>;

/** Declare a table once, for migrations, PostgreSQL and memory alike. */
export function defineTable<C extends Record<string, Column>>(
  name: string,
  columns: C,
  options: { key: readonly (keyof C & string)[]; indexes?: readonly Index<RowOf<C>>[] },
): Table<RowOf<C>> {
  type Row = RowOf<C>;
  return {
    name,
    columns: columns as unknown as Record<keyof Row & string, Column>,
    key: options.key as unknown as readonly (keyof Row & string)[],
    indexes: options.indexes ?? [],
    keyOf: (row) => options.key.map((k) => String((row as Record<string, unknown>)[k])).join('\u0001'),
  };
}
