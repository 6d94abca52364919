import { planRollback, SlipwayError, type ExecutorSpec, type Obligations, type ReleaseRecord } from '@slipway/core';
import { admitJobs } from '../jobs/admit.js';
import { beganNothing } from '../jobs/began-nothing.js';
import { makeDeploy } from '../releases/make-deploy.js';
import { tellRelease } from '../releases/release-events.js';
import { memberIs } from '../rollouts/tell-member.js';
import { sequenceBack } from '../sequences/sequence-back.js';
import { isBeforeTurn, takeBackSteps } from '../sequences/take-back-steps.js';
import { jobTable, releaseTable, templateTable, type JobRow, type ReleaseRow, type RolloutRow, type TargetRow } from '../tables.js';
import { placeOf, type Place, type Work } from '../work.js';

/** One target that is to give a version back. */
export interface TakeBack {
  resource: string;
  versionId: string;
  version: string;
  because: string;
  obligations: Obligations;
  rolloutId?: string;
  ordinal?: number;
  /** Only its changed variables and config are taken back; the version stays. */
  renewal?: boolean;
  /** The rollout whose obligations these are. */
  obligedBy: string;
  /** A newer version comes in its place: nothing was wrong with it. */
  superseded?: boolean;
}

/** Core's planner ordered these members of a rollout back, newest first. */
export async function rollBackMembers(work: Work, row: RolloutRow, ordinals: readonly number[], because: string): Promise<void> {
  const { versionId, version, obligations, id: rolloutId } = row;
  const orders = ordinals.map((ordinal) => ({
    resource: row.plan.members[ordinal] as string,
    ordinal,
    rolloutId,
    versionId,
    version,
    obligations,
    because,
    ...(row.renewal ? { renewal: true } : {}),
    obligedBy: rolloutId,
    ...(row.ending?.state === 'superseded' || row.withdrawn ? { superseded: true } : {}),
  }));
  await work.loadTargets(
    row,
    orders.map((order) => order.resource),
  );
  // Newest first: a member that was tried again, or waited for its own gate, came later than its place in the order says.
  const begunAt = ({ resource }: TakeBack): number => work.target({ ...placeOf(row), resource }).startedAt ?? 0;
  await takeBack(
    work,
    row,
    orders.sort((a, b) => begunAt(b) - begunAt(a) || b.ordinal - a.ordinal),
    false,
  );
}

/** Sequences that ended half way after their rollout was over, or without their member. */
export async function takeBackOrphans(work: Work, orphans: Work['orphans']): Promise<void> {
  await work.loadReleases(orphans.map(({ row }) => row.releaseId));
  await work.loadRollouts(orphans.flatMap(({ row }) => work.release(row.releaseId).sequence?.obligedBy ?? []));
  for (const { row, because } of orphans) {
    const { resource, versionId, version } = row;
    const release = work.release(row.releaseId);
    const obligedBy = release.sequence?.obligedBy ?? '';
    const { obligations } = work.rollout(obligedBy);
    const order = { resource, versionId, version, because, obligations, obligedBy, ...(release.renewal ? { renewal: true } : {}) };
    await takeBack(work, row, [order], false);
  }
}

const HISTORY_COLUMNS = ['id', 'deployment', 'environment', 'resource', 'versionId', 'version', 'versionSequence', 'rolloutId', 'restores', 'takesBack', 'template', 'sequence', 'fingerprint', 'revision', 'renewal', 'state', 'verified', 'createdAt', 'finishedAt', 'because', 'variables'] as const; // prettier-ignore

/**
 * Bring targets of one place back to the last release that succeeded and was verified there (I9), with the variables it had. The version they
 * give back is quarantined there. Where there is no such release the target stays, halted, and says so. Gives what became of each.
 */
export async function takeBack(
  work: Work,
  place: Place,
  orders: readonly TakeBack[],
  byHand: boolean,
): Promise<{ back: JobRow[]; none: { resource: string; because: string }[] }> {
  const { deployment, environment } = place;
  const resources = orders.map((order) => order.resource);
  await work.loadTargets({ deployment, environment }, resources);
  await work.quarantinesOf({ deployment, environment });
  work.flush();
  const stored = await work.tx.find(
    releaseTable,
    { deployment, environment, resource: resources },
    { only: HISTORY_COLUMNS, orderBy: { createdAt: 'asc', id: 'asc' } },
  );
  const history = Map.groupBy(work.releases.loaded(stored), (release) => release.resource);
  const untouched = byHand ? new Set<string>() : await untouchedBy(work, orders, history);
  const earlier = await earlierJobs(work, orders, history);
  const templates = await templatesOf(work, stored);
  await work.loadRollouts(orders.map((order) => order.obligedBy));
  const undeployable = undeployableAt(work, deployment);
  const back: JobRow[] = [];
  const none: { resource: string; because: string }[] = [];
  for (const order of orders) {
    if (untouched.has(order.resource)) {
      await stayAway(work, place, order, `${order.because}; nothing had begun there`);
      if (order.renewal) await tellUntouched(work, place, order);
      memberIs(work, order, 'r');
      continue;
    }
    const newest = history.get(order.resource)?.findLast((release) => release.versionId === order.versionId);
    if (isBeforeTurn(newest)) {
      const superseded = order.superseded === true || newest.sequence.superseded === true;
      if (!superseded) await stayAway(work, place, order, order.because);
      const job = await takeBackSteps(
        work,
        { ...order, superseded, overtaken: isOvertaken(history.get(order.resource) ?? [], newest) },
        newest,
        await work.quarantinesOf({ deployment, environment }),
      );
      if (job) back.push(job);
      continue;
    }
    const outcome = await takeBackOne(work, place, order, {
      ...{ history: history.get(order.resource) ?? [], earlier, templates, undeployable, byHand },
    });
    if ('none' in outcome) none.push({ resource: order.resource, because: outcome.none });
    else back.push(outcome.job);
  }
  await admitJobs(work, back);
  return { back, none };
}

/** Something else has come there since: what is left of this release is that one's business. */
const isOvertaken = (history: readonly ReleaseRow[], release: ReleaseRow): boolean =>
  history.slice(history.indexOf(release) + 1).some(({ state }) => state !== 'cancelled');

type Earlier = ReadonlyMap<string, JobRow>;
type Templates = ReadonlyMap<string, ExecutorSpec>;

/** The executor templates of these releases, by id. */
async function templatesOf(work: Work, releases: readonly Pick<ReleaseRow, 'template'>[]): Promise<Templates> {
  const id = [...new Set(releases.flatMap(({ template }) => template ?? []))];
  const rows = id.length > 0 ? await work.tx.find(templateTable, { id }) : [];
  return new Map(rows.map((row) => [row.id, row.executor]));
}

/** What the earlier releases of the same version gave to their executors, by release: a renewal that is taken back leaves it exactly as it was. */
async function earlierJobs(work: Work, orders: readonly TakeBack[], history: ReadonlyMap<string, ReleaseRow[]>): Promise<Earlier> {
  const releases = orders
    .filter((order) => order.renewal)
    .flatMap(
      ({ resource, versionId }) => history.get(resource)?.filter((one) => one.versionId === versionId && one.state === 'succeeded') ?? [],
    );
  if (releases.length === 0) return new Map();
  const where = { releaseId: releases.map((release) => release.id), kind: 'deploy' as const };
  const jobs = await work.tx.find(jobTable, where, { only: ['id', 'releaseId', 'pool', 'config'] });
  return new Map(jobs.map((job) => [job.releaseId, job]));
}

/** Targets where the version's job never got to an agent, or was refused before it began: there is nothing to take back. */
async function untouchedBy(work: Work, orders: readonly TakeBack[], history: ReadonlyMap<string, ReleaseRow[]>): Promise<Set<string>> {
  const newest = new Map<string, string>();
  for (const { resource, versionId } of orders) {
    const release = history.get(resource)?.findLast((candidate) => candidate.versionId === versionId);
    if (release?.state === 'failed') newest.set(release.id, resource);
  }
  if (newest.size === 0) return new Set();
  await work.loadJobsOf([...newest.keys()]);
  const untouched = new Set(newest.values());
  for (const job of work.jobs.all()) {
    const resource = newest.get(job.releaseId);
    if (resource !== undefined && (job.claimedAt !== undefined || job.attempt > 1) && !beganNothing(job)) untouched.delete(resource);
  }
  return untouched;
}

interface Known {
  /** What was ever released there, oldest first. */
  history: ReleaseRow[];
  earlier: Earlier;
  templates: Templates;
  undeployable: ReadonlyMap<string, string>;
  byHand: boolean;
}

async function takeBackOne(
  work: Work,
  place: Place,
  order: TakeBack,
  { history, earlier, templates, undeployable, byHand }: Known,
): Promise<{ job: JobRow } | { none: string }> {
  const { deployment, environment } = place;
  const { resource, versionId, version, because, renewal = false } = order;
  const told = { deployment, environment, resource, versionId, version };
  const quarantined = (await work.quarantinesOf(place)).filter((row) => row.resource === resource).map((row) => row.versionId);
  const plan = planRollback(history.flatMap(recordOf), versionId, [...quarantined, ...undeployable.keys()], { byHand, renewal });
  const current = history.findLast((release) => release.versionId === versionId);
  if ('none' in plan) {
    const none = `${plan.none}${notDeployable(history, versionId, undeployable)}`;
    const halted = `${because}; it stays on ${version}: ${none}`;
    work.targets.change(work.target(told), { halted });
    memberIs(work, order, 'f', halted);
    return { none };
  }
  if (current) work.releases.change(current, { state: 'rolledBack', because });
  await stayAway(work, place, order, because);
  const old = history.find((release) => release.id === plan.release.id) as ReleaseRow;
  const release = work.releases.add({
    id: work.world.ids.next(),
    ...{ deployment, environment, resource, versionId: old.versionId, version: old.version, versionSequence: old.versionSequence },
    ...(order.rolloutId === undefined ? {} : { rolloutId: order.rolloutId }),
    restores: old.restores ?? old.id,
    takesBack: { versionId, version },
    variables: old.variables,
    ...(renewal ? { fingerprint: old.fingerprint } : {}),
    ...(old.template === undefined ? {} : { template: old.template }),
    state: 'pending',
    verified: false,
    createdAt: work.now,
    because,
  });
  const { obligations, rolloutId, ordinal } = order;
  const { within } = obligations.gradualRollout;
  if (within) return { job: await sequenceBack(work, { order, release, current, old, history, within }) };
  const restores = renewal ? earlier.get(old.id) : undefined;
  const template = old.template === undefined ? undefined : templates.get(old.template);
  const job = makeDeploy(work, {
    release,
    obligations,
    rollback: true,
    ...(rolloutId === undefined ? {} : { rolloutId }),
    ...(ordinal === undefined ? {} : { ordinal }),
    ...(restores ? { restores } : {}),
    ...(template ? { template } : {}),
  });
  return { job };
}

/** The version does not come to this target by itself any more, and everyone is told. */
async function stayAway(
  work: Work,
  { deployment, environment }: Place,
  { resource, versionId, version, renewal }: TakeBack,
  because: string,
): Promise<void> {
  // The version stays where only its variables or config were bad; the target remembers those.
  if (renewal) return;
  const told = { deployment, environment, resource, versionId, version };
  const fresh = await work.quarantine({ ...told, because, at: work.now });
  if (fresh) tellRelease(work, told, 'quarantined', { state: 'failed', verified: false }, await work.quarantinesOf(told), because);
}

/** A renewal never got there: the version runs on as it did. */
async function tellUntouched(
  work: Work,
  { deployment, environment }: Place,
  { resource, versionId, version, because }: TakeBack,
): Promise<void> {
  const told = { deployment, environment, resource, versionId, version };
  const { verified } = work.target(told);
  tellRelease(
    work,
    told,
    'rolledBack',
    { state: 'succeeded', verified },
    await work.quarantinesOf(told),
    `${because}; nothing had begun there`,
  );
}

/** Versions that are not `ready`, with what they are: none of them goes anywhere, not even back. */
function undeployableAt(work: Work, deployment: string): Map<string, string> {
  const others = work.inventory.versions.of(deployment).filter((version) => version.status !== 'ready');
  return new Map(others.map((version) => [version.id, version.status]));
}

/** `; 1.0.0 was good there, and is paused`: what a person may wish to change where there is nothing else to go back to. */
function notDeployable(history: readonly ReleaseRow[], versionId: string, undeployable: ReadonlyMap<string, string>): string {
  const good = history.findLast(
    (release) =>
      release.versionId !== versionId && release.state === 'succeeded' && release.verified && undeployable.has(release.versionId),
  );
  return good ? `; ${good.version} was good there, and is ${undeployable.get(good.versionId)}` : '';
}

function recordOf(release: ReleaseRow): ReleaseRecord[] {
  if (release.state === 'cancelled') return [];
  const { id, versionId, version, createdAt, state, verified, restores, fingerprint, renewal = false } = release;
  const outcome = state === 'pending' ? 'started' : state;
  const rollback = restores !== undefined;
  return [
    { id, versionId, version, at: createdAt, outcome, verified, rollback, renewal, ...(fingerprint === undefined ? {} : { fingerprint }) },
  ];
}

/** What is to be taken back at a target, under the obligations of the rollout that brought it. `rollouts`: of that version, oldest first. */
export function orderOf(work: Work, row: TargetRow, rollouts: readonly RolloutRow[], because: string): TakeBack {
  const { resource, versionId, version } = row as TargetRow & { versionId: string; version: string };
  const from =
    rollouts.findLast((rollout) => rollout.versionId === versionId && work.ordinalOf(rollout, resource) !== undefined) ?? rollouts.at(-1);
  const ordinal = from ? work.ordinalOf(from, resource) : undefined;
  if (!from)
    throw new SlipwayError({
      code: 'scheduler.rollback.unknown',
      kind: 'conflict',
      message: `Rolling back ${resource}: no rollout of ${version} is on record for it.`,
    });
  return {
    resource,
    versionId,
    version,
    because,
    obligations: from.obligations,
    obligedBy: from.id,
    ...(ordinal === undefined ? {} : { rolloutId: from.id, ordinal }),
  };
}
