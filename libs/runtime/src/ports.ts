/** The ambient things a service may need, passed in so that tests and the simulation can hold them in their hand. */

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export interface Ids {
  /** A new unique id that sorts by creation time (UUID v7). */
  next(): string;
  /** A number in [0, 1) for jitter. */
  random(): number;
}

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
