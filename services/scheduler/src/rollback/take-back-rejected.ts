import { jobTable, targetTable, type TargetRow } from '../tables.js';
import type { Place, Work } from '../work.js';
import { orderOf, takeBack } from './roll-back.js';

/** Where a version runs that a person has rejected, the last good one is put back; a target that could not be brought back is left to people. */
export async function takeBackRejected(work: Work, place: Place): Promise<void> {
  const { deployment, environment } = place;
  const rejected = work.inventory.versions.of(deployment).filter((version) => version.status === 'rejected');
  if (rejected.length === 0) return;
  const versionId = rejected.map((version) => version.id);
  const running = await work.tx.find(targetTable, { deployment, environment, versionId, halted: null });
  if (running.length === 0) return;
  const busy = await work.tx.find(
    jobTable,
    { deployment, environment, resource: running.map((row) => row.resource), occupies: true },
    { only: ['resource'] },
  );
  const taken = new Set(busy.map((job) => job.resource));
  const rollouts = await work.loadRolloutsOf(place, { versions: versionId });
  const because = (row: TargetRow): string => `version ${row.version} was rejected`;
  const orders = running
    .filter((row) => !taken.has(row.resource))
    .sort((a, b) => (b.since ?? 0) - (a.since ?? 0))
    .map((row) => orderOf(work, row, rollouts, because(row)));
  if (orders.length > 0) await takeBack(work, place, orders, true);
}
