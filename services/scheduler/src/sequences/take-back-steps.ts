import { advanceSequence, hasTurned } from '@slipway/core';
import { tellRelease } from '../releases/release-events.js';
import { memberIs } from '../rollouts/tell-member.js';
import type { ReleaseSequence } from './release-sequence.js';
import type { JobRow, QuarantineRow, ReleaseRow } from '../tables.js';
import type { Work } from '../work.js';
import { makeStep } from './make-step.js';

/** Whether a release has not taken its target over, so that stepping back is all that is needed. */
export function isBeforeTurn(release: ReleaseRow | undefined): release is ReleaseRow & { sequence: ReleaseSequence } {
  return release?.sequence !== undefined && release.restores === undefined && !hasTurned(release.sequence);
}

/**
 * Step a release back that has not taken its target over: the target keeps what it runs. Gives the job that does it, or nothing when there is
 * nothing to move.
 */
export async function takeBackSteps(
  work: Work,
  of: { rolloutId?: string; ordinal?: number; because: string; superseded: boolean; overtaken: boolean },
  release: ReleaseRow & { sequence: ReleaseSequence },
  quarantines: readonly QuarantineRow[],
): Promise<JobRow | undefined> {
  const taken = advanceSequence(release.sequence, { type: 'takeBack' });
  const nothingLeft = of.overtaken && taken.sequence.state === 'takingBack' && taken.effects.length > 0;
  const { sequence, effects } = nothingLeft ? advanceSequence(taken.sequence, { type: 'good' }) : taken;
  work.releases.change(release, {
    because: of.because,
    sequence: { ...(sequence as ReleaseSequence), ...(of.superseded ? { superseded: true } : {}) },
  });
  for (const effect of effects) {
    if (effect.type === 'takenBack') settleTakenBack(work, { ...release, ...of }, release, quarantines);
    if (effect.type !== 'begin') continue;
    const { rolloutId, ordinal } = of;
    const job = await makeStep(work, {
      ...{ release, step: effect.step, rollback: true },
      ...(rolloutId === undefined ? {} : { rolloutId }),
      ...(ordinal === undefined ? {} : { ordinal }),
    });
    return 'problem' in job ? undefined : job;
  }
  return undefined;
}

/** Nothing of the version is left at the target, which runs what it ran before. */
export function settleTakenBack(
  work: Work,
  of: Pick<ReleaseRow, 'deployment' | 'environment' | 'resource' | 'versionId' | 'version'> & { rolloutId?: string; ordinal?: number },
  release: ReleaseRow,
  quarantines: readonly QuarantineRow[],
): void {
  const state = release.sequence?.superseded ? 'cancelled' : 'rolledBack';
  work.releases.change(release, { state, finishedAt: work.now });
  const target = work.target(of);
  const { versionId, verified } = target;
  work.targets.change(target, { halted: undefined });
  // Of a renewal the version stays, and is as good there as it was.
  const outcome =
    versionId === of.versionId ? { state: 'succeeded' as const, verified } : { state: 'rolledBack' as const, verified: false };
  tellRelease(work, of, 'rolledBack', outcome, quarantines, release.because);
  memberIs(work, of, 'r');
}
