import type { JobReport, Json, Measurement } from '@slipway/core';
import type { JournalEntry } from './journal.js';
import type { Grant } from './ports.js';

/** A report without what the agent adds to it: epoch, number and time. */
export type Saying = JobReport extends infer R ? (R extends JobReport ? Omit<R, 'epoch' | 'n' | 'at'> : never) : never;

/**
 * One job this agent holds, from grant until its final report was acknowledged or it was told to stop.
 * `running` (with a lease that may lapse and be renewed) → `finished` (final report said) → gone; or → `stopped` at any moment.
 */
export class HeldJob {
  /** Fires when the job is not ours any more: nothing may be said of it after. */
  readonly stopped = new AbortController();
  /** Fires when the controller asked for it to be cancelled. */
  readonly cancelled = new AbortController();
  lastN = 0;
  startedAt: number | undefined;
  finished = false;
  readonly measurements: Measurement[];
  readonly notes: Record<string, Json>;
  /** Monotonic time until which the lease is known to hold; unknown after a restart of the agent. */
  leaseUntil: number;
  /** Monotonic time of the next renewal. */
  renewAt: number;
  private leaseWaiters: (() => void)[] = [];
  /** The last question that a person was asked. */
  private asked: { question: string; confirmed: AbortController } | undefined;
  /** What a person has confirmed; after a restart this may be known before it is asked again. */
  private confirmed: string | undefined;

  constructor(
    readonly grant: Grant,
    askedAt: number,
  ) {
    this.leaseUntil = askedAt + grant.leaseMs;
    this.renewAt = askedAt + grant.renewMs;
    this.measurements = [...grant.measurements];
    this.notes = {};
  }

  /** Taken up again from the journal: whether the lease still holds is not known until the first renewal. */
  static resumed(entry: JournalEntry, now: number): HeldJob {
    const job = new HeldJob({ ...entry.grant, measurements: entry.measurements }, now);
    job.leaseUntil = -Infinity;
    job.renewAt = now;
    job.lastN = entry.lastN;
    job.startedAt = entry.startedAt;
    job.finished = entry.finished;
    Object.assign(job.notes, entry.notes);
    return job;
  }

  get id(): string {
    return this.grant.job;
  }

  /** Names one run: a redelivery or a new lease of the same attempt is the same run; a retry is another. */
  get runId(): string {
    return `${this.grant.job}.${this.grant.attempt}`;
  }

  extendLease(askedAt: number, leaseMs: number): void {
    this.leaseUntil = askedAt + leaseMs;
    this.renewAt = askedAt + leaseMs / 3;
    this.release();
  }

  /** It is not ours any more. */
  stop(): void {
    this.stopped.abort();
    this.release();
  }

  cancel(): void {
    this.cancelled.abort();
    this.release();
  }

  /** Fires when a person has confirmed this question; one that another took the place of never fires any more. */
  ask(question: string): AbortSignal {
    if (this.asked?.question !== question) {
      this.asked = { question, confirmed: new AbortController() };
      if (this.confirmed === question) this.asked.confirmed.abort();
      else this.confirmed = undefined;
    }
    return this.asked.confirmed.signal;
  }

  /** By the controller's word, said again with every renewal: a person has confirmed this question. */
  confirm(question: string): void {
    if (this.asked && this.asked.question !== question) return;
    this.confirmed = question;
    this.asked?.confirmed.abort();
  }

  /** Wait until nothing but a fresh renewal says that the job is ours, or it was stopped or cancelled. Before anything new is started. */
  async awaitLease(monotonic: () => number): Promise<void> {
    while (monotonic() >= this.leaseUntil && !this.stopped.signal.aborted && !this.cancelled.signal.aborted) {
      await new Promise<void>((resolve) => this.leaseWaiters.push(resolve));
    }
  }

  private release(): void {
    for (const resolve of this.leaseWaiters.splice(0)) resolve();
  }
}
