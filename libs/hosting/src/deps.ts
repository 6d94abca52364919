import type { Requests } from '@slipway/messaging';
import type { Store } from '@slipway/persistence';
import type { Clock, Ids, Log } from '@slipway/runtime';

/** What every service is made from; the host (or the simulation) holds it in its hand. */
export interface ServiceDeps {
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Requests to other services. */
  requests: Requests;
  /** Ask for `wake` to be called soon, after the commit that made something due. Coalesced; never throws. */
  nudge(): void;
}
