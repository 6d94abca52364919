import type { Version } from '../model/inventory.js';

/** Most versions that are judged for one environment; older ones are passed over. */
export const CANDIDATES_MAX = 20;

/**
 * The versions worth judging, newest first: ready, or building (they wait), and newer than the oldest that runs (I8). `oldestRunningSequence`
 * is undefined when some target runs nothing yet. `moved`: ids of versions that run where something has changed since, so that they may be
 * wanted there anew with other variables or config. `pinned`: ids of versions that something here is pinned to, however old they are.
 */
export function candidateVersions(
  versions: Iterable<Version>,
  oldestRunningSequence: number | undefined,
  moved: ReadonlySet<string> = NONE,
  pinned: ReadonlySet<string> = NONE,
): Version[] {
  const newer: Version[] = [];
  const again: Version[] = [];
  for (const version of versions) {
    if (version.status !== 'ready' && version.status !== 'building') continue;
    if (moved.has(version.id) || pinned.has(version.id)) again.push(version);
    else if (oldestRunningSequence === undefined || version.sequence > oldestRunningSequence) newer.push(version);
  }
  const newestFirst = (a: Version, b: Version): number => b.sequence - a.sequence;
  // A pin names its version, so it is judged whatever else there is.
  const wanted = again.sort(newestFirst).filter((version, at) => at < CANDIDATES_MAX || pinned.has(version.id));
  return [...newer.sort(newestFirst).slice(0, CANDIDATES_MAX), ...wanted].sort(newestFirst);
}

const NONE: ReadonlySet<string> = new Set();
