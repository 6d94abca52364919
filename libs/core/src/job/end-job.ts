import type { Job, JobState, JobEffect } from '../model/job.js';
import type { JobStep, JobTime } from './job-step.js';
import { retryDelayMs } from './retry-delay.js';

export type JobOutcome = Extract<JobState, 'succeeded' | 'failed' | 'cancelled' | 'timedOut' | 'rejected' | 'unknown'>;

/** The attempt ended so: either the job has (I6), or its retry waits out the backoff. */
export function endJob(job: Job, reported: JobOutcome, time: JobTime, last: Partial<Pick<Job, 'message' | 'outputs' | 'links'>>): JobStep {
  const outcome = outcomeOf(job, reported);
  const ended: Job = { ...forgetHolding(job), ...last };
  if (mayRetry(job, outcome)) return { job: nextAttempt(ended, time), effects: [{ type: 'announce', verb: 'retrying' }] };

  const effects: JobEffect[] = [];
  // The report of its start may have been lost or overtaken; whoever follows the announcements sees a start before the end.
  if (job.startedAt === undefined && job.attempt === 1 && (outcome === 'succeeded' || outcome === 'failed'))
    effects.push({ type: 'announce', verb: 'started' });
  effects.push({ type: 'announce', verb: outcome });
  const startedAt = effects.length > 1 ? { startedAt: time.now } : {};
  return { job: { ...ended, ...startedAt, state: outcome, finishedAt: time.now }, effects };
}

/** What is asked to stop stops for whoever asked. Measuring changes nothing at its target, so a verification that was lost is over, not `unknown`. */
function outcomeOf(job: Job, reported: JobOutcome): JobOutcome {
  if (reported === 'cancelled') return job.cancelAs ?? 'cancelled';
  if (reported === 'unknown' && job.kind === 'verify') return job.cancelAs ?? 'timedOut';
  return reported;
}

function mayRetry(job: Job, outcome: JobOutcome): boolean {
  if (outcome !== 'failed' && outcome !== 'timedOut' && outcome !== 'rejected') return false;
  // A person's word about an `unknown` job is the end of it.
  if (job.finishedAt !== undefined) return false;
  return job.retry.on.includes(outcome) && job.attempt < job.attemptsMax && job.cancelAs !== 'cancelled';
}

/** A higher epoch at once, so that nothing the earlier attempt may still say is taken for this one (I3). */
function nextAttempt(job: Job, { now, random }: JobTime): Job {
  const {
    agent: _,
    claimedAt: __,
    startedAt: ___,
    dispatchedAt: ____,
    heardAt: _____,
    observeFirst: ______,
    confirmation: _______,
    ...rest
  } = job;
  return {
    ...rest,
    state: 'queued',
    attempt: job.attempt + 1,
    epoch: job.epoch + 1,
    reportN: 0,
    lapses: 0,
    queuedAt: now,
    wakeAt: now + retryDelayMs(job.retry, job.attempt, random),
  };
}

function forgetHolding(job: Job): Job {
  const {
    leaseUntil: _,
    wakeAt: __,
    pickupUntil: ___,
    runUntil: ____,
    cancelUntil: _____,
    percent: ______,
    step: _______,
    asked: ________,
    ...rest
  } = job;
  if (job.finishedAt !== undefined) return rest;
  const { cancelAskedAt: asked, cancelAs, ...calm } = rest;
  return asked !== undefined && cancelAs === 'cancelled' ? { ...calm, cancelAskedAt: asked, cancelAs } : calm;
}
