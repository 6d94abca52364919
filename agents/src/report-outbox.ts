import { MESSAGE_LENGTH_MAX, OUTPUTS_BYTES_MAX } from '@slipway/contracts';
import type { JobReport, JsonObject } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import type { HeldJob, Saying } from './held-job.js';
import { isFinal, type Journal, type JournalRecord } from './journal.js';
import type { AgentClock, Link, OutgoingReport, Timers } from './ports.js';
import { cleanText } from './text.js';
import { pause } from './timers.js';

/** What is said within so many turns leaves together: one write to the journal, one atomic batch, and of a job that is over at once one report. */
const LINGER_TURNS = 40;
/** One atomic batch of the stream. */
const BATCH_MAX = 500;
const RETRY_MS = { first: 250, max: 5_000 };

interface Said extends OutgoingReport {
  held: HeldJob;
}

/**
 * Everything the agent says of its jobs, in the order it was said: journaled (durable), then published, again and again until acknowledged.
 * One batch is under way at a time, so no report overtakes another; what is said meanwhile makes up the next batch.
 */
export class ReportOutbox {
  /** Said, not yet in the journal. */
  private queue: Said[] = [];
  /** How many of the queue, from its front, are being written to the journal now. */
  private journaling = 0;
  /** In the journal, not yet acknowledged. */
  private journaled: Said[] = [];
  private pumping = false;
  private readonly closed = new AbortController();
  private idleWaiters: (() => void)[] = [];

  constructor(
    private readonly parts: {
      link: Link;
      journal: Journal;
      clock: AgentClock;
      timers: Timers;
      log: Log;
      /** The final report of this job was acknowledged. */
      settled: (held: HeldJob) => void;
    },
  ) {}

  /** Say something of a job; numbered here. Said of a stopped or finished job it is dropped. */
  say(held: HeldJob, saying: Saying): void {
    if (held.stopped.signal.aborted || held.finished) return;
    const n = this.takeBackStart(held, saying) ?? ++held.lastN;
    const report = bounded({ ...saying, epoch: held.grant.epoch, n, at: this.parts.clock.now() } as JobReport);
    if (report.verb === 'started') held.startedAt = report.at;
    if (report.verb === 'measured') held.measurements.push(report.measurement);
    if (isFinal(report)) held.finished = true;
    this.queue.push({ held, job: held.id, report });
    void this.pump([]);
  }

  /**
   * Success tells of the start too: a `started` that nobody has seen, not even the journal, gives its place to it. Gives the number that became
   * free.
   */
  private takeBackStart(held: HeldJob, saying: Saying): number | undefined {
    if (saying.verb !== 'succeeded' || held.lastN !== 1) return undefined;
    const at = this.queue.findLastIndex((said) => said.held === held);
    if (at < this.journaling || this.queue[at]?.report.verb !== 'started') return undefined;
    this.queue.splice(at, 1);
    return 1;
  }

  /** Reports of an earlier life that were not acknowledged: already in the journal. */
  restore(held: HeldJob, reports: readonly JobReport[]): void {
    void this.pump(reports.map((report) => ({ held, job: held.id, report })));
  }

  /** Resolves when nothing is left to send, or the outbox was closed. */
  idle(): Promise<void> {
    if (!this.pumping || this.closed.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Send no more; what was not acknowledged stays in the journal. */
  close(): void {
    this.closed.abort();
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private async pump(journaled: readonly Said[]): Promise<void> {
    this.journaled.push(...journaled);
    if (this.pumping) return;
    this.pumping = true;
    let retryMs = RETRY_MS.first;
    while (!this.closed.signal.aborted) {
      try {
        if (!(await this.sendNext())) break;
        retryMs = RETRY_MS.first;
      } catch (error) {
        this.parts.log.warn('reports not delivered, trying again', {
          waiting: this.journaled.length + this.queue.length,
          error: String(error),
        });
        await pause(this.parts.timers, retryMs, this.closed.signal);
        retryMs = Math.min(retryMs * 2, RETRY_MS.max);
      }
    }
    this.pumping = false;
    // Said between the last look and now.
    if (!this.closed.signal.aborted && this.queue.length + this.journaled.length > 0) return this.pump([]);
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  /** Gives false when there was nothing to send. */
  private async sendNext(): Promise<boolean> {
    for (let turn = 0; turn < LINGER_TURNS; turn += 1) await Promise.resolve();
    const fresh = this.queue.slice(0, BATCH_MAX);
    if (fresh.length > 0) {
      this.journaling = fresh.length;
      try {
        await this.parts.journal.append(
          fresh.map(({ job, report }): JournalRecord => ({ type: 'report', job, report })),
          true,
        );
        this.queue.splice(0, fresh.length);
        this.journaled.push(...fresh);
      } finally {
        this.journaling = 0;
      }
    }
    this.journaled = this.journaled.filter(({ held }) => !held.stopped.signal.aborted);
    const batch = this.journaled.slice(0, BATCH_MAX);
    if (batch.length === 0) return this.queue.length > 0;
    await this.parts.link.report(batch.map(({ job, report }) => ({ job, report })));
    if (this.closed.signal.aborted) return false;
    this.journaled.splice(0, batch.length);
    this.acknowledge(batch);
    return true;
  }

  private acknowledge(batch: readonly Said[]): void {
    const last = new Map<HeldJob, number>();
    for (const { held, report } of batch) last.set(held, report.n);
    const records: JournalRecord[] = [];
    for (const [held, n] of last) {
      const over = held.finished && n === held.lastN;
      const { epoch } = held.grant;
      records.push(over ? { type: 'forgotten', job: held.id, epoch } : { type: 'acknowledged', job: held.id, epoch, n });
      if (over) this.parts.settled(held);
    }
    // Not durable: what is sent twice after a crash is recognised by its number (I3).
    this.parts.journal
      .append(records, false)
      .catch((error: unknown) => this.parts.log.warn('journal not written', { error: String(error) }));
  }
}

/** Keep a report within what its stream and a row take; whatever came from a program may be of any size and content. */
function bounded(report: JobReport): JobReport {
  const next = { ...report } as JobReport & {
    message?: string;
    step?: string;
    outputs?: JsonObject;
    link?: string;
    links?: Record<string, string>;
  };
  if (next.message !== undefined) next.message = cleanText(next.message, MESSAGE_LENGTH_MAX);
  if (next.step !== undefined) next.step = cleanText(next.step, 200);
  if (next.outputs && JSON.stringify(next.outputs).length > OUTPUTS_BYTES_MAX) {
    delete next.outputs;
    next.message = cleanText(`${next.message ?? ''} (outputs left out: larger than ${OUTPUTS_BYTES_MAX} bytes)`.trim(), MESSAGE_LENGTH_MAX);
  }
  if (next.link !== undefined) next.link = cleanText(next.link, 2_000);
  if (next.links) {
    next.links = Object.fromEntries(
      Object.entries(next.links)
        .slice(0, 20)
        .map(([name, url]) => [cleanText(name, 100), cleanText(url, 2_000)]),
    );
  }
  return next;
}
