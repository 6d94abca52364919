import type { JobReport, Json, Measurement } from '@slipway/core';
import type { Grant } from './ports.js';

/*
 * What the agent must remember over its own death: which jobs it holds, what it said of them and what of that was not yet acknowledged.
 * A record is written before the thing it tells of is done (claim before run, report before send).
 */

export type JournalRecord =
  | { type: 'held'; job: string; grant: Grant }
  | { type: 'report'; job: string; report: JobReport }
  /** Reports up to `n` of this epoch have arrived. */
  | { type: 'acknowledged'; job: string; epoch: number; n: number }
  /** Where an executor stands: offsets of its log and the like. The last one of a key counts. */
  | { type: 'note'; job: string; key: string; value: Json }
  | { type: 'forgotten'; job: string; epoch: number };

/** One held job as the journal knows it. */
export interface JournalEntry {
  grant: Grant;
  /** Not yet acknowledged, in order. */
  pending: JobReport[];
  /** Number of the last report, acknowledged or not. */
  lastN: number;
  /** When the job began to run, in epoch milliseconds. */
  startedAt?: number;
  /** The final report was written. */
  finished: boolean;
  measurements: Measurement[];
  notes: Record<string, Json>;
}

export interface Journal {
  /** What is held, after everything readable was read; a torn record at the end is cut off. */
  load(): Promise<JournalEntry[]>;
  /** `durable`: resolves only once it is on disk. Appends that wait together share one sync. */
  append(records: readonly JournalRecord[], durable: boolean): Promise<void>;
  close(): Promise<void>;
}

const FINAL = new Set(['succeeded', 'failed', 'cancelled', 'timedOut', 'rejected', 'unknown']);

export const isFinal = (report: JobReport): boolean => FINAL.has(report.verb);

/** Apply one record to what is held. Total: records of jobs or epochs that are not held change nothing. */
export function applyRecord(held: Map<string, JournalEntry>, record: JournalRecord): void {
  if (record.type === 'held') {
    // The same grant again, because the answer to a claim was asked for twice.
    if (held.get(record.job)?.grant.epoch === record.grant.epoch) return;
    held.set(record.job, {
      grant: record.grant,
      pending: [],
      lastN: 0,
      finished: false,
      measurements: [...record.grant.measurements],
      notes: {},
    });
    return;
  }
  const entry = held.get(record.job);
  if (!entry) return;
  switch (record.type) {
    case 'report': {
      const report = record.report;
      if (report.epoch !== entry.grant.epoch || report.n <= entry.lastN || entry.finished) return;
      entry.pending.push(report);
      entry.lastN = report.n;
      if (report.verb === 'started') entry.startedAt = report.at;
      if (report.verb === 'measured') entry.measurements.push(report.measurement);
      entry.finished ||= isFinal(report);
      return;
    }
    case 'acknowledged':
      if (record.epoch === entry.grant.epoch) entry.pending = entry.pending.filter((report) => report.n > record.n);
      return;
    case 'note':
      entry.notes[record.key] = record.value;
      return;
    case 'forgotten':
      if (record.epoch === entry.grant.epoch) held.delete(record.job);
  }
}

/** The shortest list of records that leads to the same state: what a compacted journal holds. */
export function snapshotRecords(held: ReadonlyMap<string, JournalEntry>): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (const [job, entry] of held) {
    if (entry.finished && entry.pending.length === 0) continue;
    const known = { ...entry.grant, measurements: entry.measurements.filter((m) => !entry.pending.some((r) => isMeasurement(r, m))) };
    records.push({ type: 'held', job, grant: known });
    const { epoch } = entry.grant;
    const acknowledgedN = (entry.pending[0]?.n ?? entry.lastN + 1) - 1;
    // A stand-in for acknowledged reports, so that numbering and the start time survive.
    if (acknowledgedN > 0) {
      const standIn: JobReport =
        entry.startedAt === undefined
          ? { verb: 'progress', epoch, n: acknowledgedN, at: 0 }
          : { verb: 'started', epoch, n: acknowledgedN, at: entry.startedAt };
      records.push({ type: 'report', job, report: standIn }, { type: 'acknowledged', job, epoch, n: acknowledgedN });
    }
    for (const report of entry.pending) records.push({ type: 'report', job, report });
    for (const [key, value] of Object.entries(entry.notes)) records.push({ type: 'note', job, key, value });
  }
  return records;
}

const isMeasurement = (report: JobReport, m: Measurement): boolean =>
  report.verb === 'measured' && report.measurement.metric === m.metric && report.measurement.index === m.index;
