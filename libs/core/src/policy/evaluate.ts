import type { Decision } from '../model/decision.js';
import type { DecisionInput } from '../model/facts.js';
import { PlaceEvaluation } from './place-evaluation.js';

/**
 * Whether one version may go to each target of one environment, and how, with every reason. The one evaluator: gate, explain, simulate and
 * shadow call it. Same input and `now` give the same decision, and the verdicts stay the same from `now` until `reevaluateAt` (I10).
 */
export function evaluate(input: DecisionInput, now: number): Decision {
  return new PlaceEvaluation(input, now).decide(input.version);
}
