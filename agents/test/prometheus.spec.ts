import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { completeMetric } from '@slipway/contracts';
import { classify } from '@slipway/core';
import { TEST_CERTIFICATE } from '@slipway/testkit';
import { prometheusProvider } from '../src/providers/prometheus.js';
import type { Probe } from '../src/providers/provider.js';
import { realClock, realTimers } from '../src/timers.js';
import { VendorClients } from '../src/vendor/vendor-clients.js';
import { probeContext } from './probe-context.js';
import { hasPrometheus, RealPrometheus } from './real-prometheus.js';

const here = hasPrometheus();
if (!here) process.stderr.write('prometheus and promtool are not on the PATH: the provider is not tried against the real program\n');
const describeReal = here ? describe : describe.skip; // tidy-allow: an outside tool is absent, said aloud above; in CI hasPrometheus() throws instead

/** From half an hour ago until well after this test, a sample every 15 s. */
const STEP_S = 15;
const NOW_S = Math.floor(Date.now() / 1_000 / STEP_S) * STEP_S;
const [FIRST_S, LAST_S] = [NOW_S - 1_800, NOW_S + 1_800];

function series(name: string, labels: string, valueAt: (step: number) => number, untilS = LAST_S): string {
  const lines: string[] = [];
  for (let at = FIRST_S, step = 0; at <= untilS; at += STEP_S, step++) lines.push(`${name}{${labels}} ${valueAt(step)} ${at}`);
  return lines.join('\n');
}
const family = (name: string, type: string, ...all: string[]): string =>
  `# TYPE ${name.replace(/_total$/, '')} ${type}\n${all.join('\n')}\n`;

const planted = [
  family(
    'http_requests_total',
    'counter',
    series('http_requests_total', 'job="shop",code="200"', (step) => step * 100),
    series('http_requests_total', 'job="shop",code="500"', (step) => step * 10),
    series('http_requests_total', 'job="quiet",code="200"', () => 7),
    series('http_requests_total', 'job="healthy",code="200"', (step) => step * 100),
  ),
  family(
    'temperature',
    'gauge',
    series('temperature', 'instance="a"', () => 1),
    series('temperature', 'instance="b"', (step) => step % 4),
    series('temperature', 'instance="c"', () => -2.5),
  ),
  family(
    'ended',
    'gauge',
    series('ended', '', () => 4, NOW_S - 120),
  ),
].join('');

const ratio = (job: string): string =>
  `sum(rate(http_requests_total{job="${job}",code=~"5.."}[5m])) / sum(rate(http_requests_total{job="${job}"}[5m]))`;

describeReal('the prometheus provider, against the real Prometheus', () => {
  const prometheus = new RealPrometheus();
  const provider = prometheusProvider(new VendorClients({ clock: realClock, timers: realTimers, random: () => 0.5 }));
  beforeAll(async () => void (await prometheus.start(`${planted}# EOF\n`)), 60_000);
  afterAll(() => prometheus.stop());

  const ask = (query: string, more: object = {}): Promise<Probe> =>
    provider.probe({ type: 'prometheus', server: prometheus.server, query, ...more }, probeContext());
  /** What a measurement of the metric would be. */
  const judged = async (query: string, conditions: object, more: object = {}) => {
    const probe = await ask(query, more);
    const metric = completeMetric({ name: 'm', provider: { type: 'prometheus' }, ...conditions });
    if ('error' in probe) return { result: 'error' };
    return classify(metric, 'result' in probe ? probe.result : undefined, {});
  };

  it('gives the planted ratio, and 0 with the idiom for "no errors yet"', async () => {
    expect(await ask(ratio('shop'))).toEqual({
      result: {
        value: expect.closeTo(10 / 110, 12),
        labels: {},
        at: expect.stringMatching(/^20.*Z$/),
        series: 1,
        each: [{ labels: {}, value: expect.closeTo(10 / 110, 12) }],
      },
    });
    expect(await ask(`(${ratio('healthy')}) or vector(0)`)).toMatchObject({ result: { value: 0 } });
    expect(await ask('count(temperature) or vector(0)')).toMatchObject({ result: { value: 3 } });
    expect(await ask('count(nothing) or vector(0)')).toMatchObject({ result: { value: 0 } });
  });

  it.each([
    ['a series that is not there', 'nothing'],
    ['a ratio of what is not there', 'nothing / nothing_else'],
    ['an error ratio before the first error', ratio('healthy')],
    ['a rate over less than two samples', 'rate(http_requests_total{job="shop"}[10s])'],
  ])('has no data for %s, and what that is the metric says', async (_what, query) => {
    expect(await ask(query)).toEqual({ noData: 'the query gave no series' });
    expect((await judged(query, { failureCondition: 'result.value > 0.05' })).result).toBe('inconclusive');
    expect((await judged(query, { failureCondition: 'result.value > 0.05', onNoData: 'failed' })).result).toBe('failed');
    expect((await judged(query, { successCondition: 'result.value < 0.05', onNoData: 'passed' })).result).toBe('passed');
  });

  it.each([
    ['0/0', '0/0', NaN],
    ['a ratio without traffic', ratio('quiet').replace('code=~"5.."', 'code="200"'), NaN],
    ['the scalar of nothing', 'scalar(nothing)', NaN],
    ['1/0', '1/0', Infinity],
    ['-1/0', '-1/0', -Infinity],
  ])('reads %s', async (_what, query, value) => {
    expect(await ask(query)).toMatchObject({ result: { value } });
  });

  it('never takes NaN for a pass, and compares infinities', async () => {
    for (const condition of [{ failureCondition: 'result.value > 0.05' }, { successCondition: 'result.value < 0.05' }])
      expect(await judged('0/0', condition)).toEqual({ result: 'inconclusive', message: 'the value is not a number' });
    expect((await judged('1/0', { failureCondition: 'result.value > 0.05' })).result).toBe('failed');
    expect((await judged('1/0', { successCondition: 'result.value < 0.05' })).result).toBe('failed');
    expect((await judged('-1/0', { successCondition: 'result.value < 0.05' })).result).toBe('passed');
  });

  it('gives 1 for absent, the labels of one series, and text', async () => {
    expect(await ask('absent(nothing)')).toMatchObject({ result: { value: 1 } });
    expect(await ask('temperature{instance="c"}')).toMatchObject({
      result: { value: -2.5, labels: { __name__: 'temperature', instance: 'c' } },
    });
    expect(await ask('"str"')).toMatchObject({ result: { value: 'str' } });
    expect(await ask('7')).toMatchObject({ result: { value: 7, labels: {} } });
  });

  it('makes one value of several series only as it is told', async () => {
    expect(await ask('temperature{instance=~"a|c"}')).toEqual({
      error:
        'the query gave 2 series ({__name__="temperature", instance="a"}, {__name__="temperature", instance="c"}), and one value is needed; ' +
        'aggregate in the query, or write reduce: max, min, avg, sum or count',
    });
    const reduced = async (reduce: string): Promise<unknown> =>
      ((await ask('temperature{instance=~"a|c"}', { reduce })) as { result: { value: number } }).result.value;
    expect(await Promise.all(['max', 'min', 'avg', 'sum', 'count'].map(reduced))).toEqual([1, -2.5, -0.75, -1.5, 2]);
    expect(await ask('temperature{instance=~"a|c"}', { reduce: 'min' })).toMatchObject({
      result: { labels: { instance: 'c' }, series: 2, each: [{ value: 1 }, { value: -2.5 }] },
    });
  });

  it('reduces a window over time, and tells when it ended early', async () => {
    const range = { last: '5m', step: '15s' };
    const over = async (reduce: string): Promise<unknown> =>
      ((await ask('temperature{instance="b"}', { range: { ...range, reduce } })) as { result: { value: number } }).result.value;
    expect(await Promise.all(['max', 'min', 'count'].map(over))).toEqual([3, 0, 21]);
    const probe = await ask('temperature{instance="b"}', { range: { ...range, reduce: 'avg' } });
    expect(probe).toMatchObject({
      result: { series: 1, staleMs: 0, points: expect.arrayContaining([{ at: expect.any(String), value: 3 }]) },
    });
    expect(await ask('temperature', { range: { ...range, reduce: 'max' } })).toMatchObject({
      error: expect.stringContaining('gave 3 series'),
    });
    expect(await ask('temperature', { range: { ...range, reduce: 'max' }, reduce: 'sum' })).toMatchObject({
      result: { value: 1 + 3 - 2.5 },
    });
    expect(await ask('nothing', { range: { ...range, reduce: 'max' } })).toEqual({ noData: 'the query gave no series in the last 300 s' });
    // Two minutes ago its last sample came in, and Prometheus goes on with that for five: the window does not end early yet.
    const ended = await ask('ended and (time() - timestamp(ended) < 30)', { range: { ...range, reduce: 'last' } });
    expect(ended).toMatchObject({
      result: { value: 4 },
      remark: expect.stringMatching(/^the last point is \d+ s old: a series has ended/),
    });
  });

  it('a NaN in the window is not lost in what is made of it', async () => {
    const range = { last: '5m', step: '15s', reduce: 'max' };
    const now = 'temperature{instance="b"} / (temperature{instance="b"} > 0 or temperature{instance="b"} * 0)';
    expect(await ask(now, { range })).toMatchObject({
      result: { value: NaN, points: expect.arrayContaining([expect.objectContaining({ value: 'NaN' })]) },
    });
    expect((await judged(now, { failureCondition: 'result.value > 5.0' }, { range })).result).toBe('inconclusive');
    // The last one only is asked for: what was NaN before it does not decide.
    const lastly = (await judged(now, { successCondition: 'result.value == result.value' }, { range: { ...range, reduce: 'count' } }))
      .result;
    expect(lastly).toBe('passed');
  });

  it.each([
    ['a query that does not parse', 'sum(', {}, /^Prometheus answers 400, bad_data: .*parse error/],
    [
      'a join of many to one',
      'temperature * on() vector(1)',
      {},
      /^Prometheus answers 422, execution: multiple matches for labels: many-to-one matching must be explicit/,
    ],
    ['raw samples', 'temperature[30s]', {}, /^the query is a range of raw samples, as in x\[5m\]/],
    [
      'raw samples over a window',
      'temperature[30s]',
      { range: { last: '1m', step: '15s', reduce: 'max' } },
      /^Prometheus answers 400, bad_data/,
    ],
  ])('says what is wrong with %s', async (_what, query, more, message) => {
    expect(await ask(query, more)).toEqual({ error: expect.stringMatching(message) });
  });

  it('knows before it asks how many points Prometheus gives at most', async () => {
    const tooMany = { last: '11001s', step: '1s', reduce: 'max' };
    expect(provider.validate({ type: 'prometheus', server: prometheus.server, query: '1', range: tooMany })).toContain(
      'provider.range.step gives 11001 points and Prometheus gives 11000 at most',
    );
    const answer = await fetch(`${prometheus.server}/api/v1/query_range?query=1&start=0&end=11001&step=1`);
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: expect.stringContaining('11,000 points') }]);
  });

  it('proves itself with a password over TLS', async () => {
    const guarded = await new RealPrometheus({ guarded: true }).start('# EOF\n');
    const directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-ca-'));
    const caFile = path.join(directory, 'ca.pem');
    writeFileSync(caFile, TEST_CERTIFICATE.cert);
    const with_ = (password: string, more: object): Promise<Probe> => {
      const basic = { username: 'slipway', password: 'env:PASSWORD' };
      const config = { type: 'prometheus', server: guarded.server, query: '1', basic, ...more };
      return provider.probe(config, probeContext({ 'basic password': password }));
    };
    expect(await with_(guarded.password, { caFile })).toMatchObject({ result: { value: 1 } });
    expect(await with_('wrong', { caFile })).toEqual({
      error: 'no answer of Prometheus but 401, text/plain: Unauthorized; the credentials are not accepted, or may not query',
    });
    expect(await with_(guarded.password, {})).toMatchObject({ error: expect.stringContaining('is not trusted') });
    await guarded.stop();
    expect(await with_(guarded.password, { caFile })).toMatchObject({ error: expect.stringContaining('connection refused') });
    rmSync(directory, { recursive: true });
  }, 60_000);
});
