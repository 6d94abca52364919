import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { createInbox } from '@nats-io/transport-node';
import { isOnline, onLinkChange } from './connection-loss.js';
import type { Delivery } from './delivery.js';
import { isDelivery, toDelivery } from './delivery.js';

/*
 * Pulls from one durable consumer: "give me what is there, up to n; if nothing is, wait for something". One request is open at a time and
 * nothing is fetched ahead, so that what a process holds is what it works on.
 *
 * P1  A message that arrived is given out exactly once, also when it comes after its request was given up.
 * P2  A request that can no longer be answered (link lost, consumer or server gone, heartbeats missed) is given up and the next one
 *     made; the caller sees only silence.
 */

export interface PullOptions {
  stream: string;
  consumer: string;
  /** `$JS.API`, or what agents call it. */
  apiPrefix?: string;
  /** How long the server keeps a request open; at most 30 s, so that jobs do not go to a frozen process for long. */
  expiresMs?: number;
  /** Told once when pulling begins to fail and once when it works again. */
  onState?(state: 'ok' | 'failing', why: string): void;
}

const EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 5_000;
/** Two missed heartbeats: the request is lost. */
const SILENCE_MS = 2 * HEARTBEAT_MS + 1_000;
const RETRY_MS = 500;
const NS_PER_MS = 1_000_000;

/** What ended a request. */
type End = 'done' | 'silence' | { refused: string };

export class PullSource {
  private readonly inbox: string;
  private readonly subscription: Subscription;
  private readonly arrived: Delivery[] = [];
  private readonly stopLinkWatch: () => void;
  private request = 0;
  private wanted = 0;
  private finish: ((end: End) => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failing = false;
  private closed = false;

  constructor(
    private readonly nc: NatsConnection,
    private readonly options: PullOptions,
  ) {
    this.inbox = createInbox(inboxPrefix(nc));
    this.subscription = nc.subscribe(`${this.inbox}.*`, { callback: (_error, message) => this.take(message) });
    this.stopLinkWatch = onLinkChange(nc, () => this.finish?.('silence'));
  }

  /** At most `max` messages, in stream order; waits until there is one. Empty only after `close`. */
  async next(max: number): Promise<Delivery[]> {
    while (!this.closed) {
      if (this.arrived.length > 0) return this.arrived.splice(0, max);
      const end = await this.ask(max);
      if (this.arrived.length === 0 && end !== 'done') await this.afterFailure(end);
      else if (end === 'done') this.report('ok', '');
    }
    return this.arrived.splice(0);
  }

  /** Stop asking. What has arrived and was not given out is given back to the server. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stopLinkWatch();
    this.finish?.('done');
    this.subscription.unsubscribe();
    for (const message of this.arrived.splice(0)) message.nak(0);
  }

  private ask(max: number): Promise<End> {
    return new Promise((resolve) => {
      this.request += 1;
      this.wanted = max;
      this.finish = (end) => {
        clearTimeout(this.timer);
        this.finish = undefined;
        resolve(end);
      };
      if (!isOnline(this.nc) || this.nc.isClosed()) return this.finish('silence');
      this.expectSoon();
      const { stream, consumer, apiPrefix = '$JS.API', expiresMs = EXPIRES_MS } = this.options;
      const body = {
        batch: max,
        no_wait: true,
        expires: expiresMs * NS_PER_MS,
        idle_heartbeat: Math.min(HEARTBEAT_MS, expiresMs / 2) * NS_PER_MS,
      };
      this.nc.publish(`${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(body), {
        reply: `${this.inbox}.${this.request}`,
      });
    });
  }

  private take(message: Msg): void {
    if (isDelivery(message)) {
      this.arrived.push(toDelivery(message, this.nc));
      this.wanted -= 1;
      if (this.wanted <= 0) this.finish?.('done');
      else this.expectSoon();
      return;
    }
    // Statuses name their request; those of an earlier one are of no interest any more.
    if (!message.subject.endsWith(`.${this.request}`)) return;
    const code = message.headers?.code ?? 0;
    if (code === 100) this.expectSoon();
    else if (code === 404 || code === 408) this.finish?.('done');
    else this.finish?.({ refused: `${code} ${message.headers?.description ?? ''}`.trim() });
  }

  private expectSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.finish?.('silence'), SILENCE_MS);
  }

  private async afterFailure(end: End): Promise<void> {
    if (this.closed) return;
    this.report('failing', typeof end === 'object' ? end.refused : 'no answer');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(go, RETRY_MS);
      const stop = onLinkChange(this.nc, go);
      this.finish = go;
      const forget = () => (this.finish = undefined);
      function go() {
        clearTimeout(timer);
        stop();
        forget();
        resolve();
      }
    });
  }

  private report(state: 'ok' | 'failing', why: string): void {
    if ((state === 'failing') === this.failing) return;
    this.failing = state === 'failing';
    this.options.onState?.(state, why);
  }
}

/** Where this connection may receive replies, as `connectNats` set it. */
function inboxPrefix(nc: NatsConnection): string | undefined {
  return (nc as unknown as { options: { inboxPrefix?: string } }).options.inboxPrefix;
}
