import type { ReplayedChange } from '@slipway/contracts';
import type { Replay, Replayed } from './replay-version.js';
import { NAMED_MAX } from './simulate-today.js';

type Way = Replayed['ways'][number];

/** Where the policies would have treated the version otherwise, targets that fared alike together. */
export function tellReplay({ input, version, now }: Replay, { from, ways }: Replayed): ReplayedChange[] {
  const alike = Map.groupBy(
    ways.filter((way) => would(way) !== undefined),
    keyOf,
  );
  return [...alike.values()].map((list) => {
    const [first] = list as [Way];
    const until = Math.max(...list.map((way) => way.overAt ?? now));
    const went = list.flatMap((way) => (way.wentAt === undefined ? [] : [way.wentAt]));
    return {
      deployment: input.deployment.name,
      environment: input.environment.name,
      version: version.tag,
      resources: list.slice(0, NAMED_MAX).map((way) => way.resource.identifier),
      rest: false,
      size: list.length,
      from,
      until,
      ...(went.length === 0 ? {} : { wentAt: Math.min(...went) }),
      outcome: first.outcome,
      before: courseOf(first.before, from, until),
      after: courseOf(first.after, from, until),
      would: would(first) as ReplayedChange['would'],
    };
  });
}

/** Bad versions that would not have gone: `checkout 1.2.0 to production (6 targets, rolled back)`. */
export function badNotGone(changes: readonly ReplayedChange[]): string[] {
  return changes
    .filter(({ would: fate, outcome }) => fate === 'neverGone' && (outcome === 'failed' || outcome === 'rolledBack'))
    .map(({ deployment, version, environment, size, outcome }) => {
      const word = outcome === 'failed' ? 'failed' : 'rolled back';
      return `${deployment} ${version} to ${environment} (${size} ${size === 1 ? 'target' : 'targets'}, ${word})`;
    });
}

function keyOf(way: Way): string {
  return JSON.stringify([way.before.allowedAt, way.after.allowedAt, way.outcome, way.overAt === undefined, way.after.because]);
}

function would({ before, after }: Way): ReplayedChange['would'] | undefined {
  if (before.allowedAt === after.allowedAt) return undefined;
  if (after.allowedAt === undefined) return 'neverGone';
  if (before.allowedAt === undefined) return 'goneAfterAll';
  return after.allowedAt > before.allowedAt ? 'heldLonger' : 'goneSooner';
}

function courseOf({ allowedAt, because }: Way['before'], from: number, until: number): ReplayedChange['before'] {
  return { ...(allowedAt === undefined ? {} : { allowedAt }), heldMs: Math.max(0, (allowedAt ?? until) - from), because };
}
