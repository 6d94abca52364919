import type { Job } from '../model/job.js';
import type { JobStep, JobTime } from './job-step.js';

/** Why there is nothing here that a person's confirmation would answer. */
export interface ConfirmRefusal {
  code: 'job.confirm.over' | 'job.confirm.stopping' | 'job.confirm.notAsked' | 'job.confirm.elsewhere' | 'job.confirm.otherQuestion';
  because: string;
}

/** Undefined: a confirmation counts. `question`: the one that the person saw; without it the one that stands. */
export function refuseConfirm(job: Job, question?: string): ConfirmRefusal | undefined {
  if (job.finishedAt !== undefined) return { code: 'job.confirm.over', because: `the job has ended: ${job.state}` };
  if (job.cancelAskedAt !== undefined) return { code: 'job.confirm.stopping', because: 'the job was asked to stop' };
  const { asked } = job;
  if (job.state !== 'actionRequired' || !asked)
    return { code: 'job.confirm.notAsked', because: `the job is ${job.state} and asks nothing` };
  if (asked.question === undefined) {
    const where = asked.link === undefined ? `in ${job.executor} itself` : `at ${asked.link}`;
    return { code: 'job.confirm.elsewhere', because: `it waits for what can only be done ${where}: ${asked.message}` };
  }
  if (question !== undefined && question !== asked.question)
    return {
      code: 'job.confirm.otherQuestion',
      because: `question ${question} is not asked any more; what is asked now: ${asked.message}`,
    };
  return undefined;
}

/** The first confirmation of a question counts; it stands until something else is asked, whoever holds the job by then. */
export function confirmJob(job: Job, { question, by, reason }: { question: string; by: string; reason?: string }, time: JobTime): JobStep {
  if (refuseConfirm(job, question) || job.confirmation?.question === question) return { job, effects: [] };
  const confirmation = { question, by, at: time.now, ...(reason === undefined ? {} : { reason }) };
  return { job: { ...job, confirmation }, effects: [{ type: 'announce', verb: 'confirmed' }] };
}
