import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import { SlipwayError } from '../errors.js';
import type { RuleResult } from '../model/decision.js';
import type { FreezeFact } from '../model/facts.js';
import type { DeploymentDoc, EnvironmentDoc, ResourceDoc } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import { formatInstant } from '../text/instant.js';
import { undecided } from './rule-result.js';

/** What the scope of a freeze sees. */
export interface FrozenPlace {
  deployment: DeploymentDoc;
  environment: EnvironmentDoc;
  /** Needed by freezes that read it; the others are asked once for all targets. */
  resource?: ResourceDoc | undefined;
}

/** A freeze, ready to be asked of many targets. */
export interface FreezeCheck {
  freeze: FreezeFact;
  readsResource: boolean;
  /** Why nothing may start there; undefined outside its scope. A scope without a value holds everything up: unknown is never yes. */
  ask(place: FrozenPlace): RuleResult | undefined;
}

/** The freezes in force at this time, oldest first. */
export function freezesInForce(freezes: Iterable<FreezeFact>, now: number): FreezeCheck[] {
  return [...freezes]
    .filter((freeze) => freeze.expiresAt > now)
    .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
    .map(freezeCheck);
}

/** The one evaluator of a freeze: decisions, and the scheduler as it grants claims, ask it. */
export function freezeCheck(freeze: FreezeFact): FreezeCheck {
  const frozen: RuleResult = {
    rule: 'freeze',
    verdict: 'waiting',
    sentence: `frozen by ${freeze.by} until ${formatInstant(freeze.expiresAt)}: ${freeze.reason} (${freeze.id}${freeze.allowRollback ? '' : ', rollbacks too'})`,
    saw: { freeze: freeze.id, allowRollback: freeze.allowRollback },
    reevaluateAt: freeze.expiresAt,
    ask: liftFreeze(freeze.id),
  };
  const broken = (error: string): RuleResult => ({
    ...undecided('freeze', `${error} (${freeze.id})`),
    reevaluateAt: freeze.expiresAt,
    ask: liftFreeze(freeze.id),
  });
  try {
    const scope = compileExpression(freeze.scope);
    const ask = (place: FrozenPlace): RuleResult | undefined => {
      const answer = evaluateBoolean(scope, place as unknown as JsonObject);
      if ('error' in answer) return broken(answer.error);
      return answer.value ? frozen : undefined;
    };
    return { freeze, readsResource: scope.roots.includes('resource'), ask };
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    const result = broken(error.message);
    return { freeze, readsResource: false, ask: () => result };
  }
}

const liftFreeze = (id: string): string => `slipway freeze lift ${id}`;
