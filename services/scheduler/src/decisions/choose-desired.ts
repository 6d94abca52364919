import type { Obligations, Version } from '@slipway/core';
import { gateAt, type IndexedDecision } from './gate.js';

/** What is known of one release target when its next version is chosen. */
export interface TargetSituation {
  resource: string;
  /** Revision of the last inventory change that concerns it. */
  revision: number;
  /** Sequence of the version it runs; 0 when nothing runs. */
  runs: number;
  /** It has changed since what it runs was made: a new release of the same version may be wanted. */
  moved: boolean;
  /** A job there has begun, or may have: nothing else starts before it is over (I1). */
  busy: boolean;
  /** Sequence of the newest version that an open rollout is bringing there; 0 when none is. */
  spokenFor: number;
  /** Versions that were on their way there and do not come again by themselves; whether anything of them had begun there. */
  tried: ReadonlyMap<string, boolean>;
  /** Versions that were rolled back from there. */
  quarantined: ReadonlySet<string>;
}

/** Targets that should go to the same version in the same way. */
export interface Desired {
  version: Version;
  obligations: Obligations;
  obligationsKey: string;
  resources: string[];
  /** They run this version, and have changed since: whether a new release would differ is still to be asked. */
  renewal: boolean;
}

/**
 * For each target the newest deployable version that is allowed there and newer than what it runs (I8), when it is not being brought there
 * already. Gives groups, newest version first.
 *
 * A version that was tried there ends the search: going to an older one than that is a person's decision. A quarantined one was taken back
 * and does not stand in the way of an older one, nor does one of which nothing had begun stand in the way of what runs. Where nothing newer may go, the version that runs may go anew if the target has changed.
 */
export function chooseDesired(
  situations: Iterable<TargetSituation>,
  /** Deployable versions, newest first, with the newest decision on each. */
  candidates: readonly { version: Version; decision: IndexedDecision }[],
  keyOf: (obligations: Obligations) => string,
  now: number,
): Desired[] {
  const groups = new Map<string, Desired>();
  for (const target of situations) {
    if (target.busy) continue;
    const choice = newestAllowed(target, candidates, now);
    if (!choice) continue;
    const obligationsKey = keyOf(choice.obligations);
    const id = `${choice.version.id} ${obligationsKey} ${choice.renewal}`;
    const group = groups.get(id);
    if (group) group.resources.push(target.resource);
    else groups.set(id, { ...choice, obligationsKey, resources: [target.resource] });
  }
  return [...groups.values()].sort((a, b) => b.version.sequence - a.version.sequence || b.resources.length - a.resources.length);
}

function newestAllowed(
  target: TargetSituation,
  candidates: readonly { version: Version; decision: IndexedDecision }[],
  now: number,
): { version: Version; obligations: Obligations; renewal: boolean } | undefined {
  let renewalOnly = false;
  for (const { version, decision } of candidates) {
    const renewal = version.sequence === target.runs;
    if (version.sequence < target.runs || version.sequence <= target.spokenFor || (renewal && !target.moved)) return undefined;
    if (target.quarantined.has(version.id)) continue;
    const begun = renewal ? undefined : target.tried.get(version.id);
    if (begun) return undefined;
    renewalOnly ||= begun === false;
    if (renewalOnly && !renewal) continue;
    const answer = gateAt(decision, target.resource, target.revision, now);
    if (answer.open) return { version, obligations: answer.group.obligations, renewal };
    if (renewal) return undefined;
  }
  return undefined;
}
