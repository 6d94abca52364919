import type { AgentClock, Timers } from '../src/ports.js';

/** Time that stands until it is told to go on; timers fire in order of their time. */
export class VirtualTime implements AgentClock, Timers {
  private at = 1_000_000;
  private readonly waiting: { at: number; order: number; run: () => void }[] = [];
  private order = 0;

  now = (): number => this.at;
  monotonic = (): number => this.at;

  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.at + ms, order: this.order++, run };
    this.waiting.push(timer);
    return () => {
      const index = this.waiting.indexOf(timer);
      if (index >= 0) this.waiting.splice(index, 1);
    };
  };

  /** Let all that is ready happen, without time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Let this much time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const until = this.at + ms;
    await this.settle();
    for (;;) {
      const next = this.waiting.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!next) break;
      this.at = Math.max(this.at, next.at);
      this.waiting.splice(this.waiting.indexOf(next), 1);
      next.run();
      await this.settle();
    }
    this.at = until;
  }
}
