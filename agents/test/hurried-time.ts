import type { AgentClock, Timers } from '../src/ports.js';

/** Real time that runs `factor` times as fast, for waits of minutes and hours against real servers. */
export class HurriedTime implements AgentClock, Timers {
  private readonly begunAt = performance.now();
  private readonly epoch = Date.now();

  constructor(readonly factor: number) {}

  now = (): number => Math.round(this.epoch + this.monotonic());
  monotonic = (): number => (performance.now() - this.begunAt) * this.factor;

  after = (ms: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, ms / this.factor);
    return () => clearTimeout(timer);
  };
}
