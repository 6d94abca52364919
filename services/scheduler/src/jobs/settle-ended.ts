import { judgeAll, type JobState, type Measurement } from '@slipway/core';
import { subjects } from '@slipway/contracts';
import { memberIs } from '../rollback/roll-back.js';
import { fingerprintNow } from '../releases/make-deploy.js';
import { tellRelease } from '../releases/release-events.js';
import {
  measurementTable,
  slotTable,
  type JobRow,
  type MeasurementRow,
  type QuarantineRow,
  type ReleaseRow,
  type TargetRow,
} from '../tables.js';
import { makeVerify, metricsOf } from '../verification/make-verify.js';
import { placeKey, type Work } from '../work.js';
import { admitJobs } from './admit.js';

/** A deployment began at its target: said once, and kept for cooldowns. A rollback is told when it is done. */
export async function settleBegun(work: Work, rows: readonly JobRow[]): Promise<void> {
  const deploys = rows.filter((row) => row.kind === 'deploy' && !row.rollback);
  await loadAround(work, deploys);
  for (const row of deploys) {
    work.targets.change(work.target(row), { startedAt: row.startedAt ?? work.now });
    tellRelease(work, row, 'started', { state: 'started', verified: false }, await work.quarantinesOf(row));
  }
  for (const row of rows) if (row.kind === 'verify') sayVerification(work, row, 'started');
}

/** What follows from jobs that have ended: the release, the target, the verification, the member of the rollout. */
export async function settleEnded(work: Work, ended: readonly { row: JobRow; withdrawn: boolean }[]): Promise<void> {
  const rows = ended.map(({ row }) => row);
  await loadAround(work, rows);
  await work.loadReleases(rows.map((row) => row.releaseId));
  await work.loadRollouts(rows.flatMap((row) => row.rolloutId ?? []));
  await freeSlots(work, rows);
  const measured = await measurementsOf(
    work,
    rows.filter((row) => row.kind === 'verify'),
  );
  const verifications: JobRow[] = [];
  for (const { row, withdrawn } of ended) {
    if (row.state !== 'unknown') work.freed.set(placeKey(row), row);
    if (row.rollback || (row.rolloutId !== undefined && work.rollout(row.rolloutId).ending)) work.replan.set(placeKey(row), row);
    const quarantines = await work.quarantinesOf(row);
    if (withdrawn && row.state === 'cancelled') settleWithdrawn(work, row);
    else if (row.kind === 'verify') settleVerified(work, row, measured.get(row.id) ?? [], quarantines);
    else if (row.state === 'succeeded') verifications.push(...settleDeployed(work, row, quarantines));
    else settleFailed(work, row, quarantines, row.message ?? `the job ended as ${row.state}`, row.state);
  }
  await admitJobs(work, verifications);
}

async function loadAround(work: Work, rows: readonly JobRow[]): Promise<void> {
  for (const group of Map.groupBy(rows, placeKey).values()) {
    const { deployment, environment } = group[0] as JobRow;
    await work.loadTargets(
      { deployment, environment },
      group.map((row) => row.resource),
    );
    await work.quarantinesOf({ deployment, environment });
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

/** Nobody had begun it: its member is as it was before. */
function settleWithdrawn(work: Work, row: JobRow): void {
  work.releases.change(work.release(row.releaseId), { state: 'cancelled', finishedAt: work.now, because: row.message });
  memberIs(work, row, '.');
}

/** The executor did it. What runs there has changed; whether it is good, its verification says. Gives the jobs to admit. */
function settleDeployed(work: Work, row: JobRow, quarantines: readonly QuarantineRow[]): JobRow[] {
  const release = work.release(row.releaseId);
  const { id, versionId, version, versionSequence } = release;
  work.targets.change(work.target(row), {
    releaseId: id,
    versionId,
    version,
    versionSequence,
    verified: false,
    since: work.now,
    halted: undefined,
    ...runsNow(work, row, release),
  });
  const rollout = row.rolloutId === undefined ? undefined : work.rollout(row.rolloutId);
  const own = work.inventory.deployments.get(row.deployment)?.verification ?? [];
  const metrics = rollout ? metricsOf(own, rollout.obligations) : [...own];
  if (metrics.length === 0 || !rollout) {
    settleGood(work, row, false, quarantines);
    return [];
  }
  const verify = makeVerify(work, row, metrics, release.variables, rollout.obligations);
  if ('problem' in verify) {
    settleUncertain(work, row, `its verification cannot be made: ${verify.problem}`);
    return [];
  }
  if (!row.rollback) memberIs(work, row, 'v');
  return [verify];
}

/**
 * What later changes are compared with. A rollback stays as it was before, although something else would be released now: that counts as tried.
 */
function runsNow(work: Work, row: JobRow, release: ReleaseRow): Partial<TargetRow> {
  const { fingerprint } = release;
  if (!row.rollback) return { fingerprint, revision: release.revision, wanted: undefined, wantedRevision: undefined };
  const { revision } = work.inventory;
  return { fingerprint, revision, wanted: fingerprintNow(work, release), wantedRevision: undefined };
}

/** The verdict comes from the stored measurements only, never from the agent's word (SPEC 6). */
function settleVerified(work: Work, row: JobRow, measurements: readonly Measurement[], quarantines: readonly QuarantineRow[]): void {
  const resolved = row.verdict === 'passed' || row.verdict === 'failed';
  const judged = judgeAll(row.metrics ?? [], measurements, { ended: true });
  // A person's word on an uncertain verification stands above what could not be measured.
  const verdict = resolved ? (row.verdict as 'passed' | 'failed') : judged.verdict;
  const sentence = resolved ? (row.verdictSentence ?? verdict) : judged.sentence;
  work.jobs.change(row, { verdict, verdictSentence: sentence });
  sayVerification(work, row, verdict);
  if (verdict === 'passed') settleGood(work, row, true, quarantines);
  else if (verdict === 'failed') settleFailed(work, row, quarantines, `verification failed: ${sentence}`, 'failed');
  else settleUncertain(work, row, `verification is ${verdict}: ${sentence}`);
}

function settleGood(work: Work, row: JobRow, verified: boolean, quarantines: readonly QuarantineRow[]): void {
  const release = work.release(row.releaseId);
  work.releases.change(release, { state: 'succeeded', verified: true, finishedAt: work.now });
  work.targets.change(work.target(row), { verified });
  const { takesBack } = release;
  if (row.rollback && takesBack) {
    // Of a renewal the version stays, and is as good there as it was.
    const renewal = takesBack.versionId === row.versionId;
    const outcome = renewal ? ({ state: 'succeeded', verified } as const) : ({ state: 'rolledBack', verified: false } as const);
    tellRelease(work, { ...row, ...takesBack }, 'rolledBack', outcome, quarantines, release.because);
    return memberIs(work, row, 'r');
  }
  tellRelease(work, row, 'succeeded', { state: 'succeeded', verified }, quarantines);
  memberIs(work, row, 's');
}

function settleFailed(work: Work, row: JobRow, quarantines: readonly QuarantineRow[], because: string, state: JobState): void {
  if (state === 'unknown') return settleUncertain(work, row, because);
  const release = work.release(row.releaseId);
  work.releases.change(release, { state: 'failed', finishedAt: work.now, because });
  if (row.rollback) {
    // Never rolled back by itself again (I9): a person must look.
    work.targets.change(work.target(row), { halted: `bringing ${row.version} back failed: ${because}` });
    return memberIs(work, row, 'f', because);
  }
  const target = work.target(row);
  // Not the same again by itself, whatever was wanted when the rollout began.
  if (release.renewal && target.versionId === release.versionId)
    work.targets.change(target, { wanted: release.fingerprint, wantedRevision: release.revision });
  tellRelease(work, row, 'failed', { state: 'failed', verified: false }, quarantines, because);
  memberIs(work, row, 'f', because);
}

function settleUncertain(work: Work, row: JobRow, because: string): void {
  work.releases.change(work.release(row.releaseId), { because });
  memberIs(work, row, 'u', because);
}

function sayVerification(work: Work, row: JobRow, verb: string): void {
  const { version, deployment, environment, resource, id, verdictSentence, agent } = row;
  const body = {
    version,
    verb,
    ...(verdictSentence === undefined ? {} : { measurements: verdictSentence }),
    metrics: (row.metrics ?? []).map((metric) => metric.name),
    ...(agent === undefined ? {} : { agent }),
    ...(row.rollback ? { rollback: true } : {}),
    ...{ deployment, environment, resource, job: id, release: row.releaseId },
    ...(row.rolloutId === undefined ? {} : { rollout: row.rolloutId }),
    at: work.now,
  };
  work.say({ subject: subjects.verification(row, verb), id: `verification:${id}:${verb}`, body });
}
