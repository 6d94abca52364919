import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from '../executors/fields.js';

/** Provider `datadog`: a metric query. */
export const datadogProviderSchema = z.strictObject({
  type: z.literal('datadog'),
  server: serverSchema,
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema.optional(),
  timeout: durationSchema.optional(),
});
export type DatadogProviderConfig = z.output<typeof datadogProviderSchema>;
