import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { argoCdApplicationSchema } from '../executors/argo-cd.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from '../executors/fields.js';

/** Provider `argoCdHealth`: `result` is `{ health, sync, revision, revisions, operation, reconciledAt, images, conditions }` of an Application. */
export const argoCdHealthProviderSchema = z.strictObject({
  type: z.literal('argoCdHealth'),
  server: serverSchema,
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema,
  application: argoCdApplicationSchema,
  /** For one measurement; 10 s by default. */
  timeout: durationSchema.optional(),
});
export type ArgoCdHealthProviderConfig = z.output<typeof argoCdHealthProviderSchema>;
