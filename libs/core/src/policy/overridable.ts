import { nearestName } from '../text/nearest.js';
import type { GateRule } from '../model/policy.js';

/** The gates that an override can skip; what holds whatever the policies say has a command of its own. */
const GATES: Record<GateRule['kind'], true> = {
  approval: true,
  environmentProgression: true,
  dependency: true,
  versionSelector: true,
  window: true,
  cooldown: true,
  condition: true,
};

/** What people may want to skip and how that is said instead. */
const INSTEAD: Record<string, string> = {
  freeze: 'lift it with `slipway freeze lift <id>`',
  pin: 'take it away with `slipway unpin <deployment> -e <environment>`',
  quarantine: 'release it with `slipway quarantine release <deployment> <version> -e <environment>`',
  versionStatus: 'make it ready with `slipway version ready <deployment> <version>`',
};

/** Why no override can skip this rule and what would be right; undefined when one can. */
export function checkOverridable(rule: string): string | undefined {
  if (rule in GATES) return undefined;
  const instead = INSTEAD[rule];
  if (instead !== undefined) return `a ${rule} is no rule of a policy; ${instead}`;
  const gates = Object.keys(GATES);
  const nearest = nearestName(rule, gates);
  return `there is no gate "${rule}"${nearest === undefined ? `; there are ${gates.join(', ')}` : `; did you mean "${nearest}"?`}`;
}
