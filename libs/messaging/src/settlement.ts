import type { ErrorKind, ErrorShape } from '@slipway/core';
import { SlipwayError } from '@slipway/core';
import { ZodError, prettifyError } from 'zod';
import type { Settlement } from './ports.js';

/*
 * The one place that knows what becomes of an error: of a message whose handler failed, of a command that a person gave, of an HTTP request.
 */

export interface KindRule {
  /**
   * What to do with a message: `drop` acknowledges it, `bury` makes it a dead letter, `retry` gives it back with a growing delay, for ever
   * or until `attemptsMax` deliveries have failed, then buries it.
   */
  message: 'drop' | 'bury' | 'retry';
  attemptsMax?: number;
  /** First delay; doubles with every attempt. */
  delayMs?: number;
  exitCode: number;
  httpStatus: number;
}

/** Longest wait before a message is tried again. */
const DELAY_MS_MAX = 30_000;

export const kindRules: Record<ErrorKind, KindRule> = {
  invalid: { message: 'bury', exitCode: 2, httpStatus: 422 },
  forbidden: { message: 'bury', exitCode: 3, httpStatus: 403 },
  // What is missing may be on its way: messages of different streams overtake each other.
  missing: { message: 'retry', attemptsMax: 5, delayMs: 250, exitCode: 4, httpStatus: 404 },
  conflict: { message: 'bury', exitCode: 5, httpStatus: 409 },
  superseded: { message: 'drop', exitCode: 6, httpStatus: 410 },
  // An outage is never a dead letter, however long.
  unavailable: { message: 'retry', delayMs: 500, exitCode: 7, httpStatus: 503 },
  // Repeating a handler is safe, the inbox knows what was committed.
  unknownOutcome: { message: 'retry', attemptsMax: 20, delayMs: 1_000, exitCode: 8, httpStatus: 504 },
  cancelled: { message: 'retry', delayMs: 250, exitCode: 130, httpStatus: 499 },
  bug: { message: 'retry', attemptsMax: 4, delayMs: 250, exitCode: 70, httpStatus: 500 },
};

/** What becomes of a message whose handler threw this at its n-th delivery. */
export function settle(error: ErrorShape, attempt: number): Settlement {
  const rule = kindRules[error.kind];
  switch (rule.message) {
    case 'drop':
      return { kind: 'ack' };
    case 'bury':
      return { kind: 'deadLetter', error };
    case 'retry': {
      if (rule.attemptsMax !== undefined && attempt >= rule.attemptsMax) return { kind: 'deadLetter', error };
      const delayMs = error.retryAfterMs ?? Math.min(DELAY_MS_MAX, (rule.delayMs ?? 0) * 2 ** Math.min(attempt - 1, 16));
      return { kind: 'nak', delayMs };
    }
  }
}

/** Codes of Node's sockets and of PostgreSQL that mean: not now, try again. */
const UNAVAILABLE_CODES =
  /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|08...|53...|57P..|40001|40P01|55P03)$/;
/** Names of NATS' errors that mean the same. */
const UNAVAILABLE_NAMES = new Set(['TimeoutError', 'NoResponders', 'ConnectionError', 'ClosedConnectionError', 'DrainingConnectionError']);

/** Whatever was thrown, as one of our errors. Ours stay what they are, also those from another copy of the class. */
export function normalizeError(thrown: unknown): SlipwayError {
  if (thrown instanceof SlipwayError) return thrown;
  if (isShape(thrown)) return new SlipwayError(thrown, { cause: thrown });
  if (thrown instanceof ZodError) {
    return new SlipwayError({ code: 'messaging.body.invalid', kind: 'invalid', message: prettifyError(thrown) }, { cause: thrown });
  }
  const error = isErrorLike(thrown) ? thrown : new Error(String(thrown));
  if (error.name === 'AbortError') {
    return new SlipwayError({ code: 'runtime.work.cancelled', kind: 'cancelled', message: error.message }, { cause: error });
  }
  if (isUnavailable(error)) {
    return new SlipwayError({ code: 'runtime.dependency.unavailable', kind: 'unavailable', message: error.message }, { cause: error });
  }
  return new SlipwayError({ code: 'runtime.code.failed', kind: 'bug', message: `${error.name}: ${error.message}` }, { cause: error });
}

/** By shape, not by class: errors also come from other realms. */
function isErrorLike(thrown: unknown): thrown is Error {
  const { name, message } = (thrown ?? {}) as Partial<Record<keyof Error, unknown>>;
  return typeof name === 'string' && typeof message === 'string';
}

function isShape(thrown: unknown): thrown is ErrorShape {
  const { code, kind, message } = (thrown ?? {}) as Partial<Record<keyof ErrorShape, unknown>>;
  return typeof code === 'string' && typeof message === 'string' && typeof kind === 'string' && Object.hasOwn(kindRules, kind);
}

/** Drivers wrap: the reason may stand in a cause, or in each of several. */
function isUnavailable(error: Error, depth = 0): boolean {
  const { code } = error as { code?: unknown };
  if (UNAVAILABLE_NAMES.has(error.name) || (typeof code === 'string' && UNAVAILABLE_CODES.test(code))) return true;
  if (depth > 5) return false;
  const { errors } = error as { errors?: unknown };
  const causes = Array.isArray(errors) ? (errors as unknown[]) : [error.cause];
  return causes.some((cause) => isErrorLike(cause) && isUnavailable(cause, depth + 1));
}
