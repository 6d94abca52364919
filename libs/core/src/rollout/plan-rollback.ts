/** One release as its target remembers it. */
export interface ReleaseRecord {
  id: string;
  versionId: string;
  version: string;
  /** When it began; a later one is newer. */
  at: number;
  outcome: 'started' | 'succeeded' | 'failed' | 'rolledBack' | 'unknown';
  /** A verification at this target passed. */
  verified: boolean;
  /** It was itself a rollback. */
  rollback: boolean;
  /** Of what the executor was given and where: tells two releases of one version apart. */
  fingerprint?: string;
  /** It was a new release of the version that ran there already, with other variables or config. */
  renewal?: boolean;
}

export interface RollbackOptions {
  /** A person asked: then a rollback may follow a rollback. */
  byHand?: boolean;
  /** What is taken back is only a renewal: go to an earlier release of the same version. */
  renewal?: boolean;
}

/**
 * Where a target goes back to: its last release that succeeded and was verified there, of another version than the current one, or, of a renewal, of the
 * same version with what it had before (I9). Never to what was rolled back from there, never to one of `barred` (quarantined there, or rejected), never by
 * itself when what is to be taken back is itself a rollback.
 */
export function planRollback(
  history: readonly ReleaseRecord[],
  currentVersionId: string,
  barred: Iterable<string>,
  options: RollbackOptions = {},
): { release: ReleaseRecord } | { none: string } {
  const newestFirst = [...history].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
  const current = newestFirst.find((r) => r.versionId === currentVersionId);
  if (current?.rollback && !options.byHand) {
    return { none: `${current.version} is there by a rollback; a second one in a row is for a person to ask` };
  }
  const other = options.renewal
    ? (r: ReleaseRecord) => r.versionId === currentVersionId && r.fingerprint !== current?.fingerprint
    : (r: ReleaseRecord) => r.versionId !== currentVersionId;
  const versions = new Set(barred);
  const renewals = new Set<string>();
  for (const r of newestFirst) {
    if (r.outcome !== 'rolledBack') continue;
    if (r.renewal) renewals.add(sameRelease(r));
    else versions.add(r.versionId);
  }
  const good = (r: ReleaseRecord) => r.outcome === 'succeeded' && r.verified && !versions.has(r.versionId) && !renewals.has(sameRelease(r));
  const release = newestFirst.find((r) => other(r) && good(r));
  if (release) return { release };
  if (!newestFirst.some(other))
    return { none: options.renewal ? 'no other release of it was ever there' : 'no other version was ever there' };
  return {
    none: `no earlier ${options.renewal ? 'release of it' : 'version'} succeeded and was verified there without being taken back later`,
  };
}

const sameRelease = (r: ReleaseRecord): string => `${r.versionId} ${r.fingerprint ?? ''}`;
