import type { AgentClock, Timers } from '../ports.js';
import { pause } from '../timers.js';
import { Interrupted } from './failures.js';

/** From the first failure to the longest wait between two tries; a vendor that is down for an hour is asked about 70 times, however many runs wait. */
const RETRY_MS = { first: 1_000, max: 60_000 };
/** A vendor that asks for more patience than this is asked again all the same. */
const PATIENCE_MS_MAX = 3_600_000;

/**
 * What all requests of this agent to one server share: while it is down or wants fewer requests, all wait, and one at a time tries. Never a storm.
 */
export class OriginGate {
  private failures = 0;
  private notBefore = 0;
  private because = '';
  private trying = false;
  private waiters: (() => void)[] = [];

  constructor(
    private readonly clock: AgentClock,
    private readonly timers: Timers,
    private readonly random: () => number,
  ) {}

  /** Resolves when a request may be sent. Whoever is let in reports with `opened` or `closed`, or leaves with `left`. Throws `Interrupted`. */
  async enter(signal: AbortSignal, waiting: (reason: string) => void): Promise<void> {
    for (;;) {
      if (signal.aborted) throw new Interrupted();
      const waitMs = this.notBefore - this.clock.monotonic();
      if (waitMs > 0) {
        waiting(`${this.because}; asked ${this.failures} times, again in ${Math.ceil(waitMs / 1_000)} s`);
        await pause(this.timers, waitMs, signal);
      } else if (this.failures > 0 && this.trying) {
        await this.nextTurn(signal);
      } else {
        this.trying = this.failures > 0;
        return;
      }
    }
  }

  /** The server answered. */
  opened(): void {
    this.failures = 0;
    this.left();
  }

  /** It did not, or wants to be left alone for so long. */
  closed(because: string, patienceMs?: number): void {
    this.failures++;
    this.because = because;
    const backoffMs = Math.min(RETRY_MS.first * 2 ** (this.failures - 1), RETRY_MS.max) * (0.75 + this.random() / 2);
    const waitMs = patienceMs === undefined ? backoffMs : Math.min(patienceMs, PATIENCE_MS_MAX);
    this.notBefore = Math.max(this.notBefore, this.clock.monotonic() + waitMs);
    this.left();
  }

  /** Neither: the request was given up. */
  left(): void {
    this.trying = false;
    for (const wake of this.waiters.splice(0)) wake();
  }

  private nextTurn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiters.push(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
