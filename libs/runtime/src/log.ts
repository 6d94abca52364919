import type { Log } from './ports.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const COLOURS: Record<LogLevel, string> = { debug: '\u001b[2m', info: '', warn: '\u001b[33m', error: '\u001b[31m' };
const RESET = '\u001b[0m';

export interface LogOptions {
  level?: LogLevel;
  /** `json` writes one JSON object per line, `pretty` is for people; by default pretty on a terminal and JSON into files and pipes. */
  format?: 'json' | 'pretty';
  /** Where lines go; standard error by default, since standard output is a program's answer. */
  write?: (line: string) => void;
}

/** An error as fields: what went wrong, its code when it has one, and what caused it. */
function errorFields(error: Error): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error ? { cause: errorFields(error.cause) } : {};
  return { message: error.message, ...(code === undefined ? {} : { code }), ...cause, stack: error.stack };
}

const plain = (_key: string, value: unknown): unknown =>
  value instanceof Error ? errorFields(value) : typeof value === 'bigint' ? String(value) : value;

function jsonLine(name: string, level: LogLevel, message: string, fields: Record<string, unknown>): string {
  return JSON.stringify({ at: new Date().toISOString(), level, name, message, ...fields }, plain);
}

function prettyLine(name: string, level: LogLevel, message: string, fields: Record<string, unknown>): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        ` ${key}=${value instanceof Error ? value.message : typeof value === 'string' ? value : JSON.stringify(value, plain)}`,
    );
  const colour = process.stderr.isTTY && !process.env['NO_COLOR'] ? COLOURS[level] : '';
  const word = level === 'info' ? '' : `${level}: `;
  return `${colour}${new Date().toISOString().slice(11, 23)} ${name.padEnd(10)} ${word}${message}${shown.join('')}${colour ? RESET : ''}`;
}

/** A log of one service or program. Secrets never go into fields; who logs decides that, not the log. */
export function createLog(name: string, options: LogOptions = {}): Log {
  const least = LEVELS.indexOf(options.level ?? 'info');
  const line = (options.format ?? (process.stderr.isTTY ? 'pretty' : 'json')) === 'pretty' ? prettyLine : jsonLine;
  const write = options.write ?? ((text: string) => void process.stderr.write(`${text}\n`));
  const at =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (LEVELS.indexOf(level) >= least) write(line(name, level, message, fields));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Says nothing; for tests. */
export const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
