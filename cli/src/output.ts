import { SlipwayError } from '@slipway/core';
import { kindRules } from '@slipway/messaging';
import { paintFor, type Paint } from './terminal.js';

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
    return kindRules[error.kind].exitCode;
  }
}
