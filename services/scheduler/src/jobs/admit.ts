import { jobTable, type Held, type JobRow } from '../tables.js';
import { holdSteps, isOpenStep } from '../sequences/hold-steps.js';
import { placeKey, type Work } from '../work.js';
import { invitation } from './job-events.js';
import { giveSlotsBack, takeSlots } from './limits.js';
import { stepJob } from './step-job.js';

/** A held job is looked at again this often, should the event that frees it be missed (I5). */
const HELD_WAKE_MS = 60_000;

/**
 * Offer queued jobs to the agents of their pools, first come first served, or hold them and say why: a rollback's target is still taken (I1) or
 * frozen for rollbacks too (I11), a concurrency limit is reached. Whether a rollout's member may begin was asked before its job was made; what
 * an earlier holder may have begun is always offered, since somebody must look what became of it. Steps of a sequence are held by rules of their own.
 */
export async function admitJobs(work: Work, rows: readonly JobRow[]): Promise<void> {
  const jobs = rows.filter((row) => row.state === 'queued' || row.state === 'dispatched');
  const steps = jobs.filter(isOpenStep);
  const offered = jobs.filter((row) => row.held === undefined && row.slots.length > 0 && row.claimedAt === undefined);
  const held = steps.length > 0 ? await holdSteps(work, steps) : new Set<JobRow>();
  const rollbacks = jobs.filter((row) => row.rollback && !row.occupies && !held.has(row));
  for (const group of Map.groupBy(rollbacks, placeKey).values()) for (const row of await holdRollbacks(work, group)) held.add(row);
  await giveSlotsBack(
    work,
    offered.filter((row) => held.has(row)),
  );
  const limited = jobs.filter((row) => !held.has(row) && row.slots.length > 0 && row.claimedAt === undefined);
  for (const [row, because] of await takeSlots(work, limited)) {
    hold(work, row, 'concurrency', because);
    held.add(row);
  }
  for (const row of jobs) if (!held.has(row)) offer(work, row);
}

function hold(work: Work, row: JobRow, held: Held, because: string, keepsTarget = held === 'concurrency'): void {
  work.jobs.change(row, {
    state: 'queued',
    dispatchedAt: undefined,
    pickupUntil: undefined,
    held,
    heldBecause: because,
    wakeAt: work.now + HELD_WAKE_MS,
    occupies: keepsTarget,
  });
}

function offer(work: Work, row: JobRow): void {
  work.jobs.change(row, { held: undefined, heldBecause: undefined, occupies: true });
  if (row.state === 'queued') stepJob(work, row, { type: 'dispatched' });
  work.say(invitation(row));
}

/** It takes back a version that is half way: nothing else may come there before. */
const isHalfWay = (row: JobRow): boolean => row.weight === 0 && row.kind !== 'deploy';

/** Rollbacks skip all gates but the freezes that stop them too. */
async function holdRollbacks(work: Work, jobs: readonly JobRow[]): Promise<JobRow[]> {
  const { deployment, environment } = jobs[0] as JobRow;
  const place = { deployment, environment };
  const asking = new Set(jobs.map((row) => row.id));
  const stored = await work.tx.find(
    jobTable,
    { ...place, resource: [...new Set(jobs.map((row) => row.resource))], occupies: true },
    { only: ['id', 'resource'] },
  );
  const taken = new Set(stored.filter((row) => !asking.has(row.id) && !work.jobs.has(row)).map((row) => row.resource));
  for (const row of work.jobs.all()) if (row.occupies && placeKey(row) === placeKey(place)) taken.add(row.resource);
  await work.loadStanding();
  const standing = work.standingAt(place);
  const held: JobRow[] = [];
  for (const row of jobs) {
    const freeze = row.kind === 'verify' ? undefined : standing.frozen(row.resource, { rollback: true });
    if (taken.has(row.resource)) hold(work, row, 'busy', 'another job has this target');
    else if (freeze !== undefined) hold(work, row, 'gate', `freeze: ${freeze.sentence}`, isHalfWay(row));
    if (row.held && (taken.has(row.resource) || freeze !== undefined)) held.push(row);
    else taken.add(row.resource);
  }
  return held;
}
