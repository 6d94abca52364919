import type { Measurement, MetricSpec, VerificationVerdict } from '../model/metric.js';

/*
 * The one function that says what measurements mean. A verdict, once reached, stands: measurements after it change nothing (I6). Errors are no
 * measurements of the thing itself: they do not count towards `count`, and only a row of them ends a metric.
 */

export interface MetricJudgement {
  verdict: VerificationVerdict;
  done: boolean;
  /** `4 of 5 passed, 1 failed, 0 failures allowed`. */
  sentence: string;
}

/** The verdict of one metric over its measurements, in the order of their indexes; a repeated index counts once. */
export function judge(metric: MetricSpec, measurements: readonly Measurement[]): MetricJudgement {
  const count = Math.max(1, metric.count);
  const tally = { passed: 0, failed: 0, inconclusive: 0, error: 0 };
  let passedInARow = 0;
  let errorsInARow = 0;
  const conclude = (verdict: VerificationVerdict, why?: string): MetricJudgement => ({
    verdict,
    done: verdict !== 'running',
    sentence: sentenceOf(metric, tally, why),
  });

  for (const { result } of series(metric, measurements)) {
    tally[result]++;
    passedInARow = result === 'passed' ? passedInARow + 1 : 0;
    errorsInARow = result === 'error' ? errorsInARow + 1 : 0;
    if (tally.failed > metric.failureLimit)
      return conclude('failed', `${metric.failureLimit} ${metric.failureLimit === 1 ? 'failure' : 'failures'} allowed`);
    if (errorsInARow > metric.errorLimit) return conclude('error', `${errorsInARow} errors in a row, ${metric.errorLimit} allowed`);
    if (tally.inconclusive > metric.inconclusiveLimit) return conclude('inconclusive', `${metric.inconclusiveLimit} inconclusive allowed`);
    if (metric.consecutiveSuccess !== undefined && passedInARow >= metric.consecutiveSuccess)
      return conclude('passed', `${passedInARow} in a row`);
    if (tally.passed + tally.failed + tally.inconclusive >= count)
      return tally.passed > 0 ? conclude('passed') : conclude('inconclusive', 'not one passed');
  }
  return conclude('running');
}

export interface VerificationJudgement extends MetricJudgement {
  /** The metric that gave the verdict; absent where none counts. */
  metric?: string;
  perMetric: Record<string, MetricJudgement>;
}

/** Worst first. While one metric runs, only `failed` is final: nothing is worse. */
const WORST: readonly VerificationVerdict[] = ['failed', 'running', 'error', 'inconclusive', 'passed'];

/** Whether a verification with these metrics can verify anything: dry runs cannot. */
export function verifies(metrics: readonly Pick<MetricSpec, 'dryRun'>[]): boolean {
  return metrics.some((metric) => !metric.dryRun);
}

/**
 * The verdict over all metrics: the worst one's. `dryRun` metrics are judged and told, count for nothing and hold nothing up; where no metric counts the
 * verdict is `notVerified` once all have been judged, never a pass. `ended`: no more measurements will come, so what is unfinished is inconclusive.
 */
export function judgeAll(
  metrics: readonly MetricSpec[],
  measurements: readonly Measurement[],
  options: { ended?: boolean } = {},
): VerificationJudgement {
  const perMetric: Record<string, MetricJudgement> = {};
  let worst: { name: string; judgement: MetricJudgement } | undefined;
  const byMetric = groupByMetric(measurements);
  for (const metric of metrics) {
    const judged = judge(metric, byMetric.get(metric.name) ?? []);
    const judgement =
      options.ended && !judged.done
        ? { ...judged, verdict: 'inconclusive' as const, done: true, sentence: `${judged.sentence}; ended early` }
        : judged;
    perMetric[metric.name] = judgement;
    if (metric.dryRun) continue;
    if (!worst || WORST.indexOf(judgement.verdict) < WORST.indexOf(worst.judgement.verdict)) worst = { name: metric.name, judgement };
  }
  if (!worst) return { ...nothingCounts(Object.values(perMetric)), perMetric };
  const { verdict, done, sentence } = worst.judgement;
  return { verdict, done, sentence: `${worst.name}: ${sentence}`, metric: worst.name, perMetric };
}

function nothingCounts(judged: readonly MetricJudgement[]): MetricJudgement {
  const done = judged.every((judgement) => judgement.done);
  return { verdict: done ? 'notVerified' : 'running', done, sentence: 'no metric counts, so nothing is verified' };
}

/** The measurements of one metric in order, each index once (the first to come stands). */
function series(metric: MetricSpec, measurements: readonly Measurement[]): Measurement[] {
  const byIndex = new Map<number, Measurement>();
  for (const m of measurements) if (m.metric === metric.name && !byIndex.has(m.index)) byIndex.set(m.index, m);
  return [...byIndex.values()].sort((a, b) => a.index - b.index);
}

function groupByMetric(measurements: readonly Measurement[]): Map<string, Measurement[]> {
  const groups = new Map<string, Measurement[]>();
  for (const m of measurements) {
    const group = groups.get(m.metric);
    if (group) group.push(m);
    else groups.set(m.metric, [m]);
  }
  return groups;
}

function sentenceOf(
  metric: MetricSpec,
  tally: Record<'passed' | 'failed' | 'inconclusive' | 'error', number>,
  why: string | undefined,
): string {
  const parts = [`${tally.passed} of ${Math.max(1, metric.count)} passed`];
  if (tally.failed > 0) parts.push(`${tally.failed} failed`);
  if (tally.inconclusive > 0) parts.push(`${tally.inconclusive} inconclusive`);
  if (tally.error > 0) parts.push(`${tally.error} ${tally.error === 1 ? 'error' : 'errors'}`);
  if (why !== undefined) parts.push(why);
  if (metric.dryRun) parts.push('dry run, does not count');
  return parts.join(', ');
}
