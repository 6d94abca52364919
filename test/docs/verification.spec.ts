import { describe, expect, it } from '@jest/globals';
import { completeMetric } from '@slipway/contracts';
import { classify, judge, type Json, type Measurement, type MeasurementResult, type MetricSpec, type PolicyDoc } from '@slipway/core';
import { renderVerification } from '../../cli/src/render/verification.js';
import { NO_PAINT } from '../../cli/src/terminal.js';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf, tableOf } from './code-blocks.js';

const PAGE = 'verification.md';
const results: Record<string, MeasurementResult> = { p: 'passed', f: 'failed', i: 'inconclusive', e: 'error' };

/** `count: 3, failureLimit: 1` as fields of a metric. */
const fieldsOf = (written: string): Partial<MetricSpec> =>
  Object.fromEntries(
    written.split(', ').map((field) => {
      const [name = '', value = ''] = field.split(/: (.*)/);
      return [name, /^\d+$/.test(value) ? Number(value) : value];
    }),
  );
const metricOf = (written: string): MetricSpec => completeMetric({ name: 'm', provider: { type: 'http' }, ...fieldsOf(written) });

describe('docs/verification.md', () => {
  it('shows documents that apply', async () => {
    const registry = memoryRegistry();
    const yaml = codeBlocksOf(PAGE).filter(({ info }) => info === 'yaml');
    const reply = await registry.ask('registry.apply', { files: yaml.map(({ text }, at) => ({ file: `${at}.yaml`, text })) });
    expect(reply.warnings).toEqual([]);
    const { doc } = (await registry.ask('registry.get', { kind: 'policy', name: 'production' })) as unknown as { doc: PolicyDoc };
    expect(doc.rules[0]).toMatchObject({ metrics: [{ name: 'health-for-long', count: 30, intervalMs: 10_000 }] });
    const { doc: checkout } = await registry.ask('registry.get', { kind: 'deployment', name: 'checkout' });
    expect(checkout).toMatchObject({
      verification: [{ name: 'health', initialDelayMs: 30_000, failureLimit: 1, count: 5 }, {}, {}, { dryRun: true }],
    });
  });

  it('says the defaults as they are', () => {
    const complete = completeMetric({ name: 'm', provider: { type: 'http' } });
    const said = Object.fromEntries(tableOf(PAGE, ['field', 'default', 'meaning']).map(([field = '', value]) => [field, value]));
    expect(said).toMatchObject({
      'interval, count': `${complete.intervalMs / 1_000}s, ${complete.count}`,
      initialDelay: `${complete.initialDelayMs}`,
      failureLimit: `${complete.failureLimit}`,
      inconclusiveLimit: `${complete.inconclusiveLimit}`,
      errorLimit: `${complete.errorLimit}`,
      onNoData: complete.onNoData,
      dryRun: `${complete.dryRun}`,
    });
  });

  it.each(tableOf(PAGE, ['conditions', 'result', 'is']))('%s of %s is %s', (conditions = '', result = '', is) => {
    expect(classify(metricOf(conditions), JSON.parse(result) as Json, {}).result).toBe(is);
  });

  it.each(tableOf(PAGE, ['limits', 'measured', 'verdict']))('%s with %s is %s', (limits = '', measured = '', verdict) => {
    const series = [...measured].map((letter, index): Measurement => ({
      metric: 'm',
      index,
      result: results[letter] as MeasurementResult,
      at: 0,
    }));
    expect(judge(metricOf(limits), series).verdict).toBe(verdict);
  });

  it('shows a verification as the command does', () => {
    const at = (time: string): number => new Date(`2026-11-22T${time}`).getTime();
    const metrics: MetricSpec[] = [
      completeMetric({ name: 'health', provider: { type: 'http' }, successCondition: 'result.status == 200', count: 5, failureLimit: 1 }),
      completeMetric({ name: 'latency', provider: { type: 'http' }, failureCondition: 'result.latencyMs > 800', count: 20, dryRun: true }),
    ];
    const measurements = (
      [
        ['health', '14:00:30', { status: 200 }],
        ['health', '14:00:40', { status: 503 }],
        ['health', '14:00:50', { status: 503 }],
        ['latency', '14:00:30', { latencyMs: 31 }],
      ] as const
    ).map(([name, time, value], index): Measurement => {
      const metric = metrics.find((one) => one.name === name) as MetricSpec;
      return { metric: name, index, at: at(time), value, ...classify(metric, value, {}) };
    });
    const judged = metrics.map(({ name, dryRun }, i) => ({
      metric: name,
      dryRun,
      ...judge(
        metrics[i] as MetricSpec,
        measurements.filter((one) => one.metric === name),
      ),
    }));
    const { verdict, sentence } = judged[0] as (typeof judged)[number];
    const names = { deployment: 'checkout', version: '1.2.1', resource: 'par-host-1', environment: 'production', state: 'failed' };
    const view = { ...names, verdict, verdictSentence: `health: ${sentence}`, judged, measurements };
    const [block] = codeBlocksOf(PAGE).filter(({ text }) => text.startsWith('$ slipway verification'));
    expect(renderVerification(view, at('14:01:00'), NO_PAINT)).toBe(block?.text.trimEnd().split('\n').slice(1).join('\n'));
  });
});
