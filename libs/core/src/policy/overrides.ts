import type { RuleResult } from '../model/decision.js';
import type { DecisionInput, OverrideFact } from '../model/facts.js';
import { formatInstant } from '../text/instant.js';

/** Overrides in force for the version in the environment, of which the one that lasts longest counts. */
export class Overrides {
  private readonly everywhere = new Map<string, OverrideFact>();
  private readonly atResource = new Map<string, Map<string, OverrideFact>>();

  constructor(input: DecisionInput, now: number) {
    for (const override of input.overrides) {
      if (override.deployment !== input.deployment.name || override.version !== input.version.id || override.expiresAt <= now) continue;
      if (override.environment !== undefined && override.environment !== input.environment.name) continue;
      if (override.resource === undefined) keepLongest(this.everywhere, override.rule, override);
      else {
        const byResource = this.atResource.get(override.rule) ?? new Map<string, OverrideFact>();
        keepLongest(byResource, override.resource, override);
        this.atResource.set(override.rule, byResource);
      }
    }
  }

  /** Equal keys: the same overrides of a rule; empty when there are none. */
  keyOf(rule: string): string {
    const all = [this.everywhere.get(rule), ...(this.atResource.get(rule)?.values() ?? [])];
    return all.flatMap((override) => (override ? [`${override.id} ${override.expiresAt}`] : [])).join();
  }

  /** Whether the rule is overridden at some targets only. */
  isPerTarget(rule: string): boolean {
    return this.atResource.has(rule);
  }

  /** The result as it stands, or `allowed` by an override; an override never hides in a rule that allows by itself. */
  apply(result: RuleResult, resource: string | undefined): RuleResult {
    if (result.verdict === 'allowed') return result;
    const narrow = resource === undefined ? undefined : this.atResource.get(result.rule)?.get(resource);
    const wide = this.everywhere.get(result.rule);
    const override = narrow && wide ? (narrow.expiresAt > wide.expiresAt ? narrow : wide) : (narrow ?? wide);
    if (!override) return result;
    return {
      rule: result.rule,
      verdict: 'allowed',
      sentence: `overridden by ${override.by} until ${formatInstant(override.expiresAt)}: ${override.reason} (${override.id})`,
      saw: { override: override.id },
      ask: `slipway override lift ${override.id}`,
      overriddenBy: override.by,
      satisfiedSince: override.at,
      reevaluateAt: override.expiresAt,
    };
  }
}

function keepLongest(map: Map<string, OverrideFact>, key: string, override: OverrideFact): void {
  const known = map.get(key);
  if (!known || override.expiresAt > known.expiresAt || (override.expiresAt === known.expiresAt && override.id < known.id))
    map.set(key, override);
}
