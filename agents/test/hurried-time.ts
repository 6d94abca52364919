import type { AgentClock, Timers } from '../src/ports.js';

/** Real time between two steps of the clock, and the most that one step counts. */
const STEP_MS = 1;
const STEP_MS_MAX = 3;

interface Waiting {
  at: number;
  run: () => void;
}

/**
 * Time that runs about `factor` times as fast as real time, for waits of minutes and hours against real servers. It goes on by steps of this process's
 * event loop: on a busy machine, where everything else takes longer, it goes slower with all the rest, so that no limit is reached by load.
 */
export class HurriedTime implements AgentClock, Timers {
  private readonly epoch = Date.now();
  private passed = 0;
  private steppedAt = performance.now();
  private waiting: Waiting[] = [];
  private stepper: NodeJS.Timeout | undefined;

  constructor(readonly factor: number) {}

  now = (): number => Math.round(this.epoch + this.monotonic());

  monotonic = (): number => {
    const at = performance.now();
    this.passed += Math.min(at - this.steppedAt, STEP_MS_MAX) * this.factor;
    this.steppedAt = at;
    return this.passed;
  };

  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.monotonic() + ms, run };
    this.waiting.push(timer);
    this.stepper ??= setTimeout(this.step, STEP_MS);
    return () => {
      this.waiting = this.waiting.filter((other) => other !== timer);
      if (this.waiting.length > 0) return;
      clearTimeout(this.stepper);
      this.stepper = undefined;
    };
  };

  private readonly step = (): void => {
    const now = this.monotonic();
    if (!this.waiting.some(({ at }) => at <= now)) {
      this.stepper = setTimeout(this.step, STEP_MS);
      return;
    }
    const due = this.waiting.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    this.waiting = this.waiting.filter(({ at }) => at > now);
    this.stepper = this.waiting.length > 0 ? setTimeout(this.step, STEP_MS) : undefined;
    for (const { run } of due) run();
  };
}
