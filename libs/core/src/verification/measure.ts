import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import type { Json, JsonObject } from '../model/json.js';
import type { Measurement, MeasurementResult, MetricSpec } from '../model/metric.js';
import { judge } from './judge.js';

export interface Classified {
  result: MeasurementResult;
  message?: string;
}

/** How deep and how many values of a result are searched for NaN: results are cut to a bound by who measured, this bounds it once more. */
const NAN_SEARCH_MAX = 10_000;

/**
 * What one seen value means. `undefined`: the provider had no data. Only a success condition: what does not meet it failed; only a failure condition:
 * what does not meet it passed; both: neither is inconclusive, both at once is failed. A condition that cannot be evaluated is an error, and NaN,
 * which compares false with everything and so would pass a failure condition, is inconclusive.
 */
export function classify(metric: MetricSpec, result: Json | undefined, activation: JsonObject): Classified {
  if (result === undefined) return { result: metric.onNoData, message: 'no data' };
  if (holdsNaN(result)) return { result: 'inconclusive', message: 'the value is not a number' };
  const names = { ...activation, result };
  const failure = ask(metric.failureCondition, names);
  const success = ask(metric.successCondition, names);
  if (failure?.error !== undefined) return { result: 'error', message: failure.error };
  if (failure?.value) return { result: 'failed', message: `${metric.failureCondition} is true` };
  if (success?.error !== undefined) return { result: 'error', message: success.error };
  if (success?.value) return { result: 'passed' };
  if (success && failure) return { result: 'inconclusive', message: 'neither the success nor the failure condition is true' };
  if (success) return { result: 'failed', message: `${metric.successCondition} is false` };
  if (failure) return { result: 'passed' };
  return { result: 'error', message: `metric ${metric.name} has no condition` };
}

/**
 * When the next measurement is due; undefined: the metric is judged. Late is due at once, and nothing is made up for. Earlier measurements may be another
 * agent's, by a clock that differs from this one: nobody waits longer from `now` than the metric says.
 */
export function nextMeasurementAt(
  metric: MetricSpec,
  measurements: readonly Measurement[],
  startedAt: number,
  now: number,
): number | undefined {
  const own = measurements.filter((m) => m.metric === metric.name);
  if (judge(metric, own).done) return undefined;
  if (own.length === 0) return Math.min(startedAt, now) + metric.initialDelayMs;
  return Math.min(Math.max(...own.map((m) => m.at)), now) + metric.intervalMs;
}

function ask(condition: string | undefined, names: JsonObject): { value?: boolean; error?: string } | undefined {
  return condition === undefined ? undefined : evaluateBoolean(compileExpression(condition), names);
}

function holdsNaN(value: Json): boolean {
  const open: (Json | undefined)[] = [value];
  for (let seen = 0; open.length > 0 && seen < NAN_SEARCH_MAX; seen++) {
    const next = open.pop();
    if (typeof next === 'number' && Number.isNaN(next)) return true;
    if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) open.push(inner);
  }
  return false;
}
