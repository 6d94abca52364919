import type { TargetFact } from '@slipway/core';
import { LEVEL } from './marks.js';
import type { Marks } from './marks.js';
import { pairKey } from '../pairs.js';
import type { Pair } from '../pairs.js';

/** What the decisions of a pair rest on: kinds of rules, as the pair's row remembers them. */
export interface RestingPair extends Pair {
  restsOn: readonly string[];
}

/** Rules that read the facts of the judged targets themselves, of the deployment's other environments, of the environment's other deployments. */
const OWN_FACTS = ['cooldown', 'condition'];
const OTHER_ENVIRONMENTS = ['environmentProgression'];
const OTHER_DEPLOYMENTS = ['dependency', 'versionDependency'];

/**
 * What a fact costs where the other answers are remembered, in targets judged anew: few facts are decided at once, and those of a rollout, which come
 * by the hundred, together.
 */
const FACT_WEIGHT = 40;

/** What changed in the facts of one pair's targets, taken together over a batch. */
interface PairChange extends Pair {
  running: boolean;
  quarantined: boolean;
  /** How many facts. */
  facts: number;
}

/**
 * Mark what a batch of facts concerns: the pair itself, the other environments of the deployment whose decisions rest on progression, and the other
 * deployments of the environment whose decisions rest on a dependency. What no open decision reads wakes nobody.
 */
export function markFacts(
  marks: Marks,
  changes: readonly { before: TargetFact | undefined; after: TargetFact }[],
  pairs: readonly RestingPair[],
  targetsOf: (pair: Pair) => number,
): void {
  const changed = summarise(changes);
  const byKey = new Map(pairs.map((pair) => [pairKey(pair), pair]));
  for (const change of changed) {
    const concerns = change.facts * FACT_WEIGHT;
    if (change.quarantined || restsOn(byKey.get(pairKey(change)), OWN_FACTS)) marks.add(change, LEVEL.judge, false, concerns);
    else if (change.running) marks.add(change, LEVEL.candidates, false, concerns);
    for (const pair of pairs) {
      const sameDeployment = pair.deployment === change.deployment;
      const sameEnvironment = pair.environment === change.environment;
      // Successes are counted anew over the whole of the other environment.
      if (sameDeployment && !sameEnvironment && restsOn(pair, OTHER_ENVIRONMENTS)) marks.add(pair, LEVEL.judge, false, targetsOf(change));
      if (change.running && sameEnvironment && !sameDeployment && restsOn(pair, OTHER_DEPLOYMENTS))
        marks.add(pair, LEVEL.judge, false, concerns);
    }
  }
}

function restsOn(pair: RestingPair | undefined, kinds: readonly string[]): boolean {
  return pair !== undefined && pair.restsOn.some((kind) => kinds.includes(kind));
}

function summarise(changes: readonly { before: TargetFact | undefined; after: TargetFact }[]): PairChange[] {
  const byKey = new Map<string, PairChange>();
  for (const { before, after } of changes) {
    const key = `${after.deployment}/${after.environment}`;
    const change = byKey.get(key) ?? {
      deployment: after.deployment,
      environment: after.environment,
      running: false,
      quarantined: false,
      facts: 0,
    };
    byKey.set(key, change);
    change.facts += 1;
    change.running ||= !sameRunning(before?.running, after.running);
    change.quarantined ||= (before?.quarantined ?? []).join(' ') !== after.quarantined.join(' ');
  }
  return [...byKey.values()];
}

function sameRunning(a: TargetFact['running'], b: TargetFact['running']): boolean {
  return a?.version === b?.version && a?.verified === b?.verified && a?.since === b?.since && a?.revision === b?.revision;
}
