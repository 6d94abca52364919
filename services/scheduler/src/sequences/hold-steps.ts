import { gateAt } from '../decisions/gate.js';
import { stepJob } from '../jobs/step-job.js';
import { jobTable, type Held, type JobRow } from '../tables.js';
import { placeKey, placeOf, type Work } from '../work.js';

/** A held step is looked at again this often, should the event that frees it be missed (I5). */
const HELD_WAKE_MS = 60_000;
/** A decision whose time has passed is followed by the next one within this. */
const NEXT_DECISION_MS = 1_000;

/** A job of a sequence that nobody has begun yet. */
export const isOpenStep = (row: JobRow): boolean => row.weight !== undefined && row.claimedAt === undefined;

export interface StepHold {
  held: Held;
  because: string;
  wakeAt: number;
}

type Decisions = Awaited<ReturnType<Work['loadDecisions']>>;

/**
 * Jobs of sequences that may not begin now are held and keep their target, with the reason: the step before holds, the rollout is paused, the gate
 * has closed, a freeze forbids it. Gives those that are held, or are over since nobody needs them any more.
 */
export async function holdSteps(work: Work, rows: readonly JobRow[]): Promise<Set<JobRow>> {
  const held = new Set<JobRow>();
  await work.loadRollouts(rows.flatMap((row) => row.rolloutId ?? []));
  await work.loadReleases(rows.map((row) => row.releaseId));
  for (const group of Map.groupBy(rows, placeKey).values()) {
    const place = placeOf(group[0] as JobRow);
    const decisions = await work.loadDecisions(place);
    const taken = await takenBy(work, group);
    for (const row of group) {
      const hold = holdOf(work, row, decisions, taken);
      if (hold === undefined) continue;
      held.add(row);
      if (hold !== 'over') putAside(work, row, hold);
    }
  }
  return held;
}

/** Why a step may not begin now, for whoever asks before it is granted. The rollout of the step must be loaded. */
export function stepHold(work: Work, row: JobRow, decisions: Decisions): StepHold | undefined {
  const wakeAt = work.now + HELD_WAKE_MS;
  if (row.kind === 'verify') return undefined;
  if (row.rollback || row.kind === 'retire') {
    const freeze = work.standingAt(row).frozen(row.resource, { rollback: row.rollback });
    return freeze === undefined ? undefined : { held: 'gate', because: `freeze: ${freeze.sentence}`, wakeAt };
  }
  const rollout = row.rolloutId === undefined ? undefined : work.rollout(row.rolloutId);
  if (rollout && rollout.state !== 'running')
    return {
      held: 'paused',
      because: `the rollout is ${rollout.state}${rollout.because === undefined ? '' : `: ${rollout.because}`}`,
      wakeAt,
    };
  const status = work.inventory.versions.byId(row.versionId)?.status;
  if (status !== 'ready') return { held: 'gate', because: `version ${row.version} is ${status ?? 'unknown'}`, wakeAt };
  const revision = work.inventory.targetRevision(row.deployment, row.environment, row.resource);
  const held = work.standingAt(row).saysTo({ versionId: row.versionId, pinned: rollout?.pinned }, row.resource);
  const answer = gateAt(decisions.get(row.versionId), row.resource, revision, work.now, held);
  if (answer.open) return undefined;
  return { held: 'gate', because: answer.because, wakeAt: answer.expired ? work.now + NEXT_DECISION_MS : wakeAt };
}

function holdOf(work: Work, row: JobRow, decisions: Decisions, taken: ReadonlySet<string>): StepHold | 'over' | undefined {
  if (row.kind === 'retire' && !row.rollback) {
    const target = work.target(row);
    if (target.releaseId !== row.releaseId) {
      stepJob(work, row, { type: 'withdraw', because: `${target.version ?? 'another release'} has come there since` });
      return 'over';
    }
    if (row.notBefore !== undefined && row.notBefore > work.now)
      return { held: 'hold', because: `slot ${row.slot} is kept as a way back`, wakeAt: row.notBefore };
    if (taken.has(row.resource)) return { held: 'busy', because: 'another job has this target', wakeAt: work.now + HELD_WAKE_MS };
    return stepHold(work, row, decisions);
  }
  if (row.notBefore !== undefined && row.notBefore > work.now)
    return { held: 'hold', because: row.heldBecause ?? 'the step before it holds', wakeAt: row.notBefore };
  // What is the first of its sequence was asked for before it was made; what brings a version back is asked with the other rollbacks.
  if (!row.occupies || row.kind === 'deploy') return undefined;
  return stepHold(work, row, decisions);
}

function putAside(work: Work, row: JobRow, { held, because, wakeAt }: StepHold): void {
  work.jobs.change(row, {
    state: 'queued',
    dispatchedAt: undefined,
    pickupUntil: undefined,
    held,
    heldBecause: because,
    wakeAt,
    // It keeps its target between its steps (I1), but for what is cleaned up afterwards.
    ...(row.kind === 'retire' && !row.rollback ? { occupies: false } : {}),
  });
}

/** Targets at which something else is live, for the retire jobs among these. */
async function takenBy(work: Work, rows: readonly JobRow[]): Promise<Set<string>> {
  const retires = rows.filter((row) => row.kind === 'retire' && !row.rollback);
  if (retires.length === 0) return new Set();
  const place = placeOf(retires[0] as JobRow);
  const resources = retires.map((row) => row.resource);
  await work.loadTargets(place, resources);
  const due = retires.filter((row) => row.notBefore === undefined || row.notBefore <= work.now);
  if (due.length === 0) return new Set();
  const own = new Set(due.map((row) => row.id));
  const stored = await work.tx.find(jobTable, { ...place, resource: resources, occupies: true }, { only: ['id', 'resource'] });
  const taken = new Set(stored.filter((row) => !own.has(row.id) && !work.jobs.has(row)).map((row) => row.resource));
  for (const row of work.jobs.all()) if (row.occupies && !own.has(row.id) && placeKey(row) === placeKey(place)) taken.add(row.resource);
  return taken;
}
