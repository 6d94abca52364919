import { stepJob } from '../jobs/step-job.js';
import { jobTable, type JobRow } from '../tables.js';
import { placeOf, type Place, type Work } from '../work.js';
import { isOpenStep } from './hold-steps.js';
import { isBeforeTurn } from './take-back-steps.js';

/**
 * A version that is half way at targets, and has not taken them over, goes no further there: what waits ends now, what runs ends first, then it is
 * taken back. `harmless`: nothing was wrong with it. Gives the jobs that stood there; none when nothing is half way.
 */
export async function stopHalfWay(
  work: Work,
  place: Place,
  { resources, version, harmless = false }: { resources: readonly string[]; version?: string | undefined; harmless?: boolean },
  because: string,
): Promise<JobRow[]> {
  if (resources.length === 0) return [];
  const where = { ...placeOf(place), resource: [...resources], occupies: true, rollback: false, weight: { not: null } };
  const jobs = work.jobs.loaded(await work.tx.find(jobTable, where)).filter((job) => job.kind !== 'deploy' && job.kind !== 'retire');
  const wanted = jobs.filter((job) => version === undefined || job.version === version);
  await work.loadReleases(wanted.map((job) => job.releaseId));
  const stopped = wanted.filter((job) => isBeforeTurn(work.release(job.releaseId)) && job.state !== 'unknown');
  for (const job of stopped) {
    const release = work.release(job.releaseId);
    if (release.sequence)
      work.releases.change(release, { sequence: { ...release.sequence, stopped: because, ...(harmless ? { superseded: true } : {}) } });
    if (job.kind === 'verify') stepJob(work, job, { type: 'cancel', because });
    else if (isOpenStep(job)) stepJob(work, job, { type: 'withdraw', because });
  }
  return stopped;
}
