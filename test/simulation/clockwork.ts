import type { Faults } from './faults.js';
import type { Random } from './random.js';

/*
 * Virtual time and the order of things. Every await of a simulated process on a store, a stream or a request is a *point*: the process stops there,
 * and goes on only when the clockwork picks it, which is also where it may die. Between two steps nothing runs. One seed, one history.
 */

/** One life of a process: a restart is a new one. Whatever belongs to a dead life is never run again. */
export class Life {
  alive = true;
  constructor(readonly name: string) {}
}

/** What a dead process' open transaction gets, so that it is rolled back; nobody else ever sees it. */
export class Died extends Error {}

interface Ready {
  life: Life;
  run: () => void;
  /** Inside a transaction: told of the death, so that the transaction is rolled back. */
  die: (() => void) | undefined;
}

interface Timer {
  at: number;
  order: number;
  life: Life | undefined;
  run: () => void;
}

const NEVER = new Promise<never>(() => undefined);

/** Awaited by a dead process: it goes no further. */
export function never<T>(): Promise<T> {
  return NEVER;
}

const SLOW_STEP_MS_MAX = 5_000;

export class Clockwork {
  now: number;
  steps = 0;
  private ready: Ready[] = [];
  private timers: Timer[] = [];
  private order = 0;
  /** Called with the life that is about to go on; true: it dies here. */
  mayDie: (life: Life) => boolean = () => false;

  constructor(
    start: number,
    readonly random: Random,
    private readonly faults: () => Faults,
  ) {
    this.now = start;
  }

  /** The process stops here until it is picked; when it dies here, it never goes on (inside a transaction the promise rejects with Died). */
  point(life: Life, inTransaction = false): Promise<void> {
    if (!life.alive) return inTransaction ? Promise.reject(new Died()) : never();
    return new Promise((resolve, reject) => {
      const ready: Ready = { life, run: resolve, die: inTransaction ? () => reject(new Died()) : undefined };
      if (this.random.chance(this.faults().slowStep)) {
        const delay = this.random.between(1, SLOW_STEP_MS_MAX);
        this.slow.add(ready);
        this.after(undefined, delay, () => {
          if (this.slow.delete(ready)) this.ready.push(ready);
        });
      } else this.ready.push(ready);
    });
  }
  private readonly slow = new Set<Ready>();

  /** Run once after the delay, unless its life has ended by then. Gives how to call it off. */
  after(life: Life | undefined, ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.now + Math.max(0, ms), order: this.order++, life, run };
    let low = 0;
    let high = this.timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.timers[middle]!;
      if (other.at < timer.at || (other.at === timer.at && other.order < timer.order)) low = middle + 1;
      else high = middle;
    }
    this.timers.splice(low, 0, timer);
    return () => {
      const at = this.timers.indexOf(timer);
      if (at >= 0) this.timers.splice(at, 1);
    };
  }

  sleep(life: Life | undefined, ms: number): Promise<void> {
    return new Promise((resolve) => this.after(life, ms, resolve));
  }

  kill(life: Life): void {
    if (!life.alive) return;
    life.alive = false;
    const dying = [...this.ready, ...this.slow].filter((r) => r.life === life);
    this.ready = this.ready.filter((r) => r.life !== life);
    for (const r of dying) this.slow.delete(r);
    this.timers = this.timers.filter((t) => t.life !== life);
    for (const r of dying) r.die?.();
  }

  /** One thing happens: a process goes on from its point, or time moves to the next timer. False: nothing is left to happen. */
  async step(until: number): Promise<boolean> {
    this.steps++;
    if (this.ready.length > 0) {
      const index = Math.floor(this.random.next() * this.ready.length);
      const [picked] = this.ready.splice(index, 1) as [Ready];
      if (this.mayDie(picked.life)) {
        this.ready.push(picked);
        this.kill(picked.life);
      } else picked.run();
      await settled();
      return true;
    }
    const next = this.timers[0];
    if (!next || next.at > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    this.timers.shift();
    this.now = Math.max(this.now, next.at);
    if (next.life?.alive !== false) next.run();
    await settled();
    return true;
  }
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
