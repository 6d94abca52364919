import type { DecisionInput } from '../../model/facts.js';
import type { EnvironmentProgressionRule } from '../../model/policy.js';
import { successesWanted, type Dependency } from '../environment-progression.js';
import { factOf } from '../rule-result.js';
import type { MissingFact } from './missing-fact.js';

/** That a version must have passed an environment, as one rule wants it. */
export interface Passing {
  rule: EnvironmentProgressionRule;
  dependency: Dependency;
}

/** One target of the environment as a rule counts it. */
interface Standing {
  resource: string;
  succeededAt?: number;
  verified: boolean;
}

/**
 * The fewest targets of one environment at which the version must (again) succeed so that all these rules are satisfied at `now`, the soak aside:
 * that is time. What succeeded nowhere comes first, for it counts for all rules; a success that is too old is to be repeated.
 */
export function missingSuccesses(passings: readonly Passing[], input: DecisionInput, now: number): MissingFact[] {
  const [first] = passings;
  if (first === undefined) return [];
  const { environment, resources } = first.dependency;
  const standings = resources.map((resource): Standing => {
    const outcome = factOf(input, input.deployment.name, environment.name, resource)?.outcomes[input.version.id];
    return outcome?.state === 'succeeded'
      ? { resource, succeededAt: outcome.at, verified: outcome.verified }
      : { resource, verified: false };
  });
  const chosen = new Map<string, number>();
  const wants = passings.map((passing) => ({ rule: passing.rule, ...successesWanted(passing.rule, input, resources.length) }));
  // Rules that want less first: their targets count for the stricter ones too.
  for (const want of wants.sort((a, b) => Number(a.verified) - Number(b.verified)))
    for (const { resource, soakMs } of lacking(want, standings, chosen, now))
      chosen.set(resource, Math.max(chosen.get(resource) ?? 0, soakMs));
  const verified = wants.some((want) => want.verified);
  return [...chosen].map(([resource, soakMs]) => ({ kind: 'success', environment: environment.name, resource, verified, soakMs }));
}

/** The targets that one rule still lacks beside those chosen, with the time for which a success there must have stood. */
function lacking(
  want: { rule: EnvironmentProgressionRule; needed: number; verified: boolean },
  standings: readonly Standing[],
  chosen: ReadonlyMap<string, number>,
  now: number,
): { resource: string; soakMs: number }[] {
  const { maxAgeMs, soakMs } = want.rule;
  const counts = (one: Standing): boolean => one.succeededAt !== undefined && (one.verified || !want.verified);
  const old = standings.filter(counts).sort((a, b) => (b.succeededAt ?? 0) - (a.succeededAt ?? 0));
  const have = standings.filter((one) => counts(one) || chosen.has(one.resource)).length;
  const fresh = standings
    .filter((one) => !counts(one) && !chosen.has(one.resource))
    .sort((a, b) => Number(a.succeededAt !== undefined) - Number(b.succeededAt !== undefined));
  const lacks = fresh.slice(0, Math.max(0, want.needed - have)).map(({ resource }) => ({ resource, soakMs }));
  const [newest] = old;
  const isStale = maxAgeMs !== undefined && newest !== undefined && (newest.succeededAt ?? 0) + maxAgeMs <= now;
  if (!isStale || want.needed === 0 || lacks.length > 0 || chosen.size > 0) return lacks;
  // The newest success again: the last that was needed stays what it was, unless all were.
  return [{ resource: newest.resource, soakMs: want.needed === standings.length ? soakMs : 0 }];
}
