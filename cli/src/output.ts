import { SlipwayError, type ErrorKind } from '@slipway/core';
import { paintFor, type Paint } from './terminal.js';

/** What scripts can trust: 0 done, 1 failed, 2 asked wrongly, 3 not there, 4 not allowed, 5 conflict, 6 nobody answered, 7 unknown outcome. */
export const EXIT_CODES: Record<ErrorKind, number> = {
  invalid: 2,
  missing: 3,
  forbidden: 4,
  conflict: 5,
  superseded: 5,
  unavailable: 6,
  unknownOutcome: 7,
  cancelled: 1,
  bug: 1,
};

export type OutputFormat = 'text' | 'json';

/** Where a command writes: results on standard output, everything else on standard error. */
export class Output {
  readonly paint: Paint;

  constructor(
    readonly format: OutputFormat,
    private readonly out: NodeJS.WriteStream = process.stdout,
    private readonly err: NodeJS.WriteStream = process.stderr,
  ) {
    this.paint = format === 'json' ? paintFor({}, {}) : paintFor(out, process.env);
  }

  /** The result: one JSON document, or the text for people. */
  result(json: unknown, text: () => string): void {
    this.out.write(this.format === 'json' ? `${JSON.stringify(json, null, 2)}\n` : `${text()}\n`);
  }

  /** Something a person may want to know, never part of the result. */
  note(text: string): void {
    this.err.write(`${text}\n`);
  }

  /** An error, with its code; gives the exit code. */
  fail(error: unknown): number {
    if (!(error instanceof SlipwayError)) {
      this.err.write(`slipway: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      return 1;
    }
    if (this.format === 'json') this.err.write(`${JSON.stringify({ error: error.toShape() })}\n`);
    else this.err.write(`slipway: ${error.message} (${error.code})\n`);
    return EXIT_CODES[error.kind];
  }
}
