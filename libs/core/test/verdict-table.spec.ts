import { describe, expect, it } from '@jest/globals';
import { judge, judgeAll, type Measurement, type MeasurementResult, type MetricSpec, type VerificationVerdict } from '@slipway/core';

/*
 * The verdict as a table. Measurements are written as letters: p passed, f failed, i inconclusive, e error.
 */

const letters: Record<string, MeasurementResult> = { p: 'passed', f: 'failed', i: 'inconclusive', e: 'error' };
const measured = (script: string, name = 'health'): Measurement[] =>
  [...script].map((letter, index) => ({ metric: name, index, result: letters[letter] as MeasurementResult, at: index * 1_000 }));

interface Limits {
  count: number;
  failureLimit: number;
  inconclusiveLimit: number;
  errorLimit: number;
  consecutiveSuccess?: number;
}
const limits = (more: Partial<Limits> = {}): Limits => ({ count: 3, failureLimit: 0, inconclusiveLimit: 0, errorLimit: 1, ...more });
const metricOf = (over: Limits & { name?: string; dryRun?: boolean }): MetricSpec => ({
  ...{ name: 'health', provider: { type: 'http' }, intervalMs: 1_000, initialDelayMs: 0, onNoData: 'inconclusive', dryRun: false },
  ...over,
});

describe('the verdict of one metric', () => {
  type Row = [limit: string, over: Partial<Limits>, script: string, verdict: VerificationVerdict, measurements: number];
  /** `measurements`: after how many of the script it was reached; what comes later changes nothing. */
  const table: Row[] = [
    ['count: reached', {}, 'ppp', 'passed', 3],
    ['count: not reached', {}, 'pp', 'running', 2],
    ['count: one', { count: 1 }, 'p', 'passed', 1],
    ['count: errors do not count', {}, 'pepep', 'passed', 5],
    ['count: without one pass it is no pass', { failureLimit: 3 }, 'fff', 'inconclusive', 3],
    ['count: one pass among tolerated failures is a pass', { failureLimit: 2 }, 'fpf', 'passed', 3],

    ['failureLimit 0: the first failure', {}, 'pf', 'failed', 2],
    ['failureLimit 1: the first is tolerated', { failureLimit: 1 }, 'fpp', 'passed', 3],
    ['failureLimit 1: the second is not, wherever it comes', { failureLimit: 1 }, 'fpf', 'failed', 3],

    ['inconclusiveLimit 0: the first', {}, 'pi', 'inconclusive', 2],
    ['inconclusiveLimit 1: the first is tolerated', { inconclusiveLimit: 1 }, 'ipp', 'passed', 3],
    ['inconclusiveLimit 1: the second is not', { inconclusiveLimit: 1 }, 'ipi', 'inconclusive', 3],
    ['inconclusiveLimit 3: only inconclusive ones are no pass', { inconclusiveLimit: 3 }, 'iii', 'inconclusive', 3],

    ['errorLimit 0: the first error', { errorLimit: 0 }, 'e', 'error', 1],
    ['errorLimit 1: two in a row', {}, 'pee', 'error', 3],
    ['errorLimit 1: a pass between them', {}, 'epep', 'running', 4],
    ['errorLimit 1: a tolerated failure between them', { failureLimit: 1 }, 'efe', 'running', 3],
    ['errorLimit 1: an inconclusive one between them', { inconclusiveLimit: 1 }, 'eie', 'running', 3],

    ['consecutiveSuccess 2: reached', { consecutiveSuccess: 2 }, 'pp', 'passed', 2],
    [
      'consecutiveSuccess 2: a tolerated failure begins the row anew',
      { count: 5, consecutiveSuccess: 2, failureLimit: 1 },
      'pfpp',
      'passed',
      4,
    ],
    ['consecutiveSuccess 2: an error begins it anew', { count: 5, consecutiveSuccess: 2 }, 'pepp', 'passed', 4],
    [
      'consecutiveSuccess 2: an inconclusive one begins it anew',
      { count: 5, consecutiveSuccess: 2, inconclusiveLimit: 1 },
      'pipp',
      'passed',
      4,
    ],
    ['consecutiveSuccess 2: count comes first', { consecutiveSuccess: 3, failureLimit: 1 }, 'pfp', 'passed', 3],
    ['consecutiveSuccess 1: the first pass', { consecutiveSuccess: 1, failureLimit: 1 }, 'fp', 'passed', 2],

    [
      'failure and inconclusive: whichever limit is passed first',
      { failureLimit: 1, inconclusiveLimit: 1, count: 9 },
      'fiif',
      'inconclusive',
      3,
    ],
    ['failure and error: whichever limit is passed first', { failureLimit: 1, count: 9 }, 'fef', 'failed', 3],
    ['error and inconclusive: whichever limit is passed first', { inconclusiveLimit: 1, count: 9 }, 'ieei', 'error', 3],
    ['all limits kept', { failureLimit: 1, inconclusiveLimit: 1, errorLimit: 1, count: 4 }, 'feipp', 'passed', 5],
    ['all limits kept, early', { failureLimit: 1, inconclusiveLimit: 1, count: 9, consecutiveSuccess: 2 }, 'feippf', 'passed', 5],
    ['a failure on the last measurement', {}, 'ppf', 'failed', 3],
    ['an inconclusive one on the last measurement', {}, 'ppi', 'inconclusive', 3],
  ];
  it.each(table)('%s', (_, over, script, verdict, reached) => {
    const metric = metricOf(limits(over));
    expect(judge(metric, measured(script)).verdict).toBe(verdict);
    if (verdict === 'running') return;
    expect(judge(metric, measured(script.slice(0, reached - 1))).verdict).toBe('running');
    expect(judge(metric, measured(script.slice(0, reached))).verdict).toBe(verdict);
    for (const later of ['p', 'f', 'i', 'e', 'pppp', 'ffff']) expect(judge(metric, measured(script + later)).verdict).toBe(verdict);
  });

  /** SPEC 6 word for word, without state: the first prefix of which one of the sentences is true. */
  function plainReading(over: Limits, script: string): VerificationVerdict {
    for (let length = 1; length <= script.length; length += 1) {
      const seen = script.slice(0, length);
      const of = (letter: string): number => seen.split(letter).length - 1;
      if (of('f') > over.failureLimit) return 'failed';
      if (seen.endsWith('e'.repeat(over.errorLimit + 1))) return 'error';
      if (of('i') > over.inconclusiveLimit) return 'inconclusive';
      if (over.consecutiveSuccess !== undefined && seen.endsWith('p'.repeat(over.consecutiveSuccess))) return 'passed';
      if (length - of('e') === over.count) return of('p') > 0 ? 'passed' : 'inconclusive';
    }
    return 'running';
  }

  it('is the plain reading of the limits, for every combination of them and every series up to five', () => {
    const series = [''];
    for (let from = 0, length = 1; length <= 5; length += 1) {
      const to = series.length;
      for (; from < to; from += 1) series.push(...['p', 'f', 'i', 'e'].map((letter) => (series[from] as string) + letter));
    }
    const wrong: string[] = [];
    for (const count of [1, 2, 3])
      for (const failureLimit of [0, 1])
        for (const inconclusiveLimit of [0, 1])
          for (const errorLimit of [0, 1])
            for (const consecutiveSuccess of [undefined, 1, 2]) {
              const over = { count, failureLimit, inconclusiveLimit, errorLimit, ...(consecutiveSuccess ? { consecutiveSuccess } : {}) };
              const metric = metricOf(over);
              for (const script of series) {
                const { verdict } = judge(metric, measured(script));
                if (verdict !== plainReading(over, script)) wrong.push(`${JSON.stringify(over)} ${script}: ${verdict}`);
              }
            }
    expect(series).toHaveLength(1 + 4 + 16 + 64 + 256 + 1024);
    expect(wrong).toEqual([]);
  });
});

describe('the verdict of several metrics', () => {
  const scripts: Record<string, string> = { passed: 'ppp', failed: 'f', inconclusive: 'i', error: 'ee', running: 'p' };
  /** Of two metrics that count, the row's and the column's. */
  const table: Record<string, Record<string, VerificationVerdict>> = {
    passed: { passed: 'passed', inconclusive: 'inconclusive', error: 'error', running: 'running', failed: 'failed' },
    inconclusive: { passed: 'inconclusive', inconclusive: 'inconclusive', error: 'error', running: 'running', failed: 'failed' },
    error: { passed: 'error', inconclusive: 'error', error: 'error', running: 'running', failed: 'failed' },
    running: { passed: 'running', inconclusive: 'running', error: 'running', running: 'running', failed: 'failed' },
    failed: { passed: 'failed', inconclusive: 'failed', error: 'failed', running: 'failed', failed: 'failed' },
  };
  const cells = Object.entries(table).flatMap(([a, row]) => Object.entries(row).map(([b, verdict]) => [a, b, verdict] as const));
  const two = (dryRun: boolean): MetricSpec[] => [metricOf(limits()), metricOf({ ...limits(), name: 'latency', dryRun })];
  const series = (a: string, b: string): Measurement[] => [...measured(scripts[a] as string), ...measured(scripts[b] as string, 'latency')];

  it.each(cells)('%s and %s is %s', (a, b, verdict) => {
    expect(judgeAll(two(false), series(a, b))).toMatchObject({ verdict, done: verdict !== 'running' });
  });

  it.each(cells)('%s, and %s as a dry run, is what it is without', (a, b) => {
    const judged = judgeAll(two(true), series(a, b));
    expect(judged.verdict).toBe(a);
    expect(judged.perMetric['latency']?.verdict).toBe(b);
    expect(judged.perMetric['latency']?.sentence).toMatch(/dry run, does not count$/);
  });

  it.each([
    ['ppp', 'notVerified'],
    ['f', 'notVerified'],
    ['p', 'running'],
    ['', 'running'],
  ] as const)('only a dry run with %j is %s: never a pass', (script, verdict) => {
    expect(judgeAll([metricOf({ ...limits(), dryRun: true })], measured(script))).toMatchObject({ verdict, done: verdict !== 'running' });
  });

  it('that ended before it was done is inconclusive, unless something had failed: zero measurements are never a pass', () => {
    const ended = (a: string, b: string): string => judgeAll(two(false), series(a, b), { ended: true }).verdict;
    expect(judgeAll(two(false), [], { ended: true }).verdict).toBe('inconclusive');
    expect(ended('passed', 'running')).toBe('inconclusive');
    expect(ended('error', 'running')).toBe('error');
    expect(ended('failed', 'running')).toBe('failed');
    expect(judgeAll([], [], { ended: true }).verdict).toBe('notVerified');
  });
});
