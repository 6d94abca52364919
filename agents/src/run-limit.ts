import type { HeldJob } from './held-job.js';
import type { AgentClock, Timers } from './ports.js';

/** Kept with the job, so that a new life of the agent counts on: since when the limit counts, or null while a person is waited for. */
const NOTE = 'limitSince';

export interface RunLimitParts {
  clock: AgentClock;
  timers: Timers;
  note: (held: HeldJob, key: string, value: number | 'suspended') => void;
}

/** How long a run may take. Stands still while a person must act, and begins anew when the run goes on. */
export class RunLimit {
  /** Resolves when the time is over. */
  readonly over: Promise<void>;
  private readonly end: () => void;
  private stopTimer: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly held: HeldJob,
    private readonly limitMs: number,
    private readonly parts: RunLimitParts,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.end = resolve;
    const noted = held.notes[NOTE];
    if (noted !== 'suspended') this.arm(typeof noted === 'number' ? noted : (held.startedAt ?? parts.clock.now()));
  }

  suspend(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
    this.parts.note(this.held, NOTE, 'suspended');
  }

  /** Begin anew, if it stood still. */
  resume(): void {
    if (this.stopTimer || this.closed) return;
    const now = this.parts.clock.now();
    this.parts.note(this.held, NOTE, now);
    this.arm(now);
  }

  close(): void {
    this.closed = true;
    this.stopTimer?.();
  }

  private arm(since: number): void {
    this.stopTimer = this.parts.timers.after(Math.max(0, since + this.limitMs - this.parts.clock.now()), this.end);
  }
}
