import type { Obligations, Version } from '@slipway/core';
import type { GateAnswer, IndexedDecision } from './gate.js';

/** A deployable version with the newest decision on it. */
export interface Candidate {
  version: Version;
  decision: IndexedDecision;
}

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
  /** It is pinned: only that version goes there, newer or older than what it runs. */
  pin?: PinnedSituation;
}

export interface PinnedSituation {
  versionId: string;
  /** An open rollout is bringing that version there. */
  underWay: boolean;
  /** It was on its way there since the pin was made, and does not come again by itself. */
  tried: boolean;
}

/** Targets that should go to the same version in the same way. */
export interface Desired {
  version: Version;
  obligations: Obligations;
  obligationsKey: string;
  resources: string[];
  /** They run this version, and have changed since: whether a new release would differ is still to be asked. */
  renewal: boolean;
  /** They go there because of a pin. */
  pinned: boolean;
}

/**
 * For each target the newest deployable version that is allowed there and newer than what it runs (I8), when it is not being brought there
 * already; where it is pinned the version of the pin, as soon as that is allowed. Gives groups, newest version first.
 *
 * A version that was tried there ends the search: going to an older one than that is a person's decision. A quarantined one was taken back
 * and does not stand in the way of an older one, nor does one of which nothing had begun stand in the way of what runs. Where nothing newer may go, the version that runs may go anew if the target has changed.
 */
export function chooseDesired(
  situations: Iterable<TargetSituation>,
  /** Deployable versions, newest first, with the newest decision on each. */
  candidates: readonly Candidate[],
  keyOf: (obligations: Obligations) => string,
  gate: (candidate: Candidate, target: TargetSituation) => GateAnswer,
): Desired[] {
  const groups = new Map<string, Desired>();
  for (const target of situations) {
    if (target.busy) continue;
    const choice = target.pin ? pinnedTo(target, target.pin, candidates, gate) : newestAllowed(target, candidates, gate);
    if (!choice) continue;
    const obligationsKey = keyOf(choice.obligations);
    const id = `${choice.version.id} ${obligationsKey} ${choice.renewal} ${choice.pinned}`;
    const group = groups.get(id);
    if (group) group.resources.push(target.resource);
    else groups.set(id, { ...choice, obligationsKey, resources: [target.resource] });
  }
  return [...groups.values()].sort((a, b) => b.version.sequence - a.version.sequence || b.resources.length - a.resources.length);
}

type Choice = Omit<Desired, 'obligationsKey' | 'resources'>;
type Gate = (candidate: Candidate, target: TargetSituation) => GateAnswer;

/** What was tried before the pin was made does not count: the pin is a person's word. What was rolled back from there stays away all the same. */
function pinnedTo(target: TargetSituation, pin: PinnedSituation, candidates: readonly Candidate[], gate: Gate): Choice | undefined {
  const candidate = candidates.find(({ version }) => version.id === pin.versionId);
  if (!candidate || pin.underWay || target.quarantined.has(pin.versionId)) return undefined;
  const renewal = candidate.version.sequence === target.runs;
  if (renewal ? !target.moved : pin.tried) return undefined;
  const answer = gate(candidate, target);
  return answer.open ? { version: candidate.version, obligations: answer.group.obligations, renewal, pinned: !renewal } : undefined;
}

function newestAllowed(target: TargetSituation, candidates: readonly Candidate[], gate: Gate): Choice | undefined {
  let renewalOnly = false;
  for (const candidate of candidates) {
    const { version } = candidate;
    const renewal = version.sequence === target.runs;
    if (version.sequence < target.runs || version.sequence <= target.spokenFor || (renewal && !target.moved)) return undefined;
    if (target.quarantined.has(version.id)) continue;
    const begun = renewal ? undefined : target.tried.get(version.id);
    if (begun) return undefined;
    renewalOnly ||= begun === false;
    if (renewalOnly && !renewal) continue;
    const answer = gate(candidate, target);
    if (answer.open) return { version, obligations: answer.group.obligations, renewal, pinned: false };
    if (renewal) return undefined;
  }
  return undefined;
}
