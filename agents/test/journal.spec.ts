import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobReport } from '@slipway/core';
import fc from 'fast-check';
import { FileJournal } from '../src/journal.file.js';
import { applyRecord, snapshotRecords, type JournalEntry, type JournalRecord } from '../src/journal.js';
import { grantOf, Scratch } from './scratch-run.js';

let scratch: Scratch;
let file: string;
beforeEach(() => {
  scratch = new Scratch();
  file = path.join(scratch.directory, 'journal');
});
afterEach(() => scratch.remove());

const started = (n: number, at = 5): JobReport => ({ verb: 'started', epoch: 1, n, at });
const progress = (n: number): JobReport => ({ verb: 'progress', epoch: 1, n, at: 6, percent: n });

async function written(...records: JournalRecord[]): Promise<void> {
  const journal = new FileJournal(file);
  await journal.load();
  for (const record of records) await journal.append([record], true);
  await journal.close();
}

async function reread(): Promise<JournalEntry[]> {
  const journal = new FileJournal(file);
  const entries = await journal.load();
  await journal.close();
  return entries;
}

describe('the journal', () => {
  it('knows after a restart what is held, what was said and what of that was acknowledged', async () => {
    await written(
      { type: 'held', job: 'a', grant: grantOf('a') },
      { type: 'held', job: 'b', grant: grantOf('b') },
      { type: 'report', job: 'a', report: started(1) },
      { type: 'report', job: 'a', report: progress(2) },
      { type: 'acknowledged', job: 'a', epoch: 1, n: 1 },
      { type: 'note', job: 'a', key: 'outOffset', value: 12 },
      { type: 'forgotten', job: 'b', epoch: 1 },
    );
    for (let time = 0; time < 2; time++) {
      expect(await reread()).toEqual([
        {
          grant: grantOf('a'),
          pending: [progress(2)],
          lastN: 2,
          startedAt: 5,
          finished: false,
          measurements: [],
          notes: { outOffset: 12 },
        },
      ]);
    }
  });

  it('cuts a torn last record off, wherever it was torn, and goes on behind it', async () => {
    await written({ type: 'held', job: 'a', grant: grantOf('a') });
    const whole = statSync(file).size;
    await written({ type: 'held', job: 'b', grant: grantOf('b') });
    const full = readFileSync(file);
    for (const length of [whole + 1, whole + 9, whole + 40, full.length - 1]) {
      writeFileSync(file, full);
      truncateSync(file, length);
      expect((await reread()).map(({ grant }) => grant.job)).toEqual(['a']);
    }
    await written({ type: 'held', job: 'c', grant: grantOf('c') });
    expect((await reread()).map(({ grant }) => grant.job)).toEqual(['a', 'c']);
  });

  it('does not believe garbage behind its records', async () => {
    await written({ type: 'held', job: 'a', grant: grantOf('a') });
    appendFileSync(file, '00000000 {"type":"held"}\n\0\0\0\0\0\0');
    expect((await reread()).map(({ grant }) => grant.job)).toEqual(['a']);
  });

  it('is readable by its owner only', async () => {
    await written({ type: 'held', job: 'a', grant: grantOf('a') });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('says when it cannot write', async () => {
    const journal = new FileJournal(file);
    await expect(journal.append([{ type: 'held', job: 'a', grant: grantOf('a') }], true)).rejects.toThrow('is not open');
  });

  it('I3: ignores records of jobs and epochs that are not held, and reports out of order', () => {
    const held = new Map<string, JournalEntry>();
    applyRecord(held, { type: 'report', job: 'x', report: started(1) });
    applyRecord(held, { type: 'held', job: 'a', grant: grantOf('a', { epoch: 2 }) });
    applyRecord(held, { type: 'report', job: 'a', report: started(1) });
    applyRecord(held, { type: 'forgotten', job: 'a', epoch: 1 });
    expect(held.get('a')?.pending).toEqual([]);
  });

  it('is the same after it was compacted, for any history', () => {
    const record: fc.Arbitrary<JournalRecord> = fc.oneof(
      fc
        .record({ type: fc.constant('held' as const), job: fc.constantFrom('a', 'b'), epoch: fc.integer({ min: 1, max: 3 }) })
        .map(({ job, epoch }) => ({
          type: 'held' as const,
          job,
          grant: grantOf(job, { epoch }),
        })),
      fc
        .record({
          job: fc.constantFrom('a', 'b'),
          epoch: fc.integer({ min: 1, max: 3 }),
          n: fc.integer({ min: 1, max: 5 }),
          verb: fc.constantFrom('started' as const, 'progress' as const, 'measured' as const, 'succeeded' as const),
        })
        .map(({ job, epoch, n, verb }): JournalRecord => ({
          type: 'report',
          job,
          report: (verb === 'measured'
            ? { verb, epoch, n, at: n, measurement: { metric: 'm', index: n, result: 'passed', at: n } }
            : { verb, epoch, n, at: n }) as JobReport,
        })),
      fc.record({ job: fc.constantFrom('a', 'b'), epoch: fc.integer({ min: 1, max: 3 }), n: fc.integer({ min: 1, max: 5 }) }).map((r) => ({
        type: 'acknowledged' as const,
        ...r,
      })),
      fc.record({
        type: fc.constant('note' as const),
        job: fc.constantFrom('a', 'b'),
        key: fc.constantFrom('k', 'l'),
        value: fc.integer(),
      }),
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), (records) => {
        const before = new Map<string, JournalEntry>();
        for (const r of records) applyRecord(before, r);
        const after = new Map<string, JournalEntry>();
        for (const r of snapshotRecords(before)) applyRecord(after, r);
        const seen = (held: Map<string, JournalEntry>): object[] =>
          [...held.values()]
            .filter((entry) => !entry.finished || entry.pending.length > 0)
            .map(({ grant, ...entry }) => ({
              ...entry,
              measurements: undefined,
              epoch: grant.epoch,
              measured: entry.measurements.map((m) => m.index).sort(),
            }));
        expect(seen(after)).toEqual(seen(before));
      }),
    );
  });
});
