import type { ReleaseEvent, ReplayedChange } from '@slipway/contracts';
import { evaluate, groupFinder, reasonsOf, targetKey } from '@slipway/core';
import type { Decision, DecisionInput, PolicyDoc, ResourceDoc, TargetFact, Version } from '@slipway/core';
import { projectRelease } from '../facts/project-release.js';
import type { Moment, Recorded } from './recorded.js';

/** Moments at which one version is judged; of more, the rest is left out. */
const MOMENTS_MAX = 2_000;

/** How one set of policies would have treated the version at one target. */
interface Course {
  allowedAt?: number;
  because: string[];
}

/** One target on the way of a version. */
interface Way {
  resource: ResourceDoc;
  before: Course;
  after: Course;
  /** A newer version came. */
  overAt?: number;
  wentAt?: number;
  outcome: ReplayedChange['outcome'];
}

/** By resource. */
type Ways = ReadonlyMap<string, Way>;

export interface Replay {
  /** The place as it is now: targets, environments and deployments are those of today. */
  input: Omit<DecisionInput, 'version'>;
  version: Version;
  before: PolicyDoc[];
  after: PolicyDoc[];
  recorded: Recorded;
  now: number;
}

export interface Replayed {
  /** When it was there to go. */
  from: number;
  ways: Way[];
  /** Targets judged on the way: what it cost. */
  judged: number;
  /** Not judged to the end. */
  cut: boolean;
}

/**
 * How a version would have fared in one place under two sets of policies: judged by the evaluator that gates whenever something changed that it
 * could read, from when it was there to go until both let it go, a newer one came, or now. What happened elsewhere is as it really was; what
 * this version did in this place is left out, for it had not happened yet where it is held.
 */
export function replayVersion(replay: Replay): Replayed | undefined {
  const { recorded, version, now } = replay;
  const from = firstReady(replay);
  if (from === undefined) return undefined;
  const facts = factsFor(replay);
  const ways = waysOf(replay, facts);
  const done: Replayed = { from, ways, judged: 0, cut: false };
  const moments = recorded.moments.filter((moment) => concerns(moment, replay));
  const times = [...recorded.changesOf(version, replay.input.environment.name), ...moments.map((moment) => moment.at)];
  const byResource = new Map(ways.map((way) => [way.resource.identifier, way]));
  const due = [...new Set(times.filter((at) => at > from && at <= now))].sort((a, b) => a - b);
  let at = from;
  let next = 0;
  for (let count = 0; ; count++) {
    while (next < moments.length && moments[next]!.at <= at) applyMoment(facts, byResource, moments[next++]!, replay);
    const pending = ways.filter((way) => isPending(way));
    if (pending.length === 0) break;
    if (count >= MOMENTS_MAX) {
      done.cut = true;
      break;
    }
    done.judged += 2 * pending.length;
    const again = judge(replay, pending, facts, at);
    const later = due.find((time) => time > at);
    const soonest = Math.min(again ?? Infinity, later ?? Infinity);
    if (soonest > now) break;
    at = soonest;
  }
  // What became of it later is told all the same.
  while (next < moments.length) applyMoment(facts, byResource, moments[next++]!, replay);
  return done;
}

/** When the version was first ready, at the beginning of what is looked at or later. */
function firstReady({ recorded, version, now }: Replay): number | undefined {
  const times = [recorded.from, version.createdAt, ...recorded.changesOf(version, '')].filter((at) => at >= recorded.from && at <= now);
  return times.sort((a, b) => a - b).find((at) => recorded.versionAt(version, at)?.status === 'ready');
}

/** The facts that rules of this place can read, as they were. */
function factsFor({ recorded, input }: Replay): Map<string, TargetFact> {
  const mine = [...recorded.factsThen].filter(
    ([, fact]) => fact.deployment === input.deployment.name || fact.environment === input.environment.name,
  );
  return new Map(mine);
}

/** Targets at which the version had not begun yet, and nothing newer ran. */
function waysOf({ input, version }: Replay, facts: ReadonlyMap<string, TargetFact>): Way[] {
  return input.targets.flatMap((resource) => {
    const fact = facts.get(targetKey(input.deployment.name, input.environment.name, resource.identifier));
    const running = fact?.running && input.versions.get(fact.running.version);
    if (fact?.outcomes[version.id] || (running && running.sequence >= version.sequence)) return [];
    return [{ resource, before: { because: [] }, after: { because: [] }, outcome: 'none' as const }];
  });
}

function concerns(moment: Moment, { input }: Replay): boolean {
  return moment.deployment === input.deployment.name || moment.environment === input.environment.name;
}

function isPending(way: Way): boolean {
  return way.overAt === undefined && (way.before.allowedAt === undefined || way.after.allowedAt === undefined);
}

function applyMoment(facts: Map<string, TargetFact>, ways: Ways, moment: Moment, { input, version }: Replay): void {
  const { deployment, environment, at } = moment;
  const here = deployment === input.deployment.name && environment === input.environment.name;
  for (const { event } of moment.releases) {
    if (here && event.versionId === version.id) {
      tellWay(ways, event, at);
      continue;
    }
    const key = targetKey(deployment, environment, event.resource);
    const own = here ? { quarantined: event.quarantined.filter((id) => id !== version.id) } : {};
    facts.set(key, projectRelease(facts.get(key), { ...event, ...own, deployment, environment }));
    const newer = (input.versions.get(event.versionId)?.sequence ?? 0) > version.sequence;
    if (!here || !newer) continue;
    const way = ways.get(event.resource);
    if (way) way.overAt ??= at;
  }
}

/** What really became of it. */
function tellWay(ways: Ways, event: Omit<ReleaseEvent, 'deployment' | 'environment'>, at: number): void {
  const way = ways.get(event.resource);
  if (!way) return;
  way.wentAt ??= at;
  way.outcome = event.outcome.state;
}

/** Both sets of policies at one moment. Gives when time alone could change what either says. */
function judge(replay: Replay, pending: readonly Way[], facts: ReadonlyMap<string, TargetFact>, at: number): number | undefined {
  const { input, recorded, version, before, after } = replay;
  const people = recorded.peopleAt(at);
  const place = { deployment: input.deployment.name, environment: input.environment.name };
  const then: DecisionInput = {
    ...input,
    ...people,
    targets: pending.map((way) => way.resource),
    targetFacts: facts,
    version: recorded.versionAt(version, at) ?? version,
    approvals: recorded.wordsAt(place, version.id, at),
  };
  const said = { before: evaluate({ ...then, policies: before }, at), after: evaluate({ ...then, policies: after }, at) };
  for (const which of ['before', 'after'] as const) {
    const groupOf = groupFinder(said[which]);
    for (const way of pending) take(way[which], groupOf(way.resource.identifier), at);
  }
  const times = [said.before.reevaluateAt, said.after.reevaluateAt].filter((time) => time !== undefined && time > at) as number[];
  return times.length === 0 ? undefined : Math.min(...times);
}

function take(course: Course, group: Decision['groups'][number] | undefined, at: number): void {
  if (course.allowedAt !== undefined || !group) return;
  if (group.verdict === 'allowed') course.allowedAt = at;
  else course.because = reasonsOf(group);
}
