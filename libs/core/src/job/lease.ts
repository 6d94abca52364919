import type { Job } from '../model/job.js';
import type { JobStep, JobTime } from './job-step.js';
import { endJob } from './end-job.js';
import { CANCEL_CONFIRM_MS, LAPSES_MAX, REQUEUE_MS, RUN_GRACE_MS } from './job-limits.js';

/*
 * The lease: who may work on a job, and until when. A lapsed lease puts the job back on the queue but leaves epoch and agent, so that the holder
 * can take it up again when its link heals, as long as nobody else has claimed; the next claim raises the epoch and shuts the old holder out (I3).
 */

/** Why this agent may not claim the job now. `later`: the same invitation may be tried again after a while; else it is worth nothing any more. */
export interface ClaimRefusal {
  code: 'job.claim.over' | 'job.claim.stale' | 'job.claim.held' | 'job.claim.stopping' | 'job.claim.notQueued';
  because: string;
}

/** Undefined: the claim would be granted. */
export function refuseClaim(job: Job, agent: string, attempt: number): ClaimRefusal | undefined {
  if (attempt !== job.attempt)
    return { code: 'job.claim.stale', because: `attempt ${attempt} is over; the job is at attempt ${job.attempt}` };
  switch (job.state) {
    case 'dispatched':
      if (job.cancelAskedAt === undefined) return undefined;
      return { code: 'job.claim.stopping', because: 'the job was asked to stop' };
    case 'claimed':
      // The same question again, because the answer was lost on its way: it gets the same answer.
      if (job.agent === agent && job.reportN === 0 && job.cancelAskedAt === undefined) return undefined;
      return { code: 'job.claim.held', because: `agent ${job.agent} holds the job` };
    case 'running':
    case 'actionRequired':
      return { code: 'job.claim.held', because: `agent ${job.agent} holds the job` };
    case 'queued':
      return { code: 'job.claim.notQueued', because: 'the job waits for its turn; a new invitation will come' };
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'timedOut':
    case 'rejected':
    case 'unknown':
      return { code: 'job.claim.over', because: `the job has ended: ${job.state}` };
  }
}

export function claimJob(job: Job, agent: string, attempt: number, { now }: JobTime): JobStep {
  if (refuseClaim(job, agent, attempt)) return { job, effects: [] };
  if (job.state === 'claimed') return { job: renewed(job, now), effects: [] };
  const { pickupUntil: _, runUntil: __, asked: ___, ...rest } = job;
  const claimed: Job = {
    ...rest,
    state: 'claimed',
    agent,
    epoch: job.epoch + 1,
    reportN: 0,
    observeFirst: job.claimedAt !== undefined,
    claimedAt: now,
  };
  return { job: renewed(claimed, now), effects: [] };
}

/** The answer to a renewal, the only thing that commands an agent. `stop`: not yours any more. */
export function answerRenewal(job: Job, agent: string, epoch: number): 'on' | 'cancel' | 'stop' {
  if (job.agent !== agent || job.epoch !== epoch || job.claimedAt === undefined || job.finishedAt !== undefined) return 'stop';
  return job.cancelAskedAt === undefined ? 'on' : 'cancel';
}

export function renewLease(job: Job, agent: string, epoch: number, { now }: JobTime): JobStep {
  if (answerRenewal(job, agent, epoch) === 'stop') return { job, effects: [] };
  return { job: renewed(holdAgain(job, now), now), effects: [] };
}

/** A job whose lease had lapsed is taken up again by its holder; any other job is left as it is but for its wake-up. */
export function holdAgain(job: Job, now: number): Job {
  if (job.state === 'claimed') return heldWake(job);
  if (job.state === 'running' || job.state === 'actionRequired') return heldWake(job.leaseUntil === undefined ? extended(job, now) : job);
  const { pickupUntil: _, ...rest } = job;
  const state = job.startedAt === undefined ? 'claimed' : job.asked ? 'actionRequired' : 'running';
  return heldWake(extended({ ...rest, state }, now));
}

/** Deadlines of a job that somebody holds, in the order in which they bind. */
export function watchHeld(job: Job, time: JobTime): JobStep {
  const { now } = time;
  if (job.cancelUntil !== undefined) {
    if (now < job.cancelUntil) return { job: heldWake(job), effects: [] };
    return endJob(job, 'unknown', time, { message: 'asked to stop, and nobody confirmed that it did' });
  }
  if (now >= leaseEnd(job)) return lapse(job, time);
  if (job.runUntil !== undefined && now >= job.runUntil) {
    const asked: Job = { ...job, cancelAskedAt: now, cancelAs: 'timedOut', cancelUntil: now + CANCEL_CONFIRM_MS };
    return { job: heldWake({ ...asked, message: `ran longer than ${job.limits.runMs} ms; asked to stop` }), effects: [] };
  }
  return { job: heldWake(job), effects: [] };
}

/** What the controller did not hear while it did not listen is nobody's silence: every deadline counts from `since` at the earliest. */
export function forgiveSilence(job: Job, since: number): Job {
  const later = (at: number | undefined, least: number): number | undefined => (at === undefined ? undefined : Math.max(at, least));
  const moved: Job = { ...job };
  moved.leaseUntil = later(job.leaseUntil, since + job.limits.leaseMs);
  moved.heardAt = later(job.heardAt, since);
  moved.runUntil = later(job.runUntil, since + RUN_GRACE_MS);
  moved.cancelUntil = later(job.cancelUntil, since + CANCEL_CONFIRM_MS);
  moved.pickupUntil = later(job.pickupUntil, since + job.limits.pickupMs);
  return moved;
}

/** When time alone changes a held job. */
export function heldWake(job: Job): Job {
  const wakeAt = job.cancelUntil ?? Math.min(leaseEnd(job), job.runUntil ?? Infinity);
  return job.wakeAt === wakeAt ? job : { ...job, wakeAt };
}

function lapse(job: Job, time: JobTime): JobStep {
  const lapses = job.lapses + 1;
  if (lapses > LAPSES_MAX)
    return endJob({ ...job, lapses }, 'unknown', time, { message: `lost by ${lapses} holders in a row; it may be what ends them` });
  const { leaseUntil: _, ...rest } = job;
  return {
    job: { ...rest, state: 'queued', lapses, queuedAt: time.now, wakeAt: time.now + REQUEUE_MS },
    effects: [{ type: 'requeue', at: time.now }],
  };
}

function leaseEnd(job: Job): number {
  return Math.min(job.leaseUntil ?? Infinity, (job.heardAt ?? Infinity) + job.limits.silenceMs);
}

function extended(job: Job, now: number): Job {
  return { ...job, leaseUntil: Math.max(job.leaseUntil ?? 0, now + job.limits.leaseMs), heardAt: Math.max(job.heardAt ?? 0, now) };
}

function renewed(job: Job, now: number): Job {
  return heldWake(extended(job, now));
}
