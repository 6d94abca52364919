import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from '../executors/fields.js';

/** Provider `argoCdHealth`: health and sync of an Argo CD Application. */
export const argoCdHealthProviderSchema = z.strictObject({
  type: z.literal('argoCdHealth'),
  server: serverSchema,
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema.optional(),
  timeout: durationSchema.optional(),
});
export type ArgoCdHealthProviderConfig = z.output<typeof argoCdHealthProviderSchema>;
