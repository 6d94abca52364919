import type { Version } from '../model/inventory.js';

/** Most versions that are judged for one environment; older ones are passed over. */
export const CANDIDATES_MAX = 20;

/**
 * The versions worth judging, newest first: ready, or building (they wait), and newer than the oldest that runs (I8). `oldestRunningSequence`
 * is undefined when some target runs nothing yet. `moved`: ids of versions that run where something has changed since, so that they may be
 * wanted there anew with other variables or config.
 */
export function candidateVersions(
  versions: Iterable<Version>,
  oldestRunningSequence: number | undefined,
  moved: ReadonlySet<string> = new Set(),
): Version[] {
  const newer: Version[] = [];
  const again: Version[] = [];
  for (const version of versions) {
    if (version.status !== 'ready' && version.status !== 'building') continue;
    if (moved.has(version.id)) again.push(version);
    else if (oldestRunningSequence === undefined || version.sequence > oldestRunningSequence) newer.push(version);
  }
  const newestFirst = (a: Version, b: Version): number => b.sequence - a.sequence;
  return [...newer.sort(newestFirst).slice(0, CANDIDATES_MAX), ...again.sort(newestFirst).slice(0, CANDIDATES_MAX)].sort(newestFirst);
}
