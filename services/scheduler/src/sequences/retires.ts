import { stepJob } from '../jobs/step-job.js';
import { jobTable, type JobRow } from '../tables.js';
import { placeOf, type Place, type Work } from '../work.js';

/** The retire jobs that wait for their time at these targets, by resource: what nobody has begun leaves the old slot as it was. */
export async function pendingRetires(work: Work, place: Place, resources: readonly string[]): Promise<Map<string, JobRow>> {
  const where = { ...placeOf(place), resource: [...resources], kind: 'retire' as const, rollback: false };
  const jobs = work.jobs.loaded(await work.tx.find(jobTable, { ...where, state: ['queued', 'dispatched'] }));
  return new Map(
    jobs
      .filter((job) => (job.state === 'queued' || job.state === 'dispatched') && job.claimedAt === undefined && job.attempt === 1)
      .map((job) => [job.resource, job]),
  );
}

/** The other slot gets something else, or serves again: it is not retired. */
export function dropRetire(work: Work, job: JobRow, because: string): void {
  stepJob(work, job, { type: 'withdraw', because });
}
