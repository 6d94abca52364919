import { stepJob } from '../jobs/step-job.js';
import { jobTable, type RolloutRow } from '../tables.js';
import type { Work } from '../work.js';

/** Take back the jobs of these members that nobody has begun. What has begun stays, and its member with it. */
export async function withdrawMembers(work: Work, row: RolloutRow, ordinals: readonly number[], because: string): Promise<void> {
  const wanted = new Set(ordinals);
  for (const ordinal of row.backlog)
    if (wanted.has(ordinal)) work.rolloutEvents.push({ id: row.id, event: { type: 'member', ordinal, letter: '.' } });
  if (row.backlog.some((ordinal) => wanted.has(ordinal)))
    work.rollouts.change(row, { backlog: row.backlog.filter((ordinal) => !wanted.has(ordinal)) });
  work.jobs.loaded(await work.tx.find(jobTable, { rolloutId: row.id, state: ['queued', 'dispatched'], rollback: false }));
  for (const job of work.jobs.all())
    if (job.rolloutId === row.id && job.ordinal !== undefined && wanted.has(job.ordinal) && !job.rollback)
      stepJob(work, job, { type: 'withdraw', because });
}
