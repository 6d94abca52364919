import type { Clock } from '@slipway/runtime';
import type { Requests } from '@slipway/messaging';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Output } from './output.js';

/** What an action gets: a server to ask, and where to write. */
export interface Session {
  requests: Requests;
  /** For streams: events, logs, dead letters. */
  nats: NatsConnection;
  output: Output;
  now: Clock['now'];
}

/** Runs actions: connects, writes errors, sets the exit code, closes. */
export interface Cli {
  /** An action that asks a server; what it gives is the exit code, 0 when nothing. */
  run(action: (session: Session) => Promise<number | void>): Promise<void>;
  /** An action that needs no server. */
  runLocal(action: (output: Output) => Promise<number | void>): Promise<void>;
}
