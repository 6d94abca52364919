import type { JsonObject } from './model/json.js';

/** What the receiver of an error should do; one exhaustive table (messaging/settlement) maps kinds to ack, nak, dead letter and exit codes. */
export type ErrorKind =
  'invalid' | 'forbidden' | 'missing' | 'conflict' | 'superseded' | 'unavailable' | 'unknownOutcome' | 'cancelled' | 'bug';

/** An error as it crosses processes: matched by `code`, never by text or class. */
export interface ErrorShape {
  /** Stable dotted code, `context.noun.reason`: `registry.version.payloadDiffers`. */
  code: string;
  kind: ErrorKind;
  /** What was attempted, what was wrong, what would be right. */
  message: string;
  /** Safe to log and to send; never a secret. */
  details?: JsonObject;
  retryAfterMs?: number;
}

/** The one error class of Slipway. Decisions, expected outcomes and cancellation of work are values, not errors. */
export class SlipwayError extends Error {
  override readonly name = 'SlipwayError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly details: JsonObject | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(shape: ErrorShape, options?: { cause?: unknown }) {
    super(shape.message, options);
    this.code = shape.code;
    this.kind = shape.kind;
    this.details = shape.details;
    this.retryAfterMs = shape.retryAfterMs;
  }

  /** The plain data that crosses a process boundary. */
  toShape(): ErrorShape {
    return {
      code: this.code,
      kind: this.kind,
      message: this.message,
      ...(this.details ? { details: this.details } : {}),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }
}
