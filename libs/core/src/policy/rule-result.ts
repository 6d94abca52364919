import type { RuleResult, Verdict } from '../model/decision.js';
import type { DecisionInput, TargetFact } from '../model/facts.js';
import { targetKey } from '../model/facts.js';
import type { ResourceDoc } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { SuccessCounts } from './success-counts.js';

/** What a rule may look at. `resource` is there for rules that read the resource, and absent for those that do not. */
export interface RuleContext {
  input: DecisionInput;
  now: number;
  resource?: ResourceDoc;
  /** The fact of that target of the deployment, where it has been looked up already. */
  own?: { fact: TargetFact | undefined };
  /** Successes in other environments, where they have been counted already. */
  successes?: SuccessCounts;
}

/** From best to worst: denied > undecided > waiting > allowed. */
const SEVERITY: Record<Verdict, number> = { allowed: 0, waiting: 1, undecided: 2, denied: 3 };

/** The worst verdict; `allowed` when there is none. */
export function worstVerdict(verdicts: Iterable<Verdict>): Verdict {
  let worst: Verdict = 'allowed';
  for (const verdict of verdicts) if (SEVERITY[verdict] > SEVERITY[worst]) worst = verdict;
  return worst;
}

/** The best verdict of at least one. */
export function bestVerdict(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce((best, verdict) => (SEVERITY[verdict] < SEVERITY[best] ? verdict : best));
}

/** The earliest of some times, absent ones left out. */
export function earliest(times: Iterable<number | undefined>): number | undefined {
  let first: number | undefined;
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time;
  return first;
}

/** `{ reevaluateAt }`, or nothing when there is no such time. */
export function reevaluated(at: number | undefined): { reevaluateAt?: number } {
  return at === undefined ? {} : { reevaluateAt: at };
}

/** Unknown is never yes: the answer of a rule that could not be evaluated. */
export function undecided(rule: string, error: string): RuleResult {
  return { rule, verdict: 'undecided', sentence: `cannot be decided: ${error}`, needs: { what: `a ${rule} that can be evaluated` } };
}

/** What an expression over one target sees; documents are data already. */
export function activationOf({ input, resource }: RuleContext): JsonObject {
  const names = { deployment: input.deployment, environment: input.environment, version: input.version, resource };
  return names as unknown as JsonObject;
}

/** What is known of the judged target itself. */
export function ownFact({ input, resource, own }: RuleContext): TargetFact | undefined {
  if (own) return own.fact;
  return resource && factOf(input, input.deployment.name, input.environment.name, resource.identifier);
}

/** The facts of one release target, if there are any. */
export function factOf(input: DecisionInput, deployment: string, environment: string, resource: string): TargetFact | undefined {
  return input.targetFacts.get(targetKey(deployment, environment, resource));
}
