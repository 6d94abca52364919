import { jobTable, type RolloutRow } from '../tables.js';
import type { Work } from '../work.js';

/** A person promotes: the steps of this rollout that are held now go on. What is measured is measured all the same. */
export async function endHolds(work: Work, row: RolloutRow): Promise<void> {
  const jobs = work.jobs.loaded(await work.tx.find(jobTable, { rolloutId: row.id, held: 'hold', rollback: false }));
  for (const job of jobs) {
    if (job.held !== 'hold' || job.kind === 'retire') continue;
    work.jobs.change(job, { notBefore: undefined });
    work.queued.push(job);
  }
}
