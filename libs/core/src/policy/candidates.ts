import type { Version } from '../model/inventory.js';

/** Most versions that are judged for one environment; older ones are passed over. */
export const CANDIDATES_MAX = 20;

/**
 * The versions worth judging, newest first: ready, or building (they wait), and newer than the oldest that runs (I8). `oldestRunningSequence`
 * is undefined when some target runs nothing yet.
 */
export function candidateVersions(versions: Iterable<Version>, oldestRunningSequence: number | undefined): Version[] {
  const candidates: Version[] = [];
  for (const version of versions) {
    if (version.status !== 'ready' && version.status !== 'building') continue;
    if (oldestRunningSequence === undefined || version.sequence > oldestRunningSequence) candidates.push(version);
  }
  return candidates.sort((a, b) => b.sequence - a.sequence).slice(0, CANDIDATES_MAX);
}
