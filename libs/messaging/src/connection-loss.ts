import type { Msg, NatsConnection, Payload, RequestOptions } from '@nats-io/transport-node';
import { ConnectionError } from '@nats-io/nats-core';

/*
 * A request that is under way when the link breaks is lost, but the client would let it wait for its whole time-out; here it fails at
 * once, so that the caller can begin again as soon as the link is back.
 */

interface LinkState {
  online: boolean;
  waiters: Set<() => void>;
}

const links = new WeakMap<NatsConnection, LinkState>();

/** Follow the connection's state; `connectNats` calls it. */
export function trackLink(nc: NatsConnection): { lost(): void; back(): void } {
  const state: LinkState = { online: true, waiters: new Set() };
  links.set(nc, state);
  return {
    lost() {
      state.online = false;
      for (const waiter of [...state.waiters]) waiter();
    },
    back() {
      state.online = true;
      for (const waiter of [...state.waiters]) waiter();
    },
  };
}

/** Whether the link is up, as far as the client knows; connections that are not tracked count as up. */
export const isOnline = (nc: NatsConnection): boolean => links.get(nc)?.online ?? true;

/** Call back at every loss and return of the link; gives the function that ends it. */
export function onLinkChange(nc: NatsConnection, callback: () => void): () => void {
  const waiters = links.get(nc)?.waiters;
  waiters?.add(callback);
  return () => void waiters?.delete(callback);
}

/** `nc.request` that fails at once when there is no link, and as soon as it breaks. */
export async function requestOnline(nc: NatsConnection, subject: string, data: Payload, options: RequestOptions): Promise<Msg> {
  const gone = () => new ConnectionError('the connection to NATS is down');
  if (!isOnline(nc)) throw gone();
  let stopWatching = (): void => {};
  const lost = new Promise<never>((_, reject) => {
    stopWatching = onLinkChange(nc, () => {
      if (!isOnline(nc)) reject(gone());
    });
  });
  try {
    return await Promise.race([nc.request(subject, data, options), lost]);
  } finally {
    stopWatching();
  }
}
