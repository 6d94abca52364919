import { pause } from '../../timers.js';
import { Refused } from '../executor.js';
import type { Hindrance } from './hindrance.js';
import type { Workplace } from './workplace.js';

/** A lock is often short; a state store or a registry that is away is not asked in a storm. */
const BETWEEN_TRIES_MS = { locked: { first: 1_000, max: 15_000 }, outOfReach: { first: 2_000, max: 60_000 } } as const;

/** Waits between tries that were hindered, each time longer, and says why. */
export class Waiting {
  private tries = 0;
  private lockedSince: number | undefined;
  private said = false;

  constructor(private readonly place: Workplace) {}

  /** Until the next try, or until the run is to end. Throws `Refused` when the lock was waited for as long as the config allows. */
  async pass({ kind, reason }: Hindrance): Promise<void> {
    const { run, config } = this.place;
    const now = run.clock.monotonic();
    this.lockedSince = kind === 'locked' ? (this.lockedSince ?? now) : undefined;
    const waitedMs = this.lockedSince === undefined ? 0 : now - this.lockedSince;
    if (config.lockTimeout !== undefined && waitedMs >= config.lockTimeout)
      throw new Refused(`nothing was applied: after ${config.lockTimeout / 1_000} s ${reason}`);
    if (!this.said) run.output.write('agent', `waits: ${reason}\n`);
    this.said = true;
    run.progress({ step: 'waiting', message: `waits: ${reason}` });
    const { first, max } = BETWEEN_TRIES_MS[kind];
    await pause(run.timers, Math.min(first * 2 ** this.tries, max), run.ending);
    this.tries += 1;
  }
}
