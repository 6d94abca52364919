import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Json, Measurement, MetricSpec } from '@slipway/core';
import type { Probe, ProbeContext, Provider } from '../src/providers/provider.js';
import { sleepProvider } from '../src/providers/sleep.js';
import { AgentBench } from './agent-bench.js';
import { grantOf } from './scratch-run.js';

/** A source that says what the test wants it to say. */
class PuppetProvider implements Provider {
  readonly type = 'puppet';
  says: Probe | Error = { result: { status: 200 } };
  probes = 0;
  validate = (): undefined => undefined;
  hides: string[] = [];
  secretReferences = (): Record<string, string> => ({});
  probe = async (_config: object, { hide }: ProbeContext): Promise<Probe> => {
    this.probes++;
    this.hides.forEach(hide);
    if (this.says instanceof Error) throw this.says;
    return this.says;
  };
}

const metric = (over: Partial<MetricSpec> = {}): MetricSpec => ({
  name: 'health',
  provider: { type: 'puppet' },
  intervalMs: 2_000,
  count: 3,
  initialDelayMs: 1_000,
  successCondition: 'result.status == 200',
  failureLimit: 0,
  inconclusiveLimit: 0,
  errorLimit: 4,
  onNoData: 'inconclusive',
  dryRun: false,
  ...over,
});

let bench: AgentBench;
let provider: PuppetProvider;
beforeEach(async () => {
  provider = new PuppetProvider();
  bench = new AgentBench({ providers: { puppet: provider }, secrets: async (references) => references });
  await bench.agent.start();
});

async function verify(metrics: MetricSpec[], measurements: Measurement[] = [], elapsedMs = 0): Promise<void> {
  const spec = { executor: { type: 'verify' }, metrics, context: {} };
  bench.link.answer = (job) => grantOf(job, { kind: 'verify', spec, measurements, elapsedMs });
  bench.link.invite('verify', { job: 'v' });
  await bench.time.settle();
}
const results = (): unknown[] =>
  bench.link.reports.flatMap(({ report }) => (report.verb === 'measured' ? [[report.measurement.index, report.measurement.result]] : []));

describe('a verification', () => {
  it('measures at its times, publishes each measurement by itself, and ends with core’s verdict', async () => {
    await verify([metric()]);
    await bench.time.pass(1_000);
    expect(results()).toEqual([[0, 'passed']]);
    await bench.time.pass(1_999);
    expect(results()).toHaveLength(1);
    await bench.time.pass(2_001);
    expect(results()).toEqual([
      [0, 'passed'],
      [1, 'passed'],
      [2, 'passed'],
    ]);
    expect(bench.link.reports.at(-1)?.report).toMatchObject({ verb: 'succeeded', message: expect.stringContaining('3 of 3 passed') });
  });

  it('fails at once when its failures are too many, and measures no more', async () => {
    provider.says = { result: { status: 503 } };
    await verify([metric(), metric({ name: 'other', provider: { type: 'puppet' }, successCondition: 'true', count: 100 })]);
    await bench.time.pass(20_000);
    expect(bench.link.verbs('v')).toContain('failed');
    expect(provider.probes).toBeLessThanOrEqual(2);
  });

  it('goes on from what another agent measured', async () => {
    const at = bench.time.now() - 500;
    await verify(
      [metric()],
      [
        { metric: 'health', index: 0, result: 'passed', at },
        { metric: 'health', index: 1, result: 'passed', at },
      ],
    );
    await bench.time.pass(1_500);
    expect(results()).toEqual([[2, 'passed']]);
    expect(bench.link.verbs('v').at(-1)).toBe('succeeded');
  });

  it('goes on after the death of the agent with what it had measured', async () => {
    await verify([metric()]);
    await bench.time.pass(3_000);
    await bench.restart();
    await bench.time.pass(2_000);
    expect(results()).toEqual([
      [0, 'passed'],
      [1, 'passed'],
      [2, 'passed'],
    ]);
    expect(bench.link.verbs('v').at(-1)).toBe('succeeded');
  });

  it('keeps the clock that began when the job before it had succeeded, whoever measures', async () => {
    await verify([metric(), metric({ name: 'later', initialDelayMs: 10_000, count: 1 })], [], 9_500);
    await bench.time.pass(1);
    expect(results()).toEqual([[0, 'passed']]);
    await bench.time.pass(500);
    expect(results()).toHaveLength(2);
    await bench.restart();
    await bench.time.pass(4_000);
    expect(bench.link.verbs('v').filter((verb) => verb === 'measured')).toHaveLength(4);
    expect(bench.link.verbs('v').at(-1)).toBe('succeeded');
  });

  it('sleeps on where another agent, or an earlier life of this one, had begun to', async () => {
    bench = new AgentBench({ providers: { sleep: sleepProvider } });
    await bench.agent.start();
    const sleep = metric({ provider: { type: 'sleep', duration: '60s' }, count: 1, successCondition: 'true' });
    // The job before it succeeded 41 s ago: 1 s of delay and 40 s of the first sleep are over.
    await verify([sleep], [], 41_000);
    await bench.time.pass(10_000);
    await bench.restart();
    await bench.time.pass(9_000);
    expect(results()).toEqual([]);
    await bench.time.pass(2_000);
    expect(results()).toEqual([[0, 'passed']]);
    expect(bench.link.verbs('v').at(-1)).toBe('succeeded');
  });

  it('waits no longer than an interval after what an agent measured whose clock was ahead', async () => {
    await verify([metric({ count: 2 })], [{ metric: 'health', index: 0, result: 'passed', at: bench.time.now() + 3_600_000 }]);
    await bench.time.pass(2_000);
    expect(results()).toEqual([[1, 'passed']]);
  });

  it('ends with those that count; a dry run is measured until then, and holds nothing up', async () => {
    await verify([metric({ count: 2 }), metric({ name: 'trial', dryRun: true, count: 100, successCondition: 'false', failureLimit: 99 })]);
    await bench.time.pass(3_000);
    expect(bench.link.verbs('v').at(-1)).toBe('succeeded');
    expect(results()).toContainEqual([0, 'failed']);
  });

  it('with nothing but dry runs measures them all', async () => {
    await verify([metric({ dryRun: true, successCondition: 'false', failureLimit: 2 })]);
    await bench.time.pass(3_000);
    expect(results()).toHaveLength(2);
    await bench.time.pass(2_000);
    expect(results()).toHaveLength(3);
    expect(bench.link.reports.at(-1)?.report).toMatchObject({
      verb: 'succeeded',
      message: expect.stringContaining('notVerified: no metric counts'),
    });
  });

  it('finishes early once enough passed in a row', async () => {
    await verify([metric({ count: 10, consecutiveSuccess: 2 })]);
    await bench.time.pass(3_000);
    expect(results()).toHaveLength(2);
    expect(bench.link.verbs('v').at(-1)).toBe('succeeded');
  });

  it.each(['inconclusive', 'failed', 'passed'] as const)('takes no data for %s where the metric says so', async (onNoData) => {
    provider.says = { noData: 'the series is empty' };
    await verify([metric({ count: 1, onNoData })]);
    await bench.time.pass(1_000);
    expect(bench.link.reports.find(({ report }) => report.verb === 'measured')?.report).toMatchObject({
      measurement: { result: onNoData, message: 'no data: the series is empty' },
    });
    expect(bench.link.verbs('v').at(-1)).toBe(onNoData === 'passed' ? 'succeeded' : 'failed');
  });

  it('takes a source that cannot be reached, or breaks, for an error', async () => {
    provider.says = { error: 'connection refused' };
    await verify([metric({ count: 2 })]);
    await bench.time.pass(1_000);
    provider.says = new Error('broken');
    await bench.time.pass(2_000);
    provider.says = { result: { status: 200 } };
    await bench.time.pass(4_000);
    expect(results()).toEqual([
      [0, 'error'],
      [1, 'error'],
      [2, 'passed'],
      [3, 'passed'],
    ]);
  });

  it('is cancelled, timed out, and rejected where the provider is unknown or forbidden', async () => {
    await verify([metric({ count: 50 })]);
    bench.link.renewal = () => 'cancel';
    await bench.time.pass(10_000);
    expect(bench.link.verbs('v').at(-1)).toBe('cancelled');

    bench.link.renewal = () => 'on';
    bench.link.answer = (job) =>
      grantOf(job, { kind: 'verify', spec: { executor: { type: 'verify' }, metrics: [metric({ count: 100 })], context: {} } });
    bench.link.invite('verify', { job: 'long' });
    await bench.time.pass(60_000);
    expect(bench.link.verbs('long').at(-1)).toBe('timedOut');

    bench.link.answer = (job) =>
      grantOf(job, {
        kind: 'verify',
        spec: { executor: { type: 'verify' }, metrics: [metric({ provider: { type: 'datadog' } })], context: {} },
      });
    bench.link.invite('verify', { job: 'odd' });
    await bench.time.settle();
    expect(bench.link.reports.at(-1)?.report).toMatchObject({
      verb: 'rejected',
      message: 'metric health: this agent has no provider datadog; it has puppet',
    });
  });

  it('names in what it keeps the numbers that JSON has not', async () => {
    provider.says = { result: { status: NaN, worst: Infinity, best: -Infinity, share: 0.25 } };
    await verify([metric({ count: 1 })]);
    await bench.time.pass(1_000);
    expect(bench.link.reports.find(({ report }) => report.verb === 'measured')?.report).toMatchObject({
      measurement: { result: 'inconclusive', value: { status: 'NaN', worst: '+Inf', best: '-Inf', share: 0.25 } },
    });
  });

  it('says beside what does not hold what the provider remarks', async () => {
    provider.says = { result: { status: 503 }, remark: 'a page of the proxy' };
    await verify([metric({ count: 2, failureLimit: 1 })]);
    await bench.time.pass(1_000);
    provider.says = { result: { status: 200 }, remark: 'a page of the proxy' };
    await bench.time.pass(2_000);
    const messages = bench.link.reports.flatMap(({ report }) => (report.verb === 'measured' ? [report.measurement.message] : []));
    expect(messages).toEqual(['result.status == 200 is false; a page of the proxy', undefined]);
  });

  it('masks secrets, what is made of them, and what is left of them where a text is cut', async () => {
    const secret = 'hunter2-hunter2-hunter2';
    provider.secretReferences = () => ({ token: secret });
    provider.hides = ['dXNlcjpodW50ZXIy'];
    provider.says = { result: { status: 200, echo: 'Basic dXNlcjpodW50ZXIy', body: `${'x'.repeat(490)}${secret}` } };
    await verify([metric({ count: 2 })]);
    await bench.time.pass(1_000);
    provider.says = { error: `refused Bearer ${secret}` };
    await bench.time.pass(2_000);
    expect(bench.link.reports.filter(({ report }) => report.verb === 'measured').map(({ report }) => report)).toMatchObject([
      { measurement: { value: { echo: 'Basic ***', body: `${'x'.repeat(490)}***` } } },
      { measurement: { result: 'error', message: 'refused Bearer ***' } },
    ]);
  });

  it('is not broken by an answer that is nested without end', async () => {
    provider.says = { result: { status: 200, json: JSON.parse(`${'['.repeat(400_000)}${']'.repeat(400_000)}`) as Json } };
    await verify([metric({ count: 1, successCondition: 'result.json.all(one, one == 1)' })]);
    await bench.time.pass(1_000);
    expect(bench.link.reports.find(({ report }) => report.verb === 'measured')?.report).toMatchObject({
      measurement: { result: 'error', message: 'what was seen is nested more than 64 deep, and is not judged' },
    });
  });

  it('keeps large values out of its reports', async () => {
    provider.says = { result: { status: 200, body: 'x'.repeat(100_000), list: Array.from({ length: 10_000 }, (_, i) => i) } };
    await verify([metric({ count: 1 })]);
    await bench.time.pass(1_000);
    expect(JSON.stringify(bench.link.reports).length).toBeLessThan(8_000);
  });
});
