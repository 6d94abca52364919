import type { Json, JsonObject, Measurement, MetricJudgement } from '@slipway/core';
import { columns, type Paint } from '../terminal.js';
import { moment } from './when.js';

/** A `verify` job as `scheduler.jobs` shows it. */
export interface VerificationView {
  deployment: string;
  environment: string;
  resource: string;
  version: string;
  state: string;
  verdict?: string;
  verdictSentence?: string;
  judged: (MetricJudgement & { metric: string; dryRun?: boolean })[];
  measurements: Measurement[];
}

/** Measurements of one metric that are shown: the first ones say how it began, the last ones how it ended. */
const SHOWN_MAX = 10;
const VALUE_LENGTH_MAX = 80;
const DIGITS_SHOWN = 5;

/** One verification: its verdict, each metric with the limits that it kept or not, each measurement with what was seen. */
export function renderVerification(view: VerificationView, now: number, paint: Paint): string {
  const { deployment, version, resource, environment, verdict = 'running', verdictSentence, judged, measurements } = view;
  const head = `${paint.bold(`${deployment} ${version}`)} at ${resource} in ${environment}   ${word(verdict, paint)}${verdictSentence === undefined ? '' : `   ${verdictSentence}`}`;
  const rows = judged.flatMap((metric) => [
    [paint.bold(metric.metric), word(metric.verdict, paint), metric.sentence],
    ...shownOf(measurements.filter((one) => one.metric === metric.metric)).map((one) => measurementRow(one, now, paint)),
  ]);
  return [head, columns(rows, '  ')].join('\n');
}

function shownOf(measurements: readonly Measurement[]): (Measurement | number)[] {
  const inOrder = [...measurements].sort((a, b) => a.index - b.index);
  const left = inOrder.length - SHOWN_MAX;
  return left <= 0 ? inOrder : [...inOrder.slice(0, SHOWN_MAX / 2), left, ...inOrder.slice(-SHOWN_MAX / 2)];
}

function measurementRow(one: Measurement | number, now: number, paint: Paint): string[] {
  if (typeof one === 'number') return ['', paint.dim(`…${one} more`)];
  const { at, result, value, message } = one;
  const saw = value === undefined ? '' : sawOf(value);
  const shown = saw.length > VALUE_LENGTH_MAX ? `${saw.slice(0, VALUE_LENGTH_MAX)}…` : saw;
  return ['', result, paint.dim([moment(at, now), message, shown].filter((part) => part).join('  '))];
}

/** What was seen, in short; --output json has all of it. Of a query its number, rounded, and whose it is: `0.0909 {job="shop"}`, `3 of 5 series`. */
function sawOf(seen: Json): string {
  if (!isObject(seen)) return JSON.stringify(seen);
  const { value, labels, series } = seen;
  // Of an answer to a request the headers would crowd out what matters.
  if (value === undefined || !isObject(labels)) return JSON.stringify({ ...seen, headers: undefined });
  const isFraction = typeof value === 'number' && !Number.isInteger(value);
  const number = String(isFraction ? Number(value.toPrecision(DIGITS_SHOWN)) : value);
  const names = Object.entries(labels).map(([name, label]) => `${name}=${JSON.stringify(label)}`);
  const several = typeof series === 'number' && series > 1 ? `of ${series} series` : '';
  return [number, names.length > 0 ? `{${names.join(', ')}}` : '', several].filter(Boolean).join(' ');
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

function word(verdict: string, paint: Paint): string {
  if (verdict === 'passed') return paint.green('✓ passed');
  if (verdict === 'running') return paint.cyan('● running');
  return verdict === 'failed' ? paint.red('✗ failed') : paint.yellow(`? ${verdict}`);
}
