import type { AgentClock, Timers } from './ports.js';

/** Two reports of progress a second and job are as many as a person can read. */
const INTERVAL_MS = 500;

export interface Progress {
  percent?: number;
  step?: string;
  message?: string;
  links?: Record<string, string>;
}

/** Lets progress through at most twice a second; what comes in between is merged, and the last word is never lost. */
export class ProgressReports {
  private waiting: Progress | undefined;
  private saidAt = -Infinity;
  private stopTimer: (() => void) | undefined;

  constructor(
    private readonly clock: AgentClock,
    private readonly timers: Timers,
    private readonly say: (progress: Progress) => void,
  ) {}

  add(progress: Progress): void {
    const links = { ...this.waiting?.links, ...progress.links };
    this.waiting = { ...this.waiting, ...progress, ...(Object.keys(links).length > 0 ? { links } : {}) };
    const waitMs = this.saidAt + INTERVAL_MS - this.clock.monotonic();
    if (waitMs <= 0) this.flush();
    else this.stopTimer ??= this.timers.after(waitMs, () => this.flush());
  }

  /** Say what waits, now. */
  flush(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
    if (!this.waiting) return;
    const progress = this.waiting;
    this.waiting = undefined;
    this.saidAt = this.clock.monotonic();
    this.say(progress);
  }
}
