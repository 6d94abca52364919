import { stopHalfWay } from '../sequences/stop-half-way.js';
import { settle } from '../settle.js';
import type { Place, Work } from '../work.js';
import { PIN_OVER } from './standing.js';

/**
 * Rollouts that follow a pin go only as far as it stands: what has not begun of them never does (I8). One of which no target is pinned any more ends;
 * what is newer may come then.
 */
export async function leavePins(work: Work, place: Place): Promise<void> {
  const following = (await work.loadRolloutsOf(place, { open: true })).filter((row) => row.pinned && !row.ending);
  if (following.length === 0) return;
  // Jobs of theirs that nobody had begun are taken back first, so that their members are pending again.
  await settle(work);
  await work.loadStanding();
  const standing = work.standingAt(place);
  for (const row of following) {
    if (row.finishedAt !== undefined || row.ending) continue;
    const left = row.plan.members.flatMap((resource, ordinal) => (standing.pinAt(resource)?.version === row.versionId ? [] : [ordinal]));
    if (left.length === row.plan.members.length) {
      // Without the pin its targets may go to the same version by themselves, where it is newer.
      work.rollouts.change(row, { withdrawn: true });
      work.rolloutEvents.push({ id: row.id, event: { type: 'abort', because: PIN_OVER } });
    } else {
      const resources = left.flatMap((ordinal) => (row.members[ordinal] === 'j' ? (row.plan.members[ordinal] ?? []) : []));
      await stopHalfWay(work, place, { resources, version: row.version, harmless: true }, PIN_OVER);
      const pending = left.filter((ordinal) => row.members[ordinal] === '.');
      if (pending.length > 0) work.rolloutEvents.push({ id: row.id, event: { type: 'exclude', ordinals: pending } });
    }
  }
}
