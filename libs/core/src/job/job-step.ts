import type { Job, JobEffect } from '../model/job.js';

/** The moment of a transition, passed in: `random` in [0, 1) is for the jitter of retries. */
export interface JobTime {
  now: number;
  random: number;
}

/** What a transition gives: the very same job object when nothing changed. */
export interface JobStep {
  job: Job;
  effects: JobEffect[];
}
