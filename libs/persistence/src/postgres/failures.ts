import { SlipwayError } from '@slipway/core';
import { rowConflict } from '../rows.js';

interface DatabaseFailure extends Error {
  code?: string;
  table?: string;
  constraint?: string;
}

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
const UNIQUE_VIOLATION = '23505';
/** Classes and codes that mean: not now. Connection, resources, operator intervention, lock not available. */
const UNAVAILABLE = /^(08|53|57|55P03|25P0[34])/;
/** Socket errors of Node, and the messages of the driver that have no code. */
const LOST = /^E[A-Z]+$/;
const LOST_MESSAGES =
  /connection terminated|connection ended|timeout exceeded|query read timeout|not queryable|client was closed|pool after calling end/i;

const RETRY_AFTER_MS = 1_000;

/** Whether the same transaction may succeed when it is simply run again. */
export function isTransient(error: unknown): boolean {
  const code = error instanceof SlipwayError ? (error.cause as DatabaseFailure | undefined)?.code : (error as DatabaseFailure).code;
  return code === SERIALIZATION_FAILURE || code === DEADLOCK;
}

/** Whether the connection on which this happened is of no more use. */
export function isConnectionLoss(error: unknown): boolean {
  const { code, message } = error as DatabaseFailure;
  if (code !== undefined) return LOST.test(code) || code.startsWith('08') || code.startsWith('57P');
  return LOST_MESSAGES.test(message ?? '');
}

/** The database's error as ours: `unavailable` when it is a matter of time, `conflict` for a unique index, else a bug of ours. */
export function databaseError(error: unknown, attempted: string): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const failure = error as DatabaseFailure;
  const code = failure.code ?? '';
  if (code === UNIQUE_VIOLATION) return rowConflict(failure.table ?? '?', failure.constraint ?? '?', error);
  if (isTransient(error) || isConnectionLoss(error) || UNAVAILABLE.test(code)) {
    return new SlipwayError(
      {
        code: 'persistence.database.unavailable',
        kind: 'unavailable',
        message: `${attempted}: PostgreSQL is not available now (${failure.message})`,
        retryAfterMs: RETRY_AFTER_MS,
      },
      { cause: error },
    );
  }
  return new SlipwayError(
    { code: 'persistence.statement.failed', kind: 'bug', message: `${attempted}: ${failure.message}`, details: { sqlState: code } },
    { cause: error },
  );
}

/** The connection broke while the commit was under way: whether it took place is not known. Handlers are idempotent, so asking again is right. */
export function commitUnknown(cause: unknown): SlipwayError {
  return new SlipwayError(
    {
      code: 'persistence.commit.unknown',
      kind: 'unavailable',
      message:
        'Committing a transaction: the connection to PostgreSQL broke before it answered, so it may have been committed or not; repeat the request',
      retryAfterMs: RETRY_AFTER_MS,
    },
    { cause },
  );
}
