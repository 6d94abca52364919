import type { Measurement, MetricJudgement } from '@slipway/core';
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
  // Of an answer the headers would crowd out what matters; --output json has them.
  const saw = value === undefined ? '' : JSON.stringify(value, (key, inner: unknown) => (key === 'headers' ? undefined : inner));
  const shown = saw.length > VALUE_LENGTH_MAX ? `${saw.slice(0, VALUE_LENGTH_MAX)}…` : saw;
  return ['', result, paint.dim([moment(at, now), message, shown].filter((part) => part).join('  '))];
}

function word(verdict: string, paint: Paint): string {
  if (verdict === 'passed') return paint.green('✓ passed');
  if (verdict === 'running') return paint.cyan('● running');
  return verdict === 'failed' ? paint.red('✗ failed') : paint.yellow(`? ${verdict}`);
}
