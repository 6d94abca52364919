import { stepJob } from '../jobs/step-job.js';
import { isOpenStep } from '../sequences/hold-steps.js';
import { jobTable, type JobRow, type RolloutRow } from '../tables.js';
import type { Work } from '../work.js';

/** Take back the jobs of these members that nobody has begun. What has begun stays, and its member with it. */
export async function withdrawMembers(work: Work, row: RolloutRow, ordinals: readonly number[], because: string): Promise<void> {
  const wanted = new Set(ordinals);
  for (const ordinal of row.backlog)
    if (wanted.has(ordinal)) work.rolloutEvents.push({ id: row.id, event: { type: 'member', ordinal, letter: '.' } });
  if (row.backlog.some((ordinal) => wanted.has(ordinal)))
    work.rollouts.change(row, { backlog: row.backlog.filter((ordinal) => !wanted.has(ordinal)) });
  const concerns = (job: JobRow): boolean =>
    job.rolloutId === row.id && job.ordinal !== undefined && wanted.has(job.ordinal) && !job.rollback;
  const within = row.obligations.gradualRollout.within !== undefined;
  if (within && row.ending) await endLooks(work, row, concerns, because);
  work.jobs.loaded(await work.tx.find(jobTable, { rolloutId: row.id, state: ['queued', 'dispatched'], rollback: false }));
  for (const job of work.jobs.all())
    // Where a version is half way, the rest waits for people; only where its rollout ends it goes back.
    if (concerns(job))
      if (row.ending || !isOpenStep(job) || job.kind === 'deploy') stepJob(work, job, { type: 'withdraw', because });
      else if (job.kind !== 'verify') work.queued.push(job);
}

/** What is measured between steps is of no use any more when no step follows. */
async function endLooks(work: Work, row: RolloutRow, concerns: (job: JobRow) => boolean, because: string): Promise<void> {
  work.jobs.loaded(await work.tx.find(jobTable, { rolloutId: row.id, finishedAt: null, kind: 'verify', rollback: false }));
  for (const job of work.jobs.all())
    if (job.kind === 'verify' && job.finishedAt === undefined && concerns(job)) stepJob(work, job, { type: 'cancel', because });
}
