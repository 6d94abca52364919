import { z } from 'zod';
import { didYouMean } from '../documents/suggest.js';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema } from '../executors/fields.js';
import { reducerSchema, timeReducerSchema } from './fields.js';

const DATADOG_SITES = [
  ...['datadoghq.com', 'us3.datadoghq.com', 'us5.datadoghq.com', 'datadoghq.eu'],
  ...['ap1.datadoghq.com', 'ap2.datadoghq.com', 'ddog-gov.com', 'us2.ddog-gov.com'],
] as const;

/** A site of Datadog, or the whole address of its API; becomes that address. */
const siteSchema = z
  .string()
  .superRefine((site, context) => {
    if (/^https?:\/\/\S+$/.test(site) || DATADOG_SITES.some((known) => known === site)) return;
    const message = `is no site of Datadog${didYouMean(site, DATADOG_SITES)}; write one of ${DATADOG_SITES.join(', ')}, or the address of the API`;
    context.addIssue({ code: 'custom', message });
  })
  .transform((site) => (site.includes('://') ? site.replace(/\/+$/, '') : `https://api.${site}`));

const aggregatorSchema = z.enum(
  ['avg', 'min', 'max', 'sum', 'last', 'percentile', 'mean', 'l2norm', 'area'],
  'says how the window becomes one value; write avg, min, max, sum, last, percentile, mean, l2norm or area (sum for counts, with .as_count())',
);

const windowSchema = z.strictObject({
  last: durationSchema.refine((ms) => ms >= 1_000, 'is too short; write at least 1s'),
  /** How far before now the window ends: what Datadog has not taken in yet is left out. */
  delay: durationSchema.optional(),
  /** Of `query`: how the points of one series become its value. */
  reduce: timeReducerSchema.optional(),
});

/** Provider `datadog`: `result` is `{ value, labels, from, to, series, withoutData }`, as docs/providers/datadog.md says. */
export const datadogProviderSchema = z
  .strictObject({
    type: z.literal('datadog'),
    site: siteSchema,
    apiKey: secretReferenceSchema,
    applicationKey: secretReferenceSchema,
    window: windowSchema,
    /** One query of time series (API v1). */
    query: z.string().min(1).max(8_000).optional(),
    /** Queries by name, each one value (API v2). */
    queries: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_]*$/i, 'is not a name of a query; write one like errors'),
        z.strictObject({ query: z.string().min(1).max(8_000), aggregator: aggregatorSchema }),
      )
      .refine((queries) => Object.keys(queries).length > 0, 'is empty; write at least one query')
      .optional(),
    /** Over the names of `queries`; needed where there are several. */
    formula: z.string().min(1).max(2_000).optional(),
    /** How the values of several groups become one; without it several are an error. */
    reduce: reducerSchema.optional(),
    timeout: durationSchema.optional(),
    caFile: caFileSchema.optional(),
  })
  .superRefine(({ query, queries, formula, window }, context) => {
    const complain = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    if ((query === undefined) === (queries === undefined))
      return complain(['query'], 'or queries: write one of them, query for a time series, queries for single values');
    if (query !== undefined && window.reduce === undefined)
      complain(
        ['window', 'reduce'],
        'is missing; say how the points of the window become one value: max, min, avg, sum, count, first or last',
      );
    if (query !== undefined && formula !== undefined) complain(['formula'], 'belongs to queries; write the formula in the query');
    if (queries !== undefined && window.reduce !== undefined)
      complain(['window', 'reduce'], 'belongs to query; each of queries has an aggregator');
    if (queries !== undefined && Object.keys(queries).length > 1 && formula === undefined)
      complain(['formula'], `is missing; say what is made of ${Object.keys(queries).join(' and ')}`);
  });
export type DatadogProviderConfig = z.output<typeof datadogProviderSchema>;
