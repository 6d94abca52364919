import { Backoff } from './backoff.js';
import type { Clock, Ids, Log } from './ports.js';

/** A slow sweep proves that no wake-up was missed (I5). */
const SWEEP_MS = 5_000;
/** Whoever asks for a time in the past again and again does not get the whole processor. */
const PAUSE_MIN_MS = 2;
const RETRY = { firstMs: 50, maxMs: 5_000 };

export interface WakeLoopOptions {
  /** Does what is due and gives the time of the next thing due. */
  wake: (now: number) => Promise<number | undefined>;
  clock: Clock;
  ids: Ids;
  log: Log;
  sweepMs?: number;
}

/**
 * Calls `wake` when it asked for, after each nudge and by a sweep; one call at a time in this process, and a nudge during a call makes
 * another call, since what it announces may have come too late for the running one. Errors are logged and tried again with growing waits.
 */
export class WakeLoop {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private nudged = false;
  private stopped = false;
  private readonly backoff: Backoff;

  constructor(private readonly options: WakeLoopOptions) {
    this.backoff = new Backoff(RETRY, () => options.ids.random());
  }

  /** Begin with a first call at once. */
  start(): void {
    this.nudge();
  }

  /** Call `wake` soon. Coalesced with other nudges of the same turn of the event loop. */
  readonly nudge = (): void => {
    this.nudged = true;
    if (!this.running && !this.stopped) this.running = this.run();
  };

  /** No further calls; resolves when the running one has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    await Promise.resolve();
    let delay = this.options.sweepMs ?? SWEEP_MS;
    while (this.nudged && !this.stopped) {
      this.nudged = false;
      delay = await this.once();
    }
    this.running = undefined;
    if (!this.stopped) this.timer = setTimeout(this.nudge, delay);
  }

  private async once(): Promise<number> {
    const sweepMs = this.options.sweepMs ?? SWEEP_MS;
    const { clock, log, wake } = this.options;
    try {
      const next = await wake(clock.now());
      this.backoff.reset();
      return next === undefined ? sweepMs : Math.min(Math.max(next - clock.now(), PAUSE_MIN_MS), sweepMs);
    } catch (error) {
      const retryMs = this.backoff.next();
      log.error('doing what is due failed', { error, retryMs });
      return retryMs;
    }
  }
}
