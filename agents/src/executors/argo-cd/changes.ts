import type { AgentClock, Timers } from '../../ports.js';
import { pause } from '../../timers.js';
import type { ArgoCdApi } from './api.js';

/** Without a word of the stream it is read this often, with one at most as often as `between`: events come in bursts. */
const READ_MS = { between: 1_000, silent: 10_000 };
/** As the argocd CLI does. */
const REOPEN_MS = { first: 1_000, max: 60_000 };

/**
 * Says when an Application is worth reading again. The stream of changes only hastens it: it may lose events, lags behind reads, and may be
 * cut off by a proxy, so nothing is ever concluded from what it says or does not say.
 */
export class Changes {
  private changed = false;
  private wake: (() => void) | undefined;
  private mayOpen: (() => void) | undefined;
  private readAt = -Infinity;
  private readonly closed = new AbortController();

  constructor(
    private readonly api: ArgoCdApi,
    private readonly parts: { clock: AgentClock; timers: Timers },
  ) {
    void this.listen();
  }

  /** Resolves when it should be read again, or at once when the signal fires. `soon`: whether there is news or not. */
  async next(signal: AbortSignal, when?: 'soon'): Promise<void> {
    const { clock, timers } = this.parts;
    this.mayOpen?.();
    const early = this.readAt + READ_MS.between - clock.monotonic();
    if (early > 0) await pause(timers, early, signal);
    if (!this.changed && when !== 'soon' && !signal.aborted) {
      const woken = new AbortController();
      this.wake = () => woken.abort();
      await pause(timers, READ_MS.silent - READ_MS.between, AbortSignal.any([signal, woken.signal]));
      this.wake = undefined;
    }
    this.changed = false;
    this.readAt = clock.monotonic();
  }

  close(): void {
    this.closed.abort();
    this.mayOpen?.();
  }

  private async listen(): Promise<void> {
    const { signal } = this.closed;
    let reopenMs = REOPEN_MS.first;
    while (!signal.aborted) {
      try {
        const stream = await this.api.changes(signal);
        for await (const chunk of stream) {
          void chunk;
          reopenMs = REOPEN_MS.first;
          this.changed = true;
          this.wake?.();
        }
      } catch {
        // Refused, cut off, or down: reading says which.
      }
      await pause(this.parts.timers, reopenMs, signal);
      // Whoever asks for more has read it meanwhile: a server that is down is asked by reads alone, which take turns.
      if (!signal.aborted) await new Promise<void>((resolve) => (this.mayOpen = resolve));
      reopenMs = Math.min(2 * reopenMs, REOPEN_MS.max);
    }
  }
}
