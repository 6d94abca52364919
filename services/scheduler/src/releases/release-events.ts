import { subjects, type ReleaseEvent } from '@slipway/contracts';
import type { VersionOutcome } from '@slipway/core';
import type { QuarantineRow, TargetRow } from '../tables.js';
import type { Work } from '../work.js';

export interface Told {
  deployment: string;
  environment: string;
  resource: string;
  versionId: string;
  version: string;
}

/** Say what became of a version at a target, with what runs there now. The target and the quarantines of the place must be loaded. */
export function tellRelease(
  work: Work,
  told: Told,
  verb: ReleaseEvent['verb'],
  outcome: Omit<VersionOutcome, 'at'>,
  quarantines: readonly QuarantineRow[],
  because?: string,
): void {
  const row = work.target(told);
  const { deployment, environment, resource, versionId, version } = told;
  work.targets.change(row, { sequence: row.sequence + 1 });
  const running = runningAt(row);
  const body: ReleaseEvent = {
    version,
    verb,
    ...(because === undefined ? {} : { because }),
    deployment,
    environment,
    resource,
    versionId,
    sequence: row.sequence,
    at: work.now,
    ...(row.startedAt === undefined ? {} : { startedAt: row.startedAt }),
    ...(running ? { running } : {}),
    outcome: { ...outcome, at: work.now },
    quarantined: quarantines.filter((quarantine) => quarantine.resource === resource).map((quarantine) => quarantine.versionId),
  };
  work.say({ subject: subjects.release(told, verb), id: `release:${deployment}/${environment}/${resource}:${row.sequence}`, body });
}

export function runningAt(row: TargetRow): ReleaseEvent['running'] {
  const { versionId, version, verified, since, revision } = row;
  if (versionId === undefined || version === undefined || since === undefined) return undefined;
  return { version: versionId, tag: version, verified, since, ...(revision === undefined ? {} : { revision }) };
}
