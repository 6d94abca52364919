import type { DatadogProviderConfig } from '@slipway/contracts';
import { z } from 'zod';
import { describePage, jsonOf, type Answer } from './one-request.js';
import type { Probe } from './provider.js';
import { oneValue, reduceNumbers, type Series } from './series.js';

/** The window that was asked for, in milliseconds. */
export interface Window {
  from: number;
  to: number;
}

const timeseriesSchema = z.object({
  status: z.string().optional(),
  error: z.string().nullish(),
  series: z
    .array(
      z.object({
        metric: z.string().nullish(),
        scope: z.string().nullish(),
        tag_set: z.array(z.string()).nullish(),
        pointlist: z.array(z.tuple([z.number(), z.number().nullable()])),
      }),
    )
    .nullish(),
});

const numberColumnSchema = z.object({ name: z.string(), type: z.literal('number'), values: z.array(z.number().nullable()) });
const groupColumnSchema = z.object({ name: z.string(), type: z.literal('group'), values: z.array(z.array(z.string())) });
const scalarSchema = z.object({
  data: z.object({
    attributes: z.object({ columns: z.array(z.union([numberColumnSchema, groupColumnSchema])) }),
  }),
});

const failureSchema = z.object({
  errors: z.array(z.union([z.string(), z.object({ title: z.string().optional(), detail: z.string().optional() })])).optional(),
  error: z.string().optional(),
});

/** What the answer to a query of time series means. Never throws, whatever the answer is. */
export function readTimeseries(answer: Answer, config: DatadogProviderConfig, within: Window): Probe {
  const parsed = timeseriesSchema.safeParse(jsonOf(answer));
  if (answer.status !== 200 || !parsed.success) return { error: failureOfDatadog(answer, config) };
  // A query that can't be carried out is answered with 200 too.
  if (parsed.data.status === 'error' || parsed.data.error)
    return { error: `Datadog could not carry out the query: ${parsed.data.error ?? 'it does not say why'}` };
  const { reduce = 'last' } = config.window;
  const groups = (parsed.data.series ?? []).map(({ tag_set: tags, scope, pointlist }) => {
    const numbers = pointlist.flatMap(([, value]) => (value === null ? [] : [value]));
    return { labels: labelsOf(tags ?? (scope ?? '').split(',')), value: numbers.length === 0 ? undefined : reduceNumbers(reduce, numbers) };
  });
  return judge(groups, config, within);
}

/** What the answer to a query of single values means. */
export function readScalar(answer: Answer, config: DatadogProviderConfig, within: Window): Probe {
  const parsed = scalarSchema.safeParse(jsonOf(answer));
  if (answer.status !== 200 || !parsed.success) return { error: failureOfDatadog(answer, config) };
  const { columns } = parsed.data.data.attributes;
  const numbers = columns.filter((column) => column.type === 'number');
  const tags = columns.filter((column) => column.type === 'group');
  const [value, second] = numbers;
  if (second) return { error: `Datadog answers with ${numbers.length} columns of numbers; one formula gives one` };
  const groups = (value?.values ?? []).map((number, row) => ({
    labels: Object.fromEntries(tags.map(({ name, values }) => [name, (values[row] ?? []).join(',')])),
    value: number ?? undefined,
  }));
  return judge(groups, config, within);
}

type Group = Omit<Series, 'value'> & { value: number | undefined };

function judge(groups: readonly Group[], { reduce }: DatadogProviderConfig, { from, to }: Window): Probe {
  const having = groups.filter((group): group is Series => group.value !== undefined);
  const between = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
  if (groups.length === 0) return { noData: `the query gave nothing for ${between}` };
  if (having.length === 0)
    return { noData: `the query gave ${groups.length === 1 ? 'one group' : `${groups.length} groups`} without a value for ${between}` };
  // A group whose value is missing still is one: leaving it out without a word would choose one of several.
  const one = groups.length > 1 && reduce === undefined ? oneValue(named(groups), undefined) : oneValue(having, reduce);
  if ('error' in one) return one;
  const { value, labels, each } = one;
  const times = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  const withoutData = groups.length - having.length;
  const result = { value, labels, ...times, series: groups.length, withoutData, each };
  return withoutData === 0 ? { result } : { result, remark: `${withoutData} of ${groups.length} groups without a value` };
}

const named = (groups: readonly Group[]): Series[] => groups.map(({ labels, value }) => ({ labels, value: value ?? NaN }));

/** `host:a` → `{ host: 'a' }`; the scope of everything, `*`, names no group. */
function labelsOf(tags: readonly string[]): Record<string, string> {
  const pairs = tags.filter((tag) => tag !== '' && tag !== '*').map((tag) => [tag.split(':')[0] ?? '', tag.slice(tag.indexOf(':') + 1)]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

function failureOfDatadog(answer: Answer, { site }: DatadogProviderConfig): string {
  const parsed = failureSchema.safeParse(jsonOf(answer));
  const told = parsed.success ? [...(parsed.data.errors ?? []).map(textOf), parsed.data.error ?? ''].filter(Boolean).join('; ') : '';
  if (answer.status === 401 || answer.status === 403) {
    const because = told === '' ? '' : ` (${told})`;
    return `Datadog refuses the keys, ${answer.status}${because}: both must be of ${new URL(site).host}, and the application key needs the permission timeseries_query`;
  }
  return told === '' ? `no answer of Datadog but ${describePage(answer)}` : `Datadog answers ${answer.status}: ${told}`;
}

const textOf = (failure: string | { title?: string | undefined; detail?: string | undefined }): string =>
  typeof failure === 'string' ? failure : [failure.title, failure.detail].filter(Boolean).join(': ');
