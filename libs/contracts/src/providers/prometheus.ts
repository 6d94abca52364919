import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from '../executors/fields.js';

/** Provider `prometheus`: a query, instant or over a range. */
export const prometheusProviderSchema = z.strictObject({
  type: z.literal('prometheus'),
  server: serverSchema,
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema.optional(),
  timeout: durationSchema.optional(),
});
export type PrometheusProviderConfig = z.output<typeof prometheusProviderSchema>;
