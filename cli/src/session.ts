import { connectNats, createRequests } from '@slipway/messaging';
import type { Log } from '@slipway/runtime';
import { systemClock } from '@slipway/runtime';
import type { Session } from './cli.js';
import type { Output } from './output.js';
import type { Where } from './where.js';

/** The CLI says what matters in its own words; the connection's own chatter would only be in the way. */
const QUIET: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Connect as the person (or role) whose credentials `where` names. Fails at once when nobody listens there. */
export async function openSession(where: Where, output: Output): Promise<Session & { close(): Promise<void> }> {
  const creds = { file: where.credsFile };
  const nats = await connectNats({
    servers: where.servers.split(','),
    creds,
    name: 'slipway-cli',
    log: QUIET,
    whenRefused: 'close',
    waitForServer: false,
  });
  return {
    nats,
    requests: createRequests(nats, { sign: creds, now: () => systemClock.now() }),
    output,
    now: () => systemClock.now(),
    close: () => nats.close(),
  };
}
