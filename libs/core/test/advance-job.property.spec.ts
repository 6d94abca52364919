import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { advanceJob, isOver, type Job, type JobEvent } from '@slipway/core';
import { arbitraryHistory, sampleJob } from './job-arbitraries.js';

const RUNS = { numRuns: 500 };

function forEachStep(history: readonly [JobEvent, number][], check: (before: Job, event: JobEvent, after: Job, now: number) => void): Job {
  let job = sampleJob();
  let now = 0;
  for (const [event, passes] of history) {
    now += passes;
    const after = advanceJob(job, event, { now, random: 0.5 }).job;
    check(job, event, after, now);
    job = after;
  }
  return job;
}

describe('advanceJob, for any events in any order', () => {
  it('I5: whatever is not over has a time at which it is looked at again', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        forEachStep(history, (_, event, after) => {
          if (isOver(after)) expect(after.wakeAt).toBeUndefined();
          else expect([event.type, typeof after.wakeAt]).toEqual([event.type, 'number']);
        });
      }),
      RUNS,
    );
  });

  it('I6: an ended job never changes again, save that a person ends `unknown`', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        forEachStep(history, (before, event, after) => {
          if (!isOver(before)) return;
          if (before.state === 'unknown' && event.type === 'resolve') expect(after.state).toBe(event.as);
          else expect(after).toBe(before);
        });
      }),
      RUNS,
    );
  });

  it('I3: a report that does not fit epoch, number and holder moves no state; epochs and numbers never fall', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        forEachStep(history, (before, event, after) => {
          expect(after.epoch).toBeGreaterThanOrEqual(before.epoch);
          if (after.epoch === before.epoch) expect(after.reportN).toBeGreaterThanOrEqual(before.reportN);
          if (event.type !== 'report') return;
          const { epoch, n } = event.report;
          if (epoch !== before.epoch || n <= before.reportN || event.agent !== before.agent) expect(after).toBe(before);
        });
      }),
      RUNS,
    );
  });

  it('I3: the same event again at the same moment changes nothing', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        forEachStep(history, (_, event, after, now) => {
          expect(advanceJob(after, event, { now, random: 0.5 }).job).toBe(after);
        });
      }),
      RUNS,
    );
  });

  it('I3: a held job has one holder: a claim is granted to one agent per epoch', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        const holders = new Map<number, string>();
        forEachStep(history, (_, __, after) => {
          if (!after.agent) return;
          expect(holders.get(after.epoch) ?? after.agent).toBe(after.agent);
          holders.set(after.epoch, after.agent);
        });
      }),
      RUNS,
    );
  });

  it('a confirmation answers what is asked at that moment, and is gone once something else is asked', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        forEachStep(history, (before, event, after) => {
          const given = after.confirmation !== undefined && after.confirmation !== before.confirmation;
          if (given) {
            expect(event.type).toBe('confirm');
            expect(before.state).toBe('actionRequired');
            expect(after.confirmation?.question).toBe(before.asked?.question);
          }
          if (event.type === 'confirm') expect({ ...after, confirmation: undefined }).toEqual({ ...before, confirmation: undefined });
          if (after.state === 'actionRequired') expect([undefined, after.asked?.question]).toContain(after.confirmation?.question);
        });
      }),
      RUNS,
    );
  });

  it('what a person is asked stands while they must act, and while the holder is out of reach; never beyond', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        forEachStep(history, (_, __, after) => {
          if (after.state === 'actionRequired') expect(after.asked).toBeDefined();
          if (after.asked) expect(['actionRequired', 'queued', 'dispatched']).toContain(after.state);
        });
      }),
      RUNS,
    );
  });

  it('I13: left to time alone, every job ends', () => {
    fc.assert(
      fc.property(arbitraryHistory, (history) => {
        let job = forEachStep(history, () => undefined);
        let now = 100_000_000;
        for (let steps = 0; !isOver(job); steps++) {
          expect(steps).toBeLessThan(50);
          now = Math.max(now, job.wakeAt ?? now);
          const step = advanceJob(job, { type: 'time' }, { now, random: 0.5 });
          job = step.job;
          if (step.effects.some((e) => e.type === 'requeue')) job = advanceJob(job, { type: 'dispatched' }, { now, random: 0.5 }).job;
        }
      }),
      RUNS,
    );
  });
});
