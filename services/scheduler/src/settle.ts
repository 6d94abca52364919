import { SlipwayError } from '@slipway/core';
import { admitJobs } from './jobs/admit.js';
import { settleBegun, settleEnded } from './jobs/settle-ended.js';
import { takeBackOrphans } from './rollback/roll-back.js';
import { planPlace } from './rollouts/plan-place.js';
import { runRollouts } from './rollouts/run-rollouts.js';
import { jobTable } from './tables.js';
import { placeOf, type Place, type Work } from './work.js';

/** A place of a hundred thousand targets settles in some tens of rounds; a member that fails at once takes a few each. */
const ROUNDS_MAX = 50_000;

/**
 * Carry on what a unit of work has begun until nothing follows any more: starts and ends of jobs, what is to be queued, what that means for
 * rollouts, what it frees, and what may go now that did not before. Ends because every round ends jobs or members, or begins new ones.
 */
export async function settle(work: Work): Promise<void> {
  for (let round = 0; ; round += 1) {
    if (round > ROUNDS_MAX)
      throw new SlipwayError({
        code: 'scheduler.work.endless',
        kind: 'bug',
        message: `A unit of work did not settle within ${ROUNDS_MAX} rounds`,
      });
    if (work.begun.size > 0) await settleBegun(work, take(work.begun));
    else if (work.ended.length > 0) await settleEnded(work, work.ended.splice(0));
    else if (work.orphans.length > 0) await takeBackOrphans(work, work.orphans.splice(0));
    else if (work.queued.length > 0) await admitJobs(work, work.queued.splice(0));
    else if (work.rolloutEvents.length > 0) await runRollouts(work);
    else if (work.replan.size > 0) for (const place of take(work.replan)) await planPlace(work, placeOf(place));
    else if (work.freed.size > 0) for (const place of take(work.freed)) await lookAgain(work, placeOf(place));
    else return;
  }
}

function take<T>(from: Map<string, T> | Set<T>): T[] {
  const taken = [...from.values()];
  from.clear();
  return taken;
}

/** A job left its target or its slot: jobs that were held for that, and members that were barred, are asked again. */
async function lookAgain(work: Work, place: Place): Promise<void> {
  const held = await work.tx.find(jobTable, { ...place, held: { not: null } }, { orderBy: { queuedAt: 'asc', id: 'asc' }, limit: 1_000 });
  await admitJobs(
    work,
    // A step that only waits for its time wakes by itself.
    work.jobs.loaded(held).filter((row) => row.held !== undefined && row.held !== 'hold'),
  );
  for (const row of await work.loadRolloutsOf(place, { open: true }))
    if (row.finishedAt === undefined && row.members.includes('.')) work.rolloutEvents.push({ id: row.id, event: { type: 'time' } });
}
