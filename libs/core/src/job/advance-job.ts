import { TERMINAL_JOB_STATES, type Job, type JobEvent, type JobState } from '../model/job.js';
import { confirmJob } from './confirm-job.js';
import { endJob } from './end-job.js';
import { CANCEL_CONFIRM_MS, REINVITE_MS, REQUEUE_MS } from './job-limits.js';
import { claimJob, forgiveSilence, heldWake, renewLease, watchHeld } from './lease.js';
import type { JobStep, JobTime } from './job-step.js';
import { takeReport } from './take-report.js';

/*
 * The life of a job: queued → dispatched → claimed → running → an end, with lapsed leases and retries leading back to queued.
 *
 * I3: what carries an older epoch, a used `n` or another agent's name changes nothing. I5: every state but the ends has a `wakeAt`.
 * I6: the ends absorb; only a person's word ends `unknown`. A cell that changes nothing gives back the very same job object.
 */

type Cell<E> = (job: Job, event: E, time: JobTime) => JobStep;
type Row = { [T in JobEvent['type']]: Cell<Extract<JobEvent, { type: T }>> };

const keep = (job: Job): JobStep => ({ job, effects: [] });
const only = (job: Job): JobStep => ({ job, effects: [] });

/** In this attempt somebody has held it, so something may have been started. */
const wasHeld = (job: Job): boolean => job.claimedAt !== undefined;

const waiting: Row = {
  dispatched: (job, _, { now }) => only(invited(job, now)),
  claim: keep,
  renew: (job, { agent, epoch }, time) => renewLease(job, agent, epoch, time),
  report: (job, { agent, report }, time) => takeReport(job, agent, report, time),
  time: (job, _, time) => whileQueued(job, time),
  listeningSince: (job, { since }) => only(forgiveSilence(job, since)),
  cancel: (job, { because }, time) =>
    wasHeld(job) ? askStop(job, because, time.now) : endJob(job, 'cancelled', time, { message: because }),
  withdraw: (job, { because }, time) => withdraw(job, because, time),
  confirm: keep,
  resolve: keep,
};

const held: Row = {
  dispatched: keep,
  claim: (job, { agent, attempt }, time) => claimJob(job, agent, attempt, time),
  renew: (job, { agent, epoch }, time) => renewLease(job, agent, epoch, time),
  report: (job, { agent, report }, time) => takeReport(job, agent, report, time),
  time: (job, _, time) => watchHeld(job, time),
  listeningSince: (job, { since }) => only(heldWake(forgiveSilence(job, since))),
  cancel: (job, { because }, { now }) => askStop(job, because, now),
  // What somebody has begun is not withdrawn: it finishes.
  withdraw: keep,
  confirm: keep,
  resolve: keep,
};

const over: Row = {
  dispatched: keep,
  claim: keep,
  renew: keep,
  report: keep,
  time: keep,
  listeningSince: keep,
  cancel: keep,
  withdraw: keep,
  confirm: keep,
  resolve: keep,
};

const table: Record<JobState, Row> = {
  queued: waiting,
  dispatched: {
    ...waiting,
    dispatched: keep,
    claim: (job, { agent, attempt }, time) => claimJob(job, agent, attempt, time),
    time: (job, _, time) => whileDispatched(job, time),
  },
  claimed: held,
  running: held,
  actionRequired: { ...held, confirm: confirmJob },
  succeeded: over,
  failed: over,
  cancelled: over,
  timedOut: over,
  rejected: over,
  unknown: { ...over, resolve: (job, { as, by }, time) => endJob(job, as, time, { message: `${by} says that it ${as}` }) },
};

/** What one event makes of a job, and what must be done about it. Total, and idempotent: the same event at the same moment again changes nothing. */
export function advanceJob(job: Job, event: JobEvent, time: JobTime): JobStep {
  const step = (table[job.state][event.type] as Cell<JobEvent>)(job, event, time);
  return same(job, step.job) ? { job, effects: step.effects } : step;
}

/** Whether the job has ended (I6). */
export function isOver(job: Pick<Job, 'state'>): boolean {
  return (TERMINAL_JOB_STATES as readonly JobState[]).includes(job.state);
}

function whileQueued(job: Job, time: JobTime): JobStep {
  const { now } = time;
  if (job.cancelUntil !== undefined) return awaitStop(job, time);
  if (now < (job.wakeAt ?? 0)) return keep(job);
  return { job: { ...job, wakeAt: now + REQUEUE_MS }, effects: [{ type: 'requeue', at: now }] };
}

function whileDispatched(job: Job, time: JobTime): JobStep {
  const { now } = time;
  if (job.cancelUntil !== undefined) return awaitStop(job, time);
  const pickupUntil = job.pickupUntil ?? now;
  if (now >= pickupUntil) {
    if (wasHeld(job))
      return endJob(job, 'unknown', time, {
        message: `agent ${job.agent} was lost, and no other agent of pool ${job.pool} came to look what became of it`,
      });
    return endJob(job, 'timedOut', time, {
      message: `no agent of pool ${job.pool} with executor ${job.executor} took it within ${job.limits.pickupMs} ms`,
    });
  }
  if (now < (job.wakeAt ?? 0)) return keep(job);
  return { job: { ...job, wakeAt: Math.min(pickupUntil, now + REINVITE_MS) }, effects: [{ type: 'requeue', at: now }] };
}

function invited(job: Job, now: number): Job {
  const pickupUntil = now + job.limits.pickupMs;
  const wakeAt = job.cancelUntil ?? Math.min(pickupUntil, now + REINVITE_MS);
  return { ...job, state: 'dispatched', dispatchedAt: now, pickupUntil, wakeAt };
}

function askStop(job: Job, because: string, now: number): JobStep {
  if (job.cancelAs === 'cancelled') return keep(job);
  const cancelUntil = job.cancelUntil ?? now + CANCEL_CONFIRM_MS;
  return only({
    ...job,
    cancelAskedAt: job.cancelAskedAt ?? now,
    cancelAs: 'cancelled',
    cancelUntil,
    wakeAt: cancelUntil,
    message: because,
  });
}

/** Its holder is out of reach and it was asked to stop: either the holder comes back and confirms, or nobody knows. */
function awaitStop(job: Job, time: JobTime): JobStep {
  const until = job.cancelUntil ?? time.now;
  if (time.now < until) return keep(job.wakeAt === until ? job : { ...job, wakeAt: until });
  return endJob(job, 'unknown', time, { message: `asked to stop while agent ${job.agent} was out of reach` });
}

/** A retry that waits has an attempt behind it that did touch the target: it ends as failed, not as if nothing had been. */
function withdraw(job: Job, because: string, time: JobTime): JobStep {
  // Measuring is no beginning: what is there already gets its verdict.
  if (wasHeld(job) || job.kind === 'verify') return keep(job);
  if (job.attempt === 1) return endJob(job, 'cancelled', time, { message: because });
  const last = { message: `${job.message ?? `attempt ${job.attempt - 1} failed`}; not tried again: ${because}` };
  return endJob({ ...job, attemptsMax: job.attempt }, 'failed', time, last);
}

/** Shallow comparison, treating an absent field as undefined: lets callers skip rows that did not change. */
function same(a: Job, b: Job): boolean {
  if (a === b) return true;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof Job>;
  for (const key of keys) if (a[key] !== b[key]) return false;
  return true;
}
