import { performance } from 'node:perf_hooks';
import type { AgentClock, Timers } from './ports.js';

/** The longest that setTimeout takes; what is longer is waited for in parts. */
const TIMEOUT_MS_MAX = 2_147_483_647;

export const realTimers: Timers = {
  after(ms, run) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      timer = setTimeout(() => (leftMs > TIMEOUT_MS_MAX ? arm(leftMs - TIMEOUT_MS_MAX) : run()), Math.min(leftMs, TIMEOUT_MS_MAX));
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

export const realClock: AgentClock = { now: () => Date.now(), monotonic: () => performance.now() };

/** Resolves after the delay, or at once when the signal aborts. */
export function pause(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = timers.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
