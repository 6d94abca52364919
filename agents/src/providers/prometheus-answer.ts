import type { PrometheusProviderConfig } from '@slipway/contracts';
import type { JsonObject } from '@slipway/core';
import { z } from 'zod';
import { asJson, nameOfSeries, oneValue, reduceNumbers } from './series.js';
import { describePage, jsonOf, type Answer } from './one-request.js';
import type { Probe } from './provider.js';

const sampleSchema = z.tuple([z.number(), z.string()]);
const labelsSchema = z.record(z.string(), z.string());
const dataSchema = z.discriminatedUnion('resultType', [
  z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: labelsSchema, value: sampleSchema.optional(), histogram: z.unknown().optional() })),
  }),
  z.object({
    resultType: z.literal('matrix'),
    result: z.array(
      z.object({ metric: labelsSchema, values: z.array(sampleSchema).optional(), histograms: z.array(z.unknown()).optional() }),
    ),
  }),
  z.object({ resultType: z.enum(['scalar', 'string']), result: sampleSchema }),
]);
const warningsSchema = z.array(z.string()).nullish();
const answerSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), data: dataSchema, warnings: warningsSchema, infos: warningsSchema }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);
type Data = z.output<typeof dataSchema>;
type Vector = Extract<Data, { resultType: 'vector' }>;
type Matrix = Extract<Data, { resultType: 'matrix' }>;

/** What an annotation of the query begins with; other warnings say that the answer lacks something. */
const ANNOTATION = /^PromQL (warning|info)/;
const NATIVE = 'is a native histogram, which is no number; take one from it, as in histogram_quantile(0.99, …) or histogram_count(…)';

/** What Prometheus's answer means. Never throws, whatever the answer is. */
export function readPrometheus(answer: Answer, config: PrometheusProviderConfig, now: number): Probe {
  const parsed = answerSchema.safeParse(jsonOf(answer));
  if (!parsed.success) {
    const credentials = answer.status === 401 || answer.status === 403 ? '; the credentials are not accepted, or may not query' : '';
    return { error: `no answer of Prometheus but ${describePage(answer)}${credentials}` };
  }
  if (parsed.data.status === 'error')
    return { error: `Prometheus answers ${answer.status}, ${parsed.data.errorType}: ${parsed.data.error}` };
  const { data, warnings } = parsed.data;
  const said = [...(warnings ?? []), ...(parsed.data.infos ?? [])];
  const partial = (warnings ?? []).find((warning) => !ANNOTATION.test(warning));
  if (partial !== undefined && !config.allowPartial)
    return { error: `the answer is partial, and only allowPartial: true would take it: ${partial}` };
  const probe = readData(data, config, now);
  if (said.length === 0) return probe;
  if ('result' in probe) return { ...probe, result: { ...(probe.result as JsonObject), warnings: said } };
  return 'noData' in probe ? { noData: `${probe.noData}; ${said.join('; ')}` } : probe;
}

function readData(data: Data, config: PrometheusProviderConfig, now: number): Probe {
  switch (data.resultType) {
    case 'scalar':
      return { result: { value: numberOf(data.result[1]), labels: {}, at: timeOf(data.result[0]), series: 1 } };
    case 'string':
      return { result: { value: data.result[1], labels: {}, at: timeOf(data.result[0]), series: 1 } };
    case 'vector':
      return readVector(data, config);
    case 'matrix':
      return config.range
        ? readMatrix(data, config, config.range, now)
        : {
            error:
              'the query is a range of raw samples, as in x[5m]; write a function around it, like rate(…) or max_over_time(…), or use range',
          };
  }
}

function readVector({ result }: Vector, { reduce }: PrometheusProviderConfig): Probe {
  const native = result.find(({ value }) => value === undefined);
  if (native) return { error: `${nameOfSeries(native.metric)} ${NATIVE}` };
  if (result.length === 0) return { noData: 'the query gave no series' };
  const one = oneValue(
    result.map(({ metric, value }) => ({ labels: metric, value: numberOf(value?.[1]) })),
    reduce,
  );
  if ('error' in one) return one;
  const { value, labels, each } = one;
  return { result: { value, labels, at: timeOf(result[0]?.value?.[0] ?? 0), series: result.length, each } };
}

function readMatrix(
  { result }: Matrix,
  { reduce }: PrometheusProviderConfig,
  range: NonNullable<PrometheusProviderConfig['range']>,
  now: number,
): Probe {
  const native = result.find(({ histograms }) => (histograms ?? []).length > 0);
  if (native) return { error: `${nameOfSeries(native.metric)} ${NATIVE}` };
  const series = result.flatMap(({ metric, values = [] }) => {
    const last = values.at(-1);
    const numbers = values.map(([, text]) => numberOf(text));
    return last ? [{ labels: metric, value: reduceNumbers(range.reduce, numbers), lastAt: last[0], points: values }] : [];
  });
  const [first] = series;
  if (!first) return { noData: `the query gave no series in the last ${range.last / 1_000} s` };
  const one = oneValue(series, reduce);
  if ('error' in one) return one;
  const { value, labels, each } = one;
  const oldest = Math.min(...series.map(({ lastAt }) => lastAt));
  const staleMs = Math.max(0, Math.floor(now / 1_000) * 1_000 - oldest * 1_000);
  const points = series.length > 1 ? {} : { points: first.points.map(([at, text]) => ({ at: timeOf(at), value: asJson(numberOf(text)) })) };
  const probe = { result: { value, labels, at: timeOf(oldest), series: series.length, staleMs, each, ...points } };
  if (staleMs < 2 * range.step) return probe;
  return { ...probe, remark: `the last point is ${Math.round(staleMs / 1_000)} s old: a series has ended or its target does not answer` };
}

/** As Prometheus writes numbers: `+Inf` and `NaN` are none that JSON has, and `parseFloat` takes the first for NaN. */
function numberOf(text: string | undefined): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return text === undefined || text.trim() === '' ? NaN : Number(text);
}

function timeOf(seconds: number): string {
  const time = new Date(seconds * 1_000);
  return Number.isNaN(time.getTime()) ? '' : time.toISOString();
}
