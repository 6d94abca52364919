import { admitJobs } from '../jobs/admit.js';
import { makeDeploy, variablesAt } from '../releases/make-deploy.js';
import { startSequences } from '../sequences/start-sequences.js';
import type { ReleaseSequence } from '../sequences/release-sequence.js';
import type { ReleaseRow, RolloutRow } from '../tables.js';
import type { Work } from '../work.js';

/** How many jobs one transaction makes: one statement per table and one outbox row for as many as one stream batch takes (PERFORMANCE.md). */
export const DISPATCH_BATCH = 1_000;

/** Make releases and jobs for these members, in this order; what goes beyond a batch is left in the rollout's backlog for the next transaction. */
export async function dispatchMembers(work: Work, row: RolloutRow, ordinals: readonly number[]): Promise<void> {
  const waiting = [...row.backlog, ...ordinals];
  const now = waiting.slice(0, Math.max(0, DISPATCH_BATCH - work.dispatched));
  const rest = waiting.slice(now.length);
  if (rest.length > 0 || row.backlog.length > 0) work.rollouts.change(row, { backlog: rest });
  if (rest.length > 0) {
    work.rollouts.change(row, { wakeAt: work.now });
    work.more = true;
  } else if (ordinals.length === 0) work.rolloutEvents.push({ id: row.id, event: { type: 'time' } });
  work.dispatched += now.length;
  const sequenceAt = await startSequences(
    work,
    row,
    now.map((ordinal) => row.plan.members[ordinal] as string),
  );
  const jobs = now.map((ordinal) => dispatchMember(work, row, ordinal, sequenceAt(row.plan.members[ordinal] as string)));
  await admitJobs(work, jobs);
}

function dispatchMember(
  work: Work,
  row: RolloutRow,
  ordinal: number,
  sequence: ReleaseSequence | undefined,
): ReturnType<typeof makeDeploy> {
  const { deployment, environment, versionId, version, versionSequence } = row;
  const resource = row.plan.members[ordinal] as string;
  const { values, problem } = variablesAt(work, { deployment, environment, resource });
  const release: ReleaseRow = work.releases.add({
    id: work.world.ids.next(),
    ...{ deployment, environment, resource, versionId, version, versionSequence },
    rolloutId: row.id,
    variables: values,
    revision: work.inventory.revision,
    ...(row.renewal ? { renewal: true } : {}),
    ...(sequence ? { sequence } : {}),
    state: 'pending',
    verified: false,
    createdAt: work.now,
  });
  return makeDeploy(work, {
    release,
    rolloutId: row.id,
    ordinal,
    obligations: row.obligations,
    rollback: false,
    ...(sequence?.steps[0] ? { step: sequence.steps[0] } : {}),
    ...(problem === undefined ? {} : { problem }),
  });
}
