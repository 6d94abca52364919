import type { Reducer, TimeReducer } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';

/** One series or group of an answer, with its one value. */
export interface Series {
  labels: Record<string, string>;
  /** May be NaN or infinite. */
  value: number;
}

/** How many of the series are named when there are too many of them. */
const NAMED_MAX = 3;

/** Several numbers (at least one) as one. NaN among them makes it NaN, save where only their number or one of them counts. */
export function reduceNumbers(how: TimeReducer, values: readonly number[]): number {
  const sum = (): number => values.reduce((total, value) => total + value, 0);
  switch (how) {
    case 'max':
      return values.reduce((most, value) => Math.max(most, value));
    case 'min':
      return values.reduce((least, value) => Math.min(least, value));
    case 'sum':
      return sum();
    case 'avg':
      return sum() / values.length;
    case 'count':
      return values.length;
    case 'first':
      return values[0] as number;
    case 'last':
      return values.at(-1) as number;
  }
}

/**
 * The one value of all series (at least one): of several only as the reducer says, and without one they are an error. With `max` and `min` the labels
 * are those of the series that has the value.
 */
export function oneValue(
  series: readonly Series[],
  reduce: Reducer | undefined,
): { value: number; labels: JsonObject; each: Json } | { error: string } {
  const each = series.map(({ labels, value }) => ({ labels, value: asJson(value) }));
  const [only, second] = series;
  if (only && !second && reduce !== 'count') return { value: only.value, labels: only.labels, each };
  if (reduce === undefined) return { error: tooMany(series) };
  const value = reduceNumbers(
    reduce,
    series.map((one) => one.value),
  );
  const having = reduce === 'max' || reduce === 'min' ? series.find((one) => Object.is(one.value, value)) : undefined;
  return { value, labels: having?.labels ?? {}, each };
}

function tooMany(series: readonly Series[]): string {
  const named = series.slice(0, NAMED_MAX).map(({ labels }) => nameOfSeries(labels));
  const more = series.length > NAMED_MAX ? ', …' : '';
  return `the query gave ${series.length} series (${named.join(', ')}${more}), and one value is needed; aggregate in the query, or write reduce: max, min, avg, sum or count`;
}

/** `{instance="a"}` */
export const nameOfSeries = (labels: Readonly<Record<string, string>>): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')}}`;

/** Beside the value itself NaN must not decide, so it stands as text there: a condition that compares it has no value. */
export const asJson = (value: number): Json => (Number.isNaN(value) ? 'NaN' : value);
