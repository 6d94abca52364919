import type { JobState, MemberFailure } from '@slipway/core';
import { fingerprintNow } from '../releases/make-deploy.js';
import { tellRelease } from '../releases/release-events.js';
import { memberIs } from '../rollouts/tell-member.js';
import type { JobRow, QuarantineRow, ReleaseRow, TargetRow } from '../tables.js';
import type { Work } from '../work.js';

/** Nobody had begun it: its member is as it was before. */
export function settleWithdrawn(work: Work, row: JobRow): void {
  work.releases.change(work.release(row.releaseId), { state: 'cancelled', finishedAt: work.now, because: row.message });
  memberIs(work, row, '.');
}

/** What runs at the target is this release from now on; whether it is good, its verification says. */
export function settleTurned(work: Work, row: JobRow, release: ReleaseRow): void {
  const { id, versionId, version, versionSequence } = release;
  work.targets.change(work.target(row), {
    releaseId: id,
    versionId,
    version,
    versionSequence,
    slot: release.sequence ? row.slot : undefined,
    verified: false,
    since: work.now,
    halted: undefined,
    leftover: undefined,
    ...runsNow(work, row, release),
  });
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

export function settleGood(work: Work, row: JobRow, verified: boolean, quarantines: readonly QuarantineRow[]): void {
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

export function settleFailed(
  work: Work,
  row: JobRow,
  quarantines: readonly QuarantineRow[],
  because: string,
  state: JobState,
  failure?: MemberFailure,
): void {
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
  memberIs(work, row, 'f', because, failure);
}

export function settleUncertain(work: Work, row: JobRow, because: string): void {
  work.releases.change(work.release(row.releaseId), { because });
  memberIs(work, row, 'u', because);
}
