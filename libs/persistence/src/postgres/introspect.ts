import type pg from 'pg';
import type { AnyTable, Table } from '../table.js';
import { createTableSql, type MigrationStep } from './schema.js';
import { quoted } from './sql.js';

/** A schema as it really is: table → column → definition, and table → index → definition, in words that two schemas can be compared by. */
export interface SchemaShape {
  tables: Map<string, { columns: Map<string, string>; indexes: Map<string, string> }>;
}

type Client = Pick<pg.ClientBase, 'query'>;

/** Read the shape of a schema from the database's own catalogue. */
export async function describeSchema(client: Client, schema: string): Promise<SchemaShape> {
  const tables: SchemaShape['tables'] = new Map();
  const columns = await client.query<{ table: string; name: string; definition: string }>(
    `select c.relname as table, a.attname as name,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when l.collname <> 'default' then 'collate ' || quote_ident(l.collname) end, case when a.attnotnull then 'not null' end) as definition
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid left join pg_collation l on l.oid = a.attcollation
     where n.nspname = $1 and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum`,
    [schema],
  );
  for (const { table, name, definition } of columns.rows) {
    let shape = tables.get(table);
    if (!shape) tables.set(table, (shape = { columns: new Map(), indexes: new Map() }));
    shape.columns.set(name, definition);
  }
  const indexes = await client.query<{ table: string; name: string; definition: string }>(
    'select tablename as table, indexname as name, indexdef as definition from pg_indexes where schemaname = $1 order by tablename, indexname',
    [schema],
  );
  for (const { table, name, definition } of indexes.rows) tables.get(table)?.indexes.set(name, definition.replaceAll(`${schema}.`, ''));
  return { tables };
}

/** The statements that bring `from` to `to`; empty when they are the same. A new column that must have a value fails on a table with rows: then a person adds a default to the step before it is committed. */
export function migrationBetween(from: SchemaShape, to: SchemaShape, declared: ReadonlyMap<string, Table<never>>): string[] {
  const sql: string[] = [];
  for (const table of from.tables.keys()) if (!to.tables.has(table)) sql.push(`drop table ${quoted(table)}`);
  for (const [table, wanted] of to.tables) {
    const there = from.tables.get(table);
    const declaration = declared.get(table);
    if (!there) {
      if (declaration) sql.push(...createTableSql(declaration));
      continue;
    }
    const indexes = indexChanges(table, there.indexes, wanted.indexes);
    sql.push(...indexes.drop, ...columnChanges(table, there.columns, wanted.columns), ...indexes.create);
  }
  return sql;
}

function columnChanges(table: string, from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): string[] {
  const alter = `alter table ${quoted(table)}`;
  const sql: string[] = [];
  for (const name of from.keys()) if (!to.has(name)) sql.push(`${alter} drop column ${quoted(name)}`);
  for (const [name, definition] of to) {
    const was = from.get(name);
    const column = quoted(name);
    if (was === definition) continue;
    const [type, wasType] = [definition, was].map((text) => text?.replace(/ not null$/, ''));
    if (was === undefined) sql.push(`${alter} add column ${column} ${definition}`);
    else if (type !== wasType)
      sql.push(`${alter} alter column ${column} type ${type} using ${column}::${(type as string).replace(/ collate .*/, '')}`);
    if (was !== undefined && definition.endsWith(' not null') !== was.endsWith(' not null')) {
      sql.push(`${alter} alter column ${column} ${definition.endsWith(' not null') ? 'set' : 'drop'} not null`);
    }
  }
  return sql;
}

/** Old indexes go before their columns change, new ones come after. */
function indexChanges(
  table: string,
  from: ReadonlyMap<string, string>,
  to: ReadonlyMap<string, string>,
): { drop: string[]; create: string[] } {
  const key = `${table}_pkey`;
  const alter = `alter table ${quoted(table)}`;
  const drop = [...from]
    .filter(([name, definition]) => to.get(name) !== definition)
    .map(([name]) => (name === key ? `${alter} drop constraint ${quoted(name)}` : `drop index ${quoted(name)}`));
  const create = [...to]
    .filter(([name, definition]) => from.get(name) !== definition)
    .map(([name, definition]) => (name === key ? `${alter} add primary key ${definition.slice(definition.lastIndexOf('('))}` : definition));
  return { drop, create };
}

/**
 * What is missing between a service's migrations and its tables, found by making both in schemas of their own on a database at hand. The
 * test of each service expects nothing; `scripts/make-migration.mjs` writes it into a new step.
 */
export async function pendingMigration(
  client: Client,
  migrations: readonly MigrationStep[],
  tables: readonly AnyTable[],
): Promise<string[]> {
  const shapeOf = async (schema: string, statements: readonly string[]): Promise<SchemaShape> => {
    await client.query(`create schema ${schema}; set local search_path = ${schema}`);
    for (const statement of statements) await client.query(statement);
    return describeSchema(client, schema);
  };
  await client.query('begin');
  try {
    const migrated = await shapeOf(
      'slipway_migrated',
      migrations.flatMap((step) => step.sql),
    );
    const declared = await shapeOf(
      'slipway_declared',
      tables.flatMap((table) => createTableSql(table as Table<never>)),
    );
    return migrationBetween(migrated, declared, new Map(tables.map((table) => [table.name, table as Table<never>])));
  } finally {
    await client.query('rollback');
  }
}
