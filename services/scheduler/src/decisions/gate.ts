import type { DecisionGroup, NumberedDecision, RuleResult } from '@slipway/core';
import type { SaidHere } from '../standing/standing.js';

/** Whether a version may go to a target now, by the newest decision on it. */
export type GateAnswer =
  | { open: true; group: DecisionGroup }
  /** `expired`: it was allowed, but only until a time that has passed; the next decision is on its way. */
  | { open: false; expired: boolean; because: string };

/** A decision with its groups by resource; made once per decision, since places with many targets ask often. */
export interface IndexedDecision {
  decision: NumberedDecision;
  groupOf(resource: string): DecisionGroup | undefined;
}

export function indexDecision(decision: NumberedDecision): IndexedDecision {
  const rest = decision.groups.find((group) => group.rest);
  const named = new Map<string, DecisionGroup>();
  for (const group of decision.groups) if (!group.rest) for (const resource of group.resources) named.set(resource, group);
  return { decision, groupOf: (resource) => named.get(resource) ?? rest };
}

/** What holds a group up, in plain sentences. */
export function sentencesOf(group: DecisionGroup): string[] {
  const rules = [...group.standing, ...group.policies.flatMap((policy) => policy.rules)];
  return rules.filter((rule) => rule.verdict !== 'allowed').map((rule) => `${rule.rule}: ${rule.sentence}`);
}

/**
 * I2: open only when a decision says `allowed`, for this target as it is now, at this time. No decision, a decision that has not seen the
 * target's last change, and one whose time has passed are all not yes. `said`: what freezes and pins
 * say, which may be newer than the decision (I11); what follows a pin rests on a decision that knows of it, not on one from when its version was new.
 */
export function gateAt(
  indexed: IndexedDecision | undefined,
  resource: string,
  targetRevision: number | undefined,
  now: number,
  said: SaidHere,
): GateAnswer {
  if (said.held !== undefined) return closed(said.held);
  if (!indexed) return closed('the policy service has not decided yet');
  if (targetRevision === undefined) return closed(`${resource} is no release target any more`);
  if (targetRevision > indexed.decision.inventoryRevision)
    return closed('the target has changed since the last decision; a new one is on its way');
  const group = indexed.groupOf(resource);
  if (!group) return closed('the last decision does not speak of this target');
  if (said.follows !== undefined && !group.standing.some((rule) => rule.rule === 'pin' && isOf(rule.saw, said.follows)))
    return closed('it was not decided since the pin; a new decision is on its way');
  if (group.verdict !== 'allowed') return closed(sentencesOf(group).join('; ') || `the decision is ${group.verdict}`);
  if (group.reevaluateAt !== undefined && now >= group.reevaluateAt)
    return { open: false, expired: true, because: 'the decision was good until a moment ago; a new one is on its way' };
  return { open: true, group };
}

const isOf = (saw: RuleResult['saw'], pin: string | undefined): boolean =>
  typeof saw === 'object' && saw !== null && !Array.isArray(saw) && saw['pin'] === pin;

const closed = (because: string): GateAnswer => ({ open: false, expired: false, because });
