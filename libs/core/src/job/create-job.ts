import type { Job } from '../model/job.js';

/** What whoever makes a job decides; everything else starts empty. */
export type NewJob = Pick<
  Job,
  | 'id'
  | 'kind'
  | 'releaseId'
  | 'rolloutId'
  | 'deployment'
  | 'environment'
  | 'resource'
  | 'versionId'
  | 'version'
  | 'rollback'
  | 'pool'
  | 'executor'
  | 'limits'
  | 'retry'
>;

/** A job in state `queued`, due at once. */
export function createJob(job: NewJob, now: number): Job {
  return {
    ...job,
    state: 'queued',
    attempt: 1,
    attemptsMax: Math.max(1, job.retry.attempts),
    epoch: 0,
    reportN: 0,
    lapses: 0,
    queuedAt: now,
    wakeAt: now,
    links: {},
    outputs: {},
  };
}
