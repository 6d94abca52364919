import type { Version } from '@slipway/core';
import { fingerprintNow } from '../releases/make-deploy.js';
import type { RolloutRow } from '../tables.js';
import { placeOf, type Place, type Work } from '../work.js';

/*
 * A renewal: a new release of the version that runs at a target, because its variables or config have changed. Each such wish is carried by one
 * rollout and remembered at the target, so that what turned out bad is not begun again by itself, whatever else changes there (I9).
 */

/**
 * Of these targets, which run this version and have changed, those where a release made now would be another than the one that runs; with its
 * fingerprint. Where it would be the same, or was to come there already, that is remembered, so that no one asks again before the next change.
 */
export async function outdatedAt(work: Work, place: Place, version: Version, resources: readonly string[]): Promise<Map<string, string>> {
  await work.loadTargets(place, resources);
  const { revision } = work.inventory;
  const outdated = new Map<string, string>();
  for (const resource of resources) {
    const target = { ...placeOf(place), resource };
    const row = work.target(target);
    const wanted = fingerprintNow(work, { ...target, versionId: version.id, version: version.tag });
    // What was brought before fingerprints were kept is taken for what would be brought now.
    if (row.fingerprint === undefined || row.fingerprint === wanted)
      work.targets.change(row, { fingerprint: wanted, revision, wanted: undefined, wantedRevision: undefined });
    else if (row.wanted === wanted) work.targets.change(row, { wantedRevision: revision });
    else outdated.set(resource, wanted);
  }
  return outdated;
}

/** A rollout carries these wishes from now on. */
export function rememberWanted(work: Work, place: Place, outdated: ReadonlyMap<string, string>): void {
  const wantedRevision = work.inventory.revision;
  for (const [resource, wanted] of outdated) work.targets.change(work.target({ ...placeOf(place), resource }), { wanted, wantedRevision });
}

/** A renewal ended before it came to these members, and nobody found it bad or stopped it: they may ask for it again. */
export async function forgetWanted(work: Work, row: RolloutRow): Promise<void> {
  const left = row.plan.members.filter((_, ordinal) => row.members[ordinal] === '.');
  await work.loadTargets(row, left);
  for (const resource of left) {
    const target = work.target({ ...placeOf(row), resource });
    if (target.versionId === row.versionId) work.targets.change(target, { wanted: undefined, wantedRevision: undefined });
  }
}
