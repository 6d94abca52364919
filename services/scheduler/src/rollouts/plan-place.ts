import {
  checkPlan,
  planRollout,
  SlipwayError,
  type MemberLetter,
  type ResourceDoc,
  type Rollout,
  type RolloutState,
  type Version,
} from '@slipway/core';
import { chooseDesired, type Candidate, type Desired, type PinnedSituation, type TargetSituation } from '../decisions/choose-desired.js';
import { gateAt, type GateAnswer, type IndexedDecision } from '../decisions/gate.js';
import { obligationsKey } from '../decisions/obligations-key.js';
import { jobTable, targetTable, type RolloutRow } from '../tables.js';
import { placeKey, type Place, type Work } from '../work.js';
import { outdatedAt, rememberWanted } from './renewals.js';

/**
 * Look at every target of a place and begin what may go: targets with the same next version and the same obligations make one rollout, or
 * join the one that is open. A newer version's rollout supersedes an older one whose waiting targets it takes. Idempotent: looked at again
 * with nothing changed, it does nothing.
 */
export async function planPlace(work: Work, place: Place): Promise<void> {
  const targets = work.inventory.targets(place.deployment, place.environment);
  if (!targets || targets.size === 0) return;
  work.flush();
  const [decisions, open] = await Promise.all([work.loadDecisions(place), work.loadRolloutsOf(place, { open: true })]);
  const candidates = work.inventory.versions
    .of(place.deployment)
    .filter((version) => version.status === 'ready' && decisions.has(version.id))
    .map((version): Candidate => ({ version, decision: decisions.get(version.id) as IndexedDecision }))
    .reverse();
  if (candidates.length === 0) return;
  const situations = await situationsAt(
    work,
    place,
    open,
    candidates.map(({ version }) => version),
  );
  const standing = work.standingAt(place);
  const gate = ({ version, decision }: Candidate, { resource, revision, pin }: TargetSituation): GateAnswer =>
    gateAt(decision, resource, revision, work.now, standing.saysTo({ versionId: version.id, pinned: pin !== undefined }, resource));
  for (const desired of chooseDesired(situations, candidates, obligationsKey, gate))
    if (desired.renewal) await renew(work, place, desired, open);
    else begin(work, place, desired, open);
}

/** The version stays, its release does not: only where a new one would differ. */
async function renew(work: Work, place: Place, desired: Desired, open: RolloutRow[]): Promise<void> {
  const outdated = await outdatedAt(work, place, desired.version, desired.resources);
  if (outdated.size > 0 && begin(work, place, { ...desired, resources: [...outdated.keys()] }, open)) rememberWanted(work, place, outdated);
}

/** Gives whether a rollout carries it now. */
function begin(work: Work, place: Place, desired: Desired, open: RolloutRow[]): boolean {
  const { version, resources } = desired;
  const same = open.find((row) => takesIn(work, row, desired));
  const row = same ?? startRollout(work, place, desired);
  if (!row) return false;
  const wanted = new Set(resources);
  for (const older of open) {
    const newer = older.versionSequence < version.sequence;
    const renewed = desired.renewal && older.renewal === true && older !== row && older.versionId === version.id;
    // What is half way through its steps keeps its target until it is taken back.
    const halfWay = desired.pinned && older.versionId !== version.id && older.obligations.gradualRollout.within !== undefined;
    const repeated = desired.pinned && older.pinned === true && older !== row && older.versionId === version.id;
    if (!(newer || renewed || halfWay || repeated) || older.ending || !leavesTo(older, wanted)) continue;
    // What a newer version leaves of a renewal may be asked for again, should that version not come there.
    if (newer && older.renewal) work.rollouts.change(older, { withdrawn: true });
    work.rolloutEvents.push({
      id: older.id,
      event: {
        type: 'supersede',
        by: renewed ? 'newer variables or config' : halfWay || repeated ? `the pin to ${version.tag}` : version.tag,
      },
    });
  }
  if (same) work.rolloutEvents.push({ id: same.id, event: { type: 'join', resources } });
  else open.push(row);
  return true;
}

/** Whether an open rollout can take these targets in. A renewal that has a member already, or goes no further by itself, can not. */
function takesIn(work: Work, row: RolloutRow, { version, obligationsKey, renewal, pinned, resources }: Desired): boolean {
  if (row.versionId !== version.id || row.obligationsKey !== obligationsKey || row.ending) return false;
  if ((row.renewal ?? false) !== renewal || (row.pinned ?? false) !== pinned) return false;
  if (!renewal && !pinned) return true;
  return (row.state === 'pending' || row.state === 'running') && resources.every((resource) => work.ordinalOf(row, resource) === undefined);
}

/** Whether an older rollout has members not yet done among these targets. */
function leavesTo(row: RolloutRow, wanted: ReadonlySet<string>): boolean {
  return row.plan.members.some((resource, ordinal) => '.jfu'.includes(row.members[ordinal] ?? '') && wanted.has(resource));
}

function startRollout(work: Work, place: Place, desired: Desired): RolloutRow | undefined {
  const planned = plan(work, place, desired);
  if (!planned || planned.plan.members.length === 0) return undefined;
  const row = work.rollouts.add({
    ...planned,
    versionSequence: desired.version.sequence,
    planSize: planned.plan.members.length,
    obligationsKey: desired.obligationsKey,
    backlog: [],
    ...(desired.renewal ? { renewal: true } : {}),
    ...(desired.pinned ? { pinned: true } : {}),
    withdrawn: false,
  });
  work.rolloutEvents.push({ id: row.id, event: { type: 'start' } });
  return row;
}

/** A plan that cannot be made (a wave's selector has no value for a target) starts nothing, and is shown to people: a canary is not skipped silently. */
function plan(work: Work, place: Place, { version, resources, obligations }: Desired): Rollout | undefined {
  const { deployment, environment } = place;
  const { problems, log, ids } = work.world;
  const documents = resources
    .map((resource) => work.inventory.resources.get(resource))
    .filter((doc): doc is ResourceDoc => doc !== undefined);
  const names = { deployment, environment, versionId: version.id, version: version.tag };
  try {
    const planned = planRollout({ id: ids.next(), ...names, targets: documents, obligations, now: work.now });
    const wrong = checkPlan(planned).filter((finding) => finding.severity === 'fatal');
    if (wrong.length > 0) throw invalidPlan(wrong.map((finding) => finding.message));
    problems.delete(placeKey(place));
    return planned;
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    const because = `${version.tag} cannot be planned: ${error.message}`;
    const known = problems.get(placeKey(place));
    problems.set(placeKey(place), { because, since: known?.because === because ? known.since : work.now });
    log.warn('a rollout cannot be planned', { ...names, because: error.message });
    return undefined;
  }
}

/** The planner and its checker disagree: nothing of such a plan is carried out. */
function invalidPlan(why: readonly string[]): SlipwayError {
  return new SlipwayError({
    code: 'scheduler.rollout.planInvalid',
    kind: 'bug',
    message: `The plan is wrong in itself: ${why.join('; ')}`,
  });
}

/** What each target runs, what is being brought there, and what was tried there before. */
async function situationsAt(
  work: Work,
  place: Place,
  open: readonly RolloutRow[],
  candidates: readonly Version[],
): Promise<TargetSituation[]> {
  const { deployment, environment } = place;
  const [rollouts, rows, busy, quarantines] = await Promise.all([
    work.loadRolloutsOf(place, { versions: candidates.map((version) => version.id) }),
    work.tx.find(targetTable, { deployment, environment }, { only: ['resource', 'versionSequence', 'revision', 'wantedRevision'] }),
    busyTargets(work, place),
    work.quarantinesOf(place),
  ]);
  const over = rollouts.filter((row) => row.finishedAt !== undefined);
  const runs = new Map(rows.map((row) => [row.resource, row]));
  const quarantined = setsBy(quarantines, (row) => [row.resource, row.versionId]);
  const bad = new Set(quarantines.map((row) => row.versionId));
  const spokenFor = new Map<string, number>();
  const tried: Tried = new Map();
  for (const row of open) noteOpen(row, bad, spokenFor, tried);
  for (const row of over) noteOver(row, bad, tried);
  const pins = pinnedSituations(work, place, [...open, ...over], bad);

  const targets = work.inventory.targets(deployment, environment);
  const situations: TargetSituation[] = [];
  for (const resource of targets?.resources() ?? []) {
    const revision = targets?.revisionOf(resource) ?? Infinity;
    const row = runs.get(resource);
    situations.push({
      resource,
      revision,
      runs: row?.versionSequence ?? 0,
      moved: revision > Math.max(row?.revision ?? 0, row?.wantedRevision ?? 0),
      busy: busy.has(resource),
      spokenFor: spokenFor.get(resource) ?? 0,
      tried: tried.get(resource) ?? UNTRIED,
      quarantined: quarantined.get(resource) ?? NONE,
      ...pins(resource),
    });
  }
  return situations;
}

const NONE: ReadonlySet<string> = new Set();
const UNTRIED: ReadonlyMap<string, boolean> = new Map();

/** Members of an open rollout are that rollout's business until it is over; one that is about to end speaks only for what has begun. */
function noteOpen(row: RolloutRow, bad: ReadonlySet<string>, spokenFor: Map<string, number>, tried: Tried): void {
  row.plan.members.forEach((resource, ordinal) => {
    const letter = row.members[ordinal] as MemberLetter;
    // Of a renewal the target itself remembers what was tried there; one that is stuck makes room for the next change.
    if (row.renewal && (row.ending || row.state === 'halted') && letter === '.') return;
    if (letter === '.' && row.ending) {
      if (!mayReturn(row, row.ending.state, bad)) noteTried(tried, resource, row.versionId, letter);
    } else if ('.jvbu'.includes(letter)) spokenFor.set(resource, Math.max(spokenFor.get(resource) ?? 0, row.versionSequence));
    else noteTried(tried, resource, row.versionId, letter);
  });
}

/** What the rollouts of the version that a target is pinned to mean there. */
function pinnedSituations(
  work: Work,
  place: Place,
  rollouts: readonly RolloutRow[],
  bad: ReadonlySet<string>,
): (resource: string) => { pin?: PinnedSituation } {
  const standing = work.standingAt(place);
  return (resource) => {
    const pin = standing.pinAt(resource);
    if (pin === undefined) return {};
    const situation = { versionId: pin.version, underWay: false, tried: false };
    for (const row of rollouts) {
      const ordinal = row.versionId === pin.version ? work.ordinalOf(row, resource) : undefined;
      if (ordinal === undefined) continue;
      const letter = row.members[ordinal] as MemberLetter;
      const goesOn = row.finishedAt === undefined && (letter === '.' ? !row.ending : 'jvbu'.includes(letter));
      const returns = letter === '.' && mayReturn(row, row.ending?.state ?? row.state, bad);
      if (goesOn) situation.underWay = true;
      else if (row.createdAt >= pin.at && letter !== 's' && letter !== 'r' && !returns) situation.tried = true;
    }
    return { pin: situation };
  };
}

/** What a rollout that is over leaves behind: where it failed, it was tried. Where it succeeded or was taken back, target and quarantine say it all. */
function noteOver(row: RolloutRow, bad: ReadonlySet<string>, tried: Tried): void {
  if (row.renewal) return;
  const returns = mayReturn(row, row.state, bad);
  row.plan.members.forEach((resource, ordinal) => {
    const letter = row.members[ordinal] as MemberLetter;
    if (letter === 's' || letter === 'r' || (letter === '.' && returns)) return;
    noteTried(tried, resource, row.versionId, letter);
  });
}

/**
 * Whether members that were never begun may go again by themselves: when the rollout was superseded, the gate closed before it began, or the
 * version's quarantine was released; not when a person ended it.
 */
function mayReturn(row: RolloutRow, end: RolloutState, bad: ReadonlySet<string>): boolean {
  return row.withdrawn || end === 'superseded' || (end === 'rolledBack' && !bad.has(row.versionId));
}

/** By resource and version id: whether anything of it had begun there. */
type Tried = Map<string, Map<string, boolean>>;

function noteTried(tried: Tried, resource: string, versionId: string, letter: MemberLetter): void {
  const begun = letter !== '.' && letter !== 'x';
  const known = tried.get(resource);
  if (known) known.set(versionId, begun || known.get(versionId) === true);
  else tried.set(resource, new Map([[versionId, begun]]));
}

function note(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}

function setsBy<T>(rows: readonly T[], of: (row: T) => [string, string]): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>();
  for (const row of rows) note(sets, ...of(row));
  return sets;
}

/** Targets with a job that has begun, or may have; one that nobody has begun can still be withdrawn for a newer version, and a sequence that is held half way be taken back. */
async function busyTargets(work: Work, place: Place): Promise<Set<string>> {
  const { deployment, environment } = place;
  const columns = ['resource', 'kind', 'rollback', 'held', 'claimedAt', 'attempt'] as const;
  const busy = new Set<string>();
  for (const row of await work.tx.find(jobTable, { deployment, environment, occupies: true }, { only: columns }))
    if (row.rollback || (row.kind !== 'deploy' && row.held === undefined) || row.claimedAt !== undefined || row.attempt > 1)
      busy.add(row.resource);
  return busy;
}
