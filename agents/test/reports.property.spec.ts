import { expect, it } from '@jest/globals';
import type { JobReport } from '@slipway/core';
import { silentLog } from '@slipway/runtime';
import fc from 'fast-check';
import { HeldJob } from '../src/held-job.js';
import { MemoryJournal } from '../src/journal.memory.js';
import { ReportOutbox } from '../src/report-outbox.js';
import { FakeLink } from './fake-link.js';
import { grantOf } from './scratch-run.js';
import { VirtualTime } from './virtual-time.js';

type Step =
  { act: 'say'; job: number } | { act: 'end'; job: number } | { act: 'pass'; ms: number } | { act: 'link'; up: boolean } | { act: 'die' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ act: fc.constant('say' as const), job: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('end' as const), job: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3_000 }) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('link' as const), up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ act: 'die' as const }) },
);

/** First arrivals of one job's reports: what is left of a log when repetitions are dropped. */
function firstArrivals(reports: readonly { job: string; report: JobReport }[], job: string): number[] {
  const seen: number[] = [];
  for (const said of reports) if (said.job === job && !seen.includes(said.report.n)) seen.push(said.report.n);
  return seen;
}

it('I3, I4: reports arrive complete and in the order of their numbers, whatever the link does and however often the agent dies', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.infiniteStream(fc.constantFrom('stored', 'stored', 'refused', 'unacknowledged')),
      async (steps, fates) => {
        const time = new VirtualTime();
        const journal = new MemoryJournal();
        const link = new FakeLink();
        link.fate = () => fates.next().value as ReturnType<FakeLink['fate']>;
        const make = (): ReportOutbox => new ReportOutbox({ link, journal, clock: time, timers: time, log: silentLog, settled: () => {} });

        let outbox = make();
        let held = ['a', 'b', 'c'].map((job) => new HeldJob(grantOf(job), 0));
        await journal.append(held.map(({ grant }) => ({ type: 'held', job: grant.job, grant })));
        for (const { act, ...what } of steps as (Step & { job: number; ms: number; up: boolean })[]) {
          if (act === 'say') outbox.say(held[what.job] as HeldJob, { verb: 'progress', percent: 1 });
          if (act === 'end') outbox.say(held[what.job] as HeldJob, { verb: 'succeeded' });
          if (act === 'pass') await time.pass(what.ms);
          if (act === 'link') link.up = what.up;
          if (act !== 'die') continue;
          await time.settle();
          outbox.close();
          await time.settle();
          outbox = make();
          const entries = new Map((await journal.load()).map((entry) => [entry.grant.job, entry]));
          held = held.map((job) => {
            const entry = entries.get(job.id);
            return entry ? HeldJob.resumed(entry, time.monotonic()) : job;
          });
          for (const job of held) if (entries.has(job.id)) outbox.restore(job, entries.get(job.id)?.pending ?? []);
        }
        link.up = true;
        link.fate = () => 'stored';
        await time.pass(20_000);
        for (const job of held) {
          expect(firstArrivals(link.reports, job.id)).toEqual(Array.from({ length: job.lastN }, (_, i) => i + 1));
        }
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
