import { advanceJob, isOver, type JobEffect, type JobEvent } from '@slipway/core';
import type { JobRow } from '../tables.js';
import type { Work } from '../work.js';
import { jobEvent } from './job-events.js';

/** What the state machine may change of a job. */
const STATE = ['state', 'attempt', 'attemptsMax', 'epoch', 'reportN', 'agent', 'leaseUntil', 'lapses', 'observeFirst', 'queuedAt', 'dispatchedAt', 'claimedAt', 'startedAt', 'finishedAt', 'heardAt', 'cancelAskedAt', 'cancelAs', 'asked', 'confirmation', 'pickupUntil', 'runUntil', 'cancelUntil', 'wakeAt', 'percent', 'step', 'message', 'links', 'outputs'] as const satisfies readonly (keyof JobRow)[]; // prettier-ignore

/** Put one event through the state machine of a job. What follows from it is noted in the work and carried on by `settle`. */
export function stepJob(work: Work, row: JobRow, event: JobEvent): void {
  const { job, effects } = advanceJob(row, event, { now: work.now, random: work.world.ids.random() });
  if (job !== row) {
    const stops = job.cancelAskedAt !== undefined && row.cancelAskedAt === undefined && !isOver(job);
    const answered = event.type === 'confirm' && job.confirmation !== row.confirmation;
    if ((stops || answered) && job.agent !== undefined) work.nudges.add(job.agent);
    work.jobs.take(row, job, STATE);
    // Nobody knows whether an `unknown` job still works on its target: it keeps it until a person has said (I1).
    if (isOver(job)) work.jobs.change(row, { occupies: job.state === 'unknown', held: undefined, heldBecause: undefined });
  }
  for (const effect of effects) carry(work, row, event, effect);
}

function carry(work: Work, row: JobRow, event: JobEvent, effect: JobEffect): void {
  switch (effect.type) {
    case 'requeue':
      work.queued.push(row);
      return;
    case 'measured': {
      const { metric, index, result, at, value, message } = effect.measurement;
      work.measured.push({
        jobId: row.id,
        ...{ metric, index, result, at: Math.round(at) },
        ...(value === undefined ? {} : { value }),
        ...(message === undefined ? {} : { message }),
      });
      return;
    }
    case 'announce':
      if (effect.verb === 'started') {
        work.begun.add(row);
        return;
      }
      const withdrawn = event.type === 'withdraw' || (event.type === 'report' && nothingBegan(row));
      if (isOver(row)) work.ended.push({ row, withdrawn });
      // What never began ends quietly, and a verification's end is told by its verdict.
      if (withdrawn || row.kind === 'verify') return;
      work.say(jobEvent(row, effect.verb, work.now));
  }
}

/** An agent that came to look found that nothing had begun, and where the gate has closed meanwhile that was the end of it. */
function nothingBegan(row: JobRow): boolean {
  return (
    row.kind !== 'verify' &&
    row.state === 'cancelled' &&
    row.attempt === 1 &&
    row.startedAt === undefined &&
    row.cancelAskedAt === undefined
  );
}
