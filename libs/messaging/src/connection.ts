import { ownInbox } from '@slipway/contracts';
import type { Log } from '@slipway/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import type { CredentialsSource } from './accounts/credentials.js';
import { authenticate, readCredentials } from './accounts/credentials.js';
import { trackLink } from './connection-loss.js';

export interface ConnectOptions {
  servers: string | string[];
  creds: CredentialsSource;
  /** Shown in the server's connection list. */
  name: string;
  log: Log;
  /**
   * What to do when the server refuses the credential again and again. `retry` (default): it may be renewed or the account may come
   * back. `close`: give up; `closed()` tells why. For programs that a person is waiting for.
   */
  whenRefused?: 'retry' | 'close';
  /** Wait for a server that is not there yet (default), or fail. */
  waitForServer?: boolean;
}

const RECONNECT_WAIT_MS = 250;
const RECONNECT_JITTER_MS = 250;
/** A half-open link is noticed after three of these. */
const PING_INTERVAL_MS = 10_000;
const WAITING_NOTICE_MS = 5_000;

/**
 * Connect and stay connected: waits for a server that is not there yet, reconnects for ever, takes replies in the inbox that the
 * credential's name permits (`_OWN.<name>.>`), and logs what the server refuses.
 */
export async function connectNats(options: ConnectOptions): Promise<NatsConnection> {
  const { log, servers } = options;
  const wait = options.waitForServer ?? true;
  const notice = wait ? setInterval(() => log.warn('still waiting for NATS', { servers }), WAITING_NOTICE_MS) : undefined;
  try {
    const nc = await connect({
      servers,
      name: options.name,
      authenticator: authenticate(options.creds),
      inboxPrefix: ownInbox(readCredentials(options.creds).name),
      waitOnFirstConnect: wait,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      reconnectJitter: RECONNECT_JITTER_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: 2,
      ignoreAuthErrorAbort: options.whenRefused !== 'close',
    });
    void watchStatus(nc, options);
    return nc;
  } finally {
    clearInterval(notice);
  }
}

async function watchStatus(nc: NatsConnection, { log, name }: ConnectOptions): Promise<void> {
  const link = trackLink(nc);
  for await (const status of nc.status()) {
    switch (status.type) {
      case 'disconnect':
        link.lost();
        log.warn('NATS is gone, reconnecting', { name, server: status.server });
        break;
      case 'reconnect':
        link.back();
        log.info('NATS is back', { name, server: status.server });
        break;
      case 'error':
        // A refused plain publish shows nowhere else.
        log.error('the NATS server refused something', { name, error: status.error.message });
        break;
      case 'slowConsumer':
        log.warn('messages arrive faster than they are taken', { name, subject: status.sub.getSubject(), pending: status.pending });
        break;
      case 'staleConnection':
      case 'forceReconnect':
      case 'reconnecting':
      case 'ping':
      case 'update':
      case 'ldm':
      case 'close':
        break;
    }
  }
}
