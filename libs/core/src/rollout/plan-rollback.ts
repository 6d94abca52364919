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
}

export interface RollbackOptions {
  /** A person asked: then a rollback may follow a rollback. */
  byHand?: boolean;
}

/**
 * Where a target goes back to: its last release that succeeded and was verified there, of another version than the current one (I9). Never one that was
 * rolled back from there, never one of `barred` (quarantined there, or rejected), never by itself when what is to be taken back is itself a rollback.
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
  const excluded = new Set([currentVersionId, ...barred]);
  for (const r of newestFirst) if (r.outcome === 'rolledBack') excluded.add(r.versionId);
  const release = newestFirst.find((r) => r.outcome === 'succeeded' && r.verified && !excluded.has(r.versionId));
  if (release) return { release };
  if (!newestFirst.some((r) => r.versionId !== currentVersionId)) return { none: 'no other version was ever there' };
  return { none: 'no earlier version succeeded and was verified there without being taken back later' };
}
