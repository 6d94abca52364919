import type { Decision, DecisionGroup } from '../model/decision.js';
import type { ResourceDoc } from '../model/inventory.js';

/** Targets that are in the same groups of two decisions. */
export interface PairedGroup {
  /** Identifiers; empty when `rest` is set. */
  resources: string[];
  /** Every target that no other pair names: the largest. */
  rest: boolean;
  size: number;
  before: DecisionGroup;
  after: DecisionGroup;
}

/** Two decisions on the same targets, side by side. */
export function pairGroups(targets: readonly ResourceDoc[], before: Decision, after: Decision): PairedGroup[] {
  const [onlyBefore, onlyAfter] = [before.groups[0], after.groups[0]];
  if (before.groups.length === 1 && after.groups.length === 1 && onlyBefore && onlyAfter)
    return [{ resources: [], rest: true, size: targets.length, before: onlyBefore, after: onlyAfter }];
  const [groupBefore, groupAfter] = [groupFinder(before), groupFinder(after)];
  const pairs = new Map<DecisionGroup, Map<DecisionGroup, string[]>>();
  for (const { identifier } of targets) {
    const [a, b] = [groupBefore(identifier), groupAfter(identifier)];
    if (!a || !b) continue;
    let partners = pairs.get(a);
    if (!partners) pairs.set(a, (partners = new Map<DecisionGroup, string[]>()));
    const members = partners.get(b);
    if (members) members.push(identifier);
    else partners.set(b, [identifier]);
  }
  const all = [...pairs].flatMap(([a, partners]) => [...partners].map(([b, members]) => ({ before: a, after: b, members })));
  const largest = all.reduce<(typeof all)[number] | undefined>((a, b) => (a && a.members.length >= b.members.length ? a : b), undefined);
  return all.map((one) => ({
    resources: one === largest ? [] : one.members,
    rest: one === largest,
    size: one.members.length,
    before: one.before,
    after: one.after,
  }));
}

/** The group of a decision in which a target is. */
export function groupFinder(decision: Decision): (resource: string) => DecisionGroup | undefined {
  const named = new Map<string, DecisionGroup>();
  let rest: DecisionGroup | undefined;
  for (const group of decision.groups) {
    if (group.rest) rest = group;
    else for (const resource of group.resources) named.set(resource, group);
  }
  return (resource) => named.get(resource) ?? rest;
}

/** What holds up the targets of a group: `approval: 0 of 1 from releasers`. */
export function reasonsOf(group: DecisionGroup): string[] {
  const results = [...group.standing, ...group.policies.flatMap((policy) => policy.rules)];
  return [...new Set(results.filter((result) => result.verdict !== 'allowed').map((result) => `${result.rule}: ${result.sentence}`))];
}
