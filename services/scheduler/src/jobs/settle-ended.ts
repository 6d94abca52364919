import { isOver, mergeObligations, type Measurement } from '@slipway/core';
import { tellRelease } from '../releases/release-events.js';
import { memberIs } from '../rollouts/tell-member.js';
import { settleStep } from '../sequences/settle-step.js';
import { measurementTable, slotTable, type JobRow, type MeasurementRow, type QuarantineRow } from '../tables.js';
import { judgeVerification, sayVerification } from '../verification/judge-verification.js';
import { makeVerify, metricsOf } from '../verification/make-verify.js';
import { placeKey, type Work } from '../work.js';
import { admitJobs } from './admit.js';
import { jobEvent } from './job-events.js';
import { beganNothing } from './began-nothing.js';
import { settleFailed, settleGood, settleTurned, settleUncertain, settleWithdrawn } from './settle-outcome.js';

/**
 * A deployment began at its target: said once, and kept for cooldowns. A rollback is told when it is done. What has ended already when its start
 * becomes known says only its end, which tells when it began: half the events where jobs are short.
 */
export async function settleBegun(work: Work, rows: readonly JobRow[]): Promise<void> {
  const deploys = rows.filter((row) => row.kind === 'deploy' && !row.rollback);
  await loadAround(work, deploys);
  for (const row of deploys) {
    work.targets.change(work.target(row), { startedAt: row.startedAt ?? work.now });
    if (!isOver(row)) tellRelease(work, row, 'started', { state: 'started', verified: false }, await work.quarantinesOf(row));
  }
  for (const row of rows)
    if (row.kind === 'verify') sayVerification(work, row, 'started');
    else if (!isOver(row)) work.say(jobEvent(row, 'started', work.now));
}

/** What follows from jobs that have ended: the release, the target, the verification, the member of the rollout. */
export async function settleEnded(work: Work, ended: readonly { row: JobRow; withdrawn: boolean }[]): Promise<void> {
  const rows = ended.map(({ row }) => row);
  const [measured] = await Promise.all([
    measurementsOf(
      work,
      rows.filter((row) => row.kind === 'verify'),
    ),
    loadAround(work, rows),
    work.loadReleases(rows.map((row) => row.releaseId)),
    work.loadRollouts(rows.flatMap((row) => row.rolloutId ?? [])),
    freeSlots(work, rows),
  ]);
  await work.loadRollouts(rows.flatMap((row) => work.release(row.releaseId).sequence?.obligedBy ?? []));
  const verifications: JobRow[] = [];
  for (const { row, withdrawn } of ended) {
    if (row.state !== 'unknown') work.freed.set(placeKey(row), row);
    if (row.rollback || (row.rolloutId !== undefined && work.rollout(row.rolloutId).ending)) work.replan.set(placeKey(row), row);
    const quarantines = await work.quarantinesOf(row);
    if (work.release(row.releaseId).sequence)
      verifications.push(...(await settleStep(work, { row, withdrawn, measured: measured.get(row.id) ?? [], quarantines })));
    else if (withdrawn && row.state === 'cancelled') settleWithdrawn(work, row);
    else if (row.kind === 'verify') settleVerified(work, row, measured.get(row.id) ?? [], quarantines);
    else if (row.state === 'succeeded') verifications.push(...settleDeployed(work, row, quarantines));
    else {
      const failure = beganNothing(row) ? ({ of: 'rejected', back: false } as const) : undefined;
      settleFailed(work, row, quarantines, row.message ?? `the job ended as ${row.state}`, row.state, failure);
    }
  }
  await admitJobs(work, verifications);
}

async function loadAround(work: Work, rows: readonly JobRow[]): Promise<void> {
  for (const group of Map.groupBy(rows, placeKey).values()) {
    const { deployment, environment } = group[0] as JobRow;
    await Promise.all([
      work.loadTargets(
        { deployment, environment },
        group.map((row) => row.resource),
      ),
      work.quarantinesOf({ deployment, environment }),
    ]);
  }
}

async function freeSlots(work: Work, rows: readonly JobRow[]): Promise<void> {
  const holding = rows.filter((row) => row.slots.length > 0 && row.state !== 'unknown').map((row) => row.id);
  if (holding.length === 0) return;
  await work.tx.remove(slotTable, { jobId: holding });
  work.more = true;
}

async function measurementsOf(work: Work, rows: readonly JobRow[]): Promise<Map<string, Measurement[]>> {
  if (rows.length === 0) return new Map();
  const ids = rows.map((row) => row.id);
  const stored = await work.tx.find(measurementTable, { jobId: ids });
  // Those of this very batch are not written yet; of a repeated index the stored one stands.
  const all: MeasurementRow[] = [...stored, ...work.measured.filter((row) => ids.includes(row.jobId))];
  return Map.groupBy(all, (row) => row.jobId) as Map<string, Measurement[]>;
}

/** The executor did it. What runs there has changed; whether it is good, its verification says. Gives the jobs to admit. */
function settleDeployed(work: Work, row: JobRow, quarantines: readonly QuarantineRow[]): JobRow[] {
  const release = work.release(row.releaseId);
  settleTurned(work, row, release);
  const rollout = row.rolloutId === undefined ? undefined : work.rollout(row.rolloutId);
  const deployment = work.inventory.deployments.get(row.deployment);
  // What is brought back by hand may belong to no rollout any more; it is verified as the deployment itself says.
  const obligations = rollout?.obligations ?? (deployment && mergeObligations(deployment, []));
  const metrics = obligations ? metricsOf(deployment?.verification ?? [], obligations) : [];
  if (!obligations || metrics.length === 0) {
    settleGood(work, row, false, quarantines);
    return [];
  }
  const verify = makeVerify(work, row, metrics, release.variables, obligations);
  if ('problem' in verify) {
    settleUncertain(work, row, `its verification cannot be made: ${verify.problem}`);
    return [];
  }
  if (!row.rollback) memberIs(work, row, 'v');
  return [verify];
}

/** The verdict decides. */
function settleVerified(work: Work, row: JobRow, measurements: readonly Measurement[], quarantines: readonly QuarantineRow[]): void {
  const judged = judgeVerification(work, row, measurements);
  if (judged.verdict === 'passed' || judged.verdict === 'notVerified') settleGood(work, row, judged.verdict === 'passed', quarantines);
  else if (judged.verdict === 'failed') settleFailed(work, row, quarantines, judged.because, 'failed');
  else settleUncertain(work, row, judged.because);
}
