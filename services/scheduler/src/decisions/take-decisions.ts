import type { NumberedDecision } from '@slipway/core';
import { inPlaces } from '../in-places.js';
import { stepJob } from '../jobs/step-job.js';
import { decisionTable, jobTable, type JobRow, type RolloutRow } from '../tables.js';
import { placeKey, type Place, type Work } from '../work.js';
import type { World } from '../world.js';
import { isOpenStep } from '../sequences/hold-steps.js';
import { gateAt, type GateAnswer } from './gate.js';

/**
 * Store the newest decision on each version at each place, take back what they no longer allow and begin what they allow. When this resolves,
 * nothing that they withdraw can start any more (I2, I11). Gives how many were new.
 */
export async function takeDecisions(world: World, decisions: readonly NumberedDecision[]): Promise<number> {
  let taken = 0;
  for (const group of Map.groupBy(decisions, placeKey).values()) {
    const { deployment, environment } = group[0] as NumberedDecision;
    const place = { deployment, environment };
    taken += await inPlaces(world, [place], async (work) => {
      const [newer] = await Promise.all([store(work, place, group), work.loadRolloutsOf(place, { open: true })]);
      if (newer.length === 0) return 0;
      await closeGates(
        work,
        place,
        newer.map((decision) => decision.versionId),
      );
      work.replan.set(placeKey(place), place);
      return newer.length;
    });
  }
  return taken;
}

async function store(work: Work, place: Place, decisions: readonly NumberedDecision[]): Promise<NumberedDecision[]> {
  const newest = new Map<string, NumberedDecision>();
  for (const decision of decisions)
    if (decision.number > (newest.get(decision.versionId)?.number ?? 0)) newest.set(decision.versionId, decision);
  const known = await work.tx.find(decisionTable, { ...place, versionId: [...newest.keys()] }, { only: ['versionId', 'number'] });
  for (const row of known) if ((newest.get(row.versionId)?.number ?? 0) <= row.number) newest.delete(row.versionId);
  const rows = [...newest.values()];
  await work.tx.put(
    decisionTable,
    rows.map((decision) => {
      const { deployment, environment, versionId, version, number, verdict } = decision;
      return { deployment, environment, versionId, version, number, verdict, decision };
    }),
  );
  return rows;
}

/**
 * What the gates do not allow any more and nobody has begun is taken back: its members wait, with the decision's reason, and go on when it is
 * allowed again. A rollout of which nothing has begun ends instead, and starts anew then.
 */
export async function closeGates(work: Work, place: Place, versionIds: readonly string[]): Promise<void> {
  const concerned = (await work.loadRolloutsOf(place, { open: true })).filter((row) => versionIds.includes(row.versionId) && !row.ending);
  if (concerned.length === 0) return;
  const decisions = await work.loadDecisions(place, versionIds);
  const targets = work.inventory.targets(place.deployment, place.environment);
  const standing = work.standingAt(place);
  const answer = (row: RolloutRow, resource: string): GateAnswer =>
    gateAt(decisions.get(row.versionId), resource, targets?.revisionOf(resource), work.now, standing.saysTo(row, resource));
  for (const row of concerned) {
    const status = work.inventory.versions.byId(row.versionId)?.status;
    await closeGate(work, row, (resource) => {
      if (status !== 'ready') return `version ${row.version} is ${status ?? 'unknown'}`;
      const given = answer(row, resource);
      return given.open || given.expired ? undefined : given.because;
    });
    work.rolloutEvents.push({ id: row.id, event: { type: 'time' } });
    // What is held half way is asked again, whichever way the gate went.
    if (row.obligations.gradualRollout.within) work.freed.set(placeKey(row), row);
  }
}

async function closeGate(work: Work, row: RolloutRow, closedFor: (resource: string) => string | undefined): Promise<void> {
  const { unbegun, steps } = await unbegunJobs(work, row);
  let reason: string | undefined;
  const closed = row.plan.members.map((resource) => {
    const because = closedFor(resource);
    reason ??= because;
    return because !== undefined;
  });
  if (reason === undefined) return;
  const nothingBegun = [...row.members].every(
    (letter, ordinal) => letter === '.' || letter === 'x' || (letter === 'j' && (unbegun.has(ordinal) || row.backlog.includes(ordinal))),
  );
  if (nothingBegun && closed.every(Boolean)) {
    work.rollouts.change(row, { withdrawn: true });
    work.rolloutEvents.push({ id: row.id, event: { type: 'abort', because: `nothing had begun, and it may not any more: ${reason}` } });
    return;
  }
  const bad = ['rejected', 'failed'].includes(work.inventory.versions.byId(row.versionId)?.status ?? '');
  const targets = work.inventory.targets(row.deployment, row.environment);
  for (const job of steps)
    if (closed[job.ordinal ?? -1])
      if (bad || !targets?.has(job.resource)) stepJob(work, job, { type: job.kind === 'verify' ? 'cancel' : 'withdraw', because: reason });
      else if (job.kind !== 'verify') work.queued.push(job);
  for (const [ordinal, job] of unbegun) if (closed[ordinal]) stepJob(work, job, { type: 'withdraw', because: reason });
  const kept = row.backlog.filter((ordinal) => !closed[ordinal]);
  if (kept.length === row.backlog.length) return;
  for (const ordinal of row.backlog)
    if (closed[ordinal]) work.rolloutEvents.push({ id: row.id, event: { type: 'member', ordinal, letter: '.' } });
  work.rollouts.change(row, { backlog: kept });
}

/** The first attempts of members that no agent has claimed, by ordinal; and the later jobs of sequences, which have begun and wait half way. */
async function unbegunJobs(work: Work, row: RolloutRow): Promise<{ unbegun: Map<number, JobRow>; steps: JobRow[] }> {
  if (!row.members.includes('j')) return { unbegun: new Map(), steps: [] };
  const jobs = work.jobs
    .loaded(await work.tx.find(jobTable, { rolloutId: row.id, state: ['queued', 'dispatched'], rollback: false, attempt: 1 }))
    .filter((job) => job.claimedAt === undefined && job.ordinal !== undefined);
  const isStep = (job: JobRow): boolean => isOpenStep(job) && job.kind !== 'deploy';
  return {
    unbegun: new Map(jobs.filter((job) => !isStep(job)).map((job) => [job.ordinal as number, job])),
    steps: jobs.filter((job) => isStep(job) && row.members[job.ordinal as number] === 'j'),
  };
}
