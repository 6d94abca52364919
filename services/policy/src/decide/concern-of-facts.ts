import type { TargetFact } from '@slipway/core';
import { LEVEL } from './marks.js';
import type { Marks } from './marks.js';
import type { Pair } from '../pairs.js';

/** What the decisions of a pair rest on: kinds of rules, as the pair's row remembers them. */
export interface RestingPair extends Pair {
  restsOn: readonly string[];
}

/** What changed in the facts of one pair's targets, taken together over a batch. */
interface PairChange extends Pair {
  running: boolean;
  startedAt: boolean;
  quarantined: boolean;
}

/**
 * Mark what a batch of facts concerns: the pair itself, the other environments of the deployment whose decisions rest on progression, and the other
 * deployments of the environment whose decisions rest on a dependency. What no open decision reads wakes nobody.
 */
export function markFacts(
  marks: Marks,
  changes: readonly { before: TargetFact | undefined; after: TargetFact }[],
  pairs: readonly RestingPair[],
): void {
  const changed = summarise(changes);
  const rests = (pair: Pair, kind: string): boolean =>
    pairs.some((p) => p.deployment === pair.deployment && p.environment === pair.environment && p.restsOn.includes(kind));
  for (const change of changed) {
    const judge =
      change.quarantined ||
      (change.startedAt && rests(change, 'cooldown')) ||
      ((change.running || change.startedAt) && rests(change, 'condition'));
    if (judge) marks.add(change, LEVEL.judge);
    else if (change.running) marks.add(change, LEVEL.candidates);
    for (const pair of pairs) {
      if (
        pair.deployment === change.deployment &&
        pair.environment !== change.environment &&
        pair.restsOn.includes('environmentProgression')
      )
        marks.add(pair, LEVEL.judge);
      if (
        change.running &&
        pair.environment === change.environment &&
        pair.deployment !== change.deployment &&
        pair.restsOn.includes('dependency')
      )
        marks.add(pair, LEVEL.judge);
    }
  }
}

function summarise(changes: readonly { before: TargetFact | undefined; after: TargetFact }[]): PairChange[] {
  const byKey = new Map<string, PairChange>();
  for (const { before, after } of changes) {
    const key = `${after.deployment}/${after.environment}`;
    const change = byKey.get(key) ?? {
      deployment: after.deployment,
      environment: after.environment,
      running: false,
      startedAt: false,
      quarantined: false,
    };
    byKey.set(key, change);
    change.running ||= !sameRunning(before?.running, after.running);
    change.startedAt ||= before?.startedAt !== after.startedAt;
    change.quarantined ||= (before?.quarantined ?? []).join(' ') !== after.quarantined.join(' ');
  }
  return [...byKey.values()];
}

function sameRunning(a: TargetFact['running'], b: TargetFact['running']): boolean {
  return a?.version === b?.version && a?.verified === b?.verified && a?.since === b?.since;
}
