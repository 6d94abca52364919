import pg from 'pg';
import { isConnectionLoss } from './failures.js';
import type { Statement } from './sql.js';

/** What statements run on: a pool, or one client of it within a transaction. */
export interface Executor {
  query(config: pg.QueryConfig & { rowMode?: 'array' }): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

const INT8 = 20;
/** Whole numbers up to 2^53 are numbers here; all else is as the driver has it (the ORM would leave JSON and times as text). */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 ? Number : (pg.types.getTypeParser(oid, format as 'text') as never),
} as pg.CustomTypesConfig;

const names = new Map<string, string>();
/** More different statements than the code can have; past it they are sent unprepared. */
const PREPARED_MAX = 2_000;

function preparedName(text: string): string | undefined {
  let name = names.get(text);
  if (name === undefined && names.size < PREPARED_MAX) names.set(text, (name = `s${names.size}`));
  return name;
}

/** Run a statement, prepared once per connection; rows come as arrays in the order of the columns. */
export async function run(on: Executor, { text, values }: Statement): Promise<{ rows: unknown[][]; count: number }> {
  const name = preparedName(text);
  const result = await on.query({ text, values, types, rowMode: 'array', ...(name === undefined ? {} : { name }) });
  return { rows: result.rows as unknown[][], count: result.rowCount ?? 0 };
}

/** Borrow a client of the pool; one whose connection broke does not go back. */
export async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error): void => void (broken = error);
  client.on('error', onError);
  try {
    return await work(client);
  } catch (error) {
    const cause = (error as Error).cause ?? error;
    if (isConnectionLoss(cause)) broken = cause as Error;
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
