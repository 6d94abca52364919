import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from '../executors/fields.js';
import { plainHeadersSchema, reducerSchema, secretHeadersSchema, timeReducerSchema } from './fields.js';

/** What Prometheus gives at most, for each series. */
const POINTS_MAX = 11_000;

const rangeSchema = z
  .strictObject({
    /** The window, up to now. */
    last: durationSchema,
    /** One point every so often. */
    step: durationSchema,
    /** How the points of one series become its value. */
    reduce: timeReducerSchema,
  })
  .superRefine(({ last, step }, context) => {
    if (step < 1_000) context.addIssue({ code: 'custom', path: ['step'], message: 'is too short; write at least 1s' });
    else if (last < step) context.addIssue({ code: 'custom', path: ['last'], message: 'is shorter than step; write a longer one' });
    else if (last / step > POINTS_MAX)
      context.addIssue({
        code: 'custom',
        path: ['step'],
        message: `gives ${Math.floor(last / step)} points and Prometheus gives ${POINTS_MAX} at most; write a longer one`,
      });
  });

/** Provider `prometheus`: `result` is `{ value, labels, at, series }` and more, as docs/providers/prometheus.md says. */
export const prometheusProviderSchema = z
  .strictObject({
    type: z.literal('prometheus'),
    /** With the path before `/api/v1`, where there is one. */
    server: serverSchema,
    query: z.string().min(1, 'is empty; write a PromQL expression').max(8_000),
    /** The query over a window; without it, its value now. */
    range: rangeSchema.optional(),
    /** How the values of several series become one; without it several are an error. */
    reduce: reducerSchema.optional(),
    headers: plainHeadersSchema.optional(),
    secretHeaders: secretHeadersSchema.optional(),
    /** Sent as a bearer token. */
    token: secretReferenceSchema.optional(),
    basic: z.strictObject({ username: z.string().min(1), password: secretReferenceSchema }).optional(),
    /** Take an answer that the server says is incomplete (Thanos, Mimir); without it such an answer is an error. */
    allowPartial: z.boolean().optional(),
    timeout: durationSchema.optional(),
    caFile: caFileSchema.optional(),
  })
  .refine(({ token, basic }) => !token || !basic, { path: ['basic'], message: 'and token are both there; write one of them' });
export type PrometheusProviderConfig = z.output<typeof prometheusProviderSchema>;
