import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  classify,
  judge,
  judgeAll,
  nextMeasurementAt,
  type Json,
  type Measurement,
  type MeasurementResult,
  type MetricSpec,
  type VerificationVerdict,
} from '@slipway/core';

const metric = (over: Partial<MetricSpec> = {}): MetricSpec => ({
  name: 'health',
  provider: { type: 'http' },
  intervalMs: 1_000,
  count: 5,
  initialDelayMs: 500,
  failureLimit: 0,
  inconclusiveLimit: 0,
  errorLimit: 4,
  onNoData: 'inconclusive',
  dryRun: false,
  ...over,
});

const letters: Record<string, MeasurementResult> = { p: 'passed', f: 'failed', i: 'inconclusive', e: 'error' };
const measured = (script: string, name = 'health'): Measurement[] =>
  [...script].map((l, index) => ({ metric: name, index, result: letters[l]!, at: index * 1_000 }));

describe('judge', () => {
  const cases: [string, Partial<MetricSpec>, string, VerificationVerdict][] = [
    ['nothing measured yet', {}, '', 'running'],
    ['some of the count', {}, 'pppp', 'running'],
    ['all of the count', {}, 'ppppp', 'passed'],
    ['the first failure, none allowed', {}, 'ppf', 'failed'],
    ['as many failures as allowed', { failureLimit: 2 }, 'pfpfp', 'passed'],
    ['one failure more than allowed', { failureLimit: 2 }, 'ffpf', 'failed'],
    ['a failure is no reset of the limit', { failureLimit: 1 }, 'fppf', 'failed'],
    ['the first inconclusive one, none allowed', {}, 'pi', 'inconclusive'],
    ['as many inconclusive as allowed', { inconclusiveLimit: 1 }, 'pippp', 'passed'],
    ['one inconclusive more than allowed', { inconclusiveLimit: 1 }, 'ipi', 'inconclusive'],
    ['as many errors in a row as allowed', {}, 'eeee', 'running'],
    ['one error more in a row', {}, 'peeeee', 'error'],
    ['errors that are not in a row', { errorLimit: 1 }, 'epepepep', 'running'],
    ['errors do not count towards count', {}, 'epppp', 'running'],
    ['errors do not count towards count, then it is enough', {}, 'eppppp', 'passed'],
    ['enough successes in a row end early', { consecutiveSuccess: 3 }, 'ppp', 'passed'],
    ['a failure breaks the row', { consecutiveSuccess: 3, failureLimit: 1 }, 'ppfpp', 'passed'],
    ['an error breaks the row', { consecutiveSuccess: 3 }, 'ppepp', 'running'],
    ['only tolerated failures are no pass', { count: 2, failureLimit: 2 }, 'ff', 'inconclusive'],
    ['only tolerated inconclusive ones are no pass', { count: 1, inconclusiveLimit: 1 }, 'i', 'inconclusive'],
    ['a count of zero still needs one', { count: 0 }, '', 'running'],
    ['what comes after the verdict changes nothing (I6)', {}, 'fppppp', 'failed'],
  ];
  it.each(cases)('%s', (_, over, script, verdict) => {
    expect(judge(metric(over), measured(script))).toMatchObject({ verdict, done: verdict !== 'running' });
  });

  it('counts a repeated measurement once, in any order', () => {
    const series = measured('pfppp');
    expect(judge(metric({ failureLimit: 1 }), [...series, ...series].reverse())).toMatchObject({
      verdict: 'passed',
      sentence: '4 of 5 passed, 1 failed',
    });
  });

  it('I6: more measurements never change a verdict once there is one', () => {
    const script = fc.string({ unit: fc.constantFrom('p', 'f', 'i', 'e'), maxLength: 20 });
    const limits = fc.record({
      count: fc.integer({ min: 1, max: 6 }),
      failureLimit: fc.nat(2),
      inconclusiveLimit: fc.nat(2),
      errorLimit: fc.nat(2),
    });
    fc.assert(
      fc.property(limits, script, script, (over, early, late) => {
        const first = judge(metric(over), measured(early));
        if (first.done) expect(judge(metric(over), measured(early + late)).verdict).toBe(first.verdict);
      }),
    );
  });

  it('every series of measurements comes to a verdict within a bound', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.constantFrom('p', 'f', 'i', 'e')), (stream) => {
        const bound = 5 * 5 + 5;
        const script = Array.from({ length: bound }, () => stream.next().value as string).join('');
        expect(judge(metric({ failureLimit: 5, inconclusiveLimit: 5 }), measured(script)).done).toBe(true);
      }),
    );
  });
});

describe('judgeAll', () => {
  const two = [metric({ count: 1 }), metric({ name: 'latency', count: 1 })];
  const said = (a: string, b: string): VerificationVerdict => judgeAll(two, [...measured(a), ...measured(b, 'latency')]).verdict;

  it('is the worst metric, and waits for all but a failure', () => {
    expect(said('p', 'p')).toBe('passed');
    expect(said('p', '')).toBe('running');
    expect(said('i', '')).toBe('running');
    expect(said('f', '')).toBe('failed');
    expect(said('i', 'f')).toBe('failed');
    expect(said('i', 'eeeee')).toBe('error');
    expect(said('i', 'p')).toBe('inconclusive');
  });

  it('does not count a dry run, and calls nothing a pass where nothing counts', () => {
    const dry = [metric({ count: 1 }), metric({ name: 'latency', dryRun: true })];
    expect(judgeAll(dry, [...measured('p'), ...measured('f', 'latency')])).toMatchObject({
      verdict: 'passed',
      perMetric: { latency: { verdict: 'failed' } },
    });
    expect(judgeAll([metric({ dryRun: true })], measured('ppppp')).verdict).toBe('notVerified');
    expect(judgeAll([], []).verdict).toBe('notVerified');
  });

  it('is inconclusive when it ended before it was done: zero measurements is never a pass', () => {
    expect(judgeAll(two, [], { ended: true })).toMatchObject({ verdict: 'inconclusive', done: true });
    expect(judgeAll(two, [...measured('p'), ...measured('p', 'latency')], { ended: true }).verdict).toBe('passed');
  });
});

describe('classify', () => {
  const success = { successCondition: 'result.status == 200' };
  const failure = { failureCondition: 'result.status >= 500' };
  const cases: [string, Partial<MetricSpec>, Json | undefined, MeasurementResult][] = [
    ['success met', success, { status: 200 }, 'passed'],
    ['success not met', success, { status: 404 }, 'failed'],
    ['failure met', failure, { status: 503 }, 'failed'],
    ['failure not met', failure, { status: 404 }, 'passed'],
    ['both given, success met', { ...success, ...failure }, { status: 200 }, 'passed'],
    ['both given, neither met', { ...success, ...failure }, { status: 404 }, 'inconclusive'],
    ['both met at once', { successCondition: 'result.status > 0', ...failure }, { status: 503 }, 'failed'],
    ['a name that is not there', success, {}, 'error'],
    ['a condition that is no boolean', { successCondition: 'result.status' }, { status: 200 }, 'error'],
    ['no condition', {}, { status: 200 }, 'error'],
    ['no data', success, undefined, 'inconclusive'],
    ['no data is a failure where the metric says so', { ...success, onNoData: 'failed' }, undefined, 'failed'],
    ['NaN would slip through a failure condition', { failureCondition: 'result > 5.0' }, NaN, 'inconclusive'],
    ['NaN inside a vector', { failureCondition: 'result[0] > 5.0' }, [NaN], 'inconclusive'],
  ];
  it.each(cases)('%s', (_, over, result, expected) => {
    expect(classify(metric(over), result, {}).result).toBe(expected);
  });

  it('sees the names of the activation', () => {
    expect(
      classify(metric({ successCondition: 'result.version == version.tag' }), { version: '1.0.0' }, { version: { tag: '1.0.0' } }).result,
    ).toBe('passed');
  });
});

describe('nextMeasurementAt', () => {
  it('waits out the initial delay, then the interval after the last one, until it is judged', () => {
    expect(nextMeasurementAt(metric(), [], 10_000, 10_000)).toBe(10_500);
    expect(nextMeasurementAt(metric(), measured('pp'), 0, 1_200)).toBe(2_000);
    expect(nextMeasurementAt(metric(), measured('ppppp'), 0, 9_000)).toBeUndefined();
    expect(nextMeasurementAt(metric(), measured('ppppp', 'other'), 0, 0)).toBe(500);
  });

  it('is due at once when it is late', () => {
    expect(nextMeasurementAt(metric(), [], 0, 60_000)).toBe(500);
    expect(nextMeasurementAt(metric(), measured('pp'), 0, 60_000)).toBe(2_000);
  });

  it('waits no longer than the metric says, however far ahead the clock was that measured before', () => {
    const ahead = measured('pp').map((m) => ({ ...m, at: m.at + 3_600_000 }));
    expect(nextMeasurementAt(metric(), ahead, 0, 5_000)).toBe(6_000);
    expect(nextMeasurementAt(metric(), [], 3_600_000, 5_000)).toBe(5_500);
  });
});
