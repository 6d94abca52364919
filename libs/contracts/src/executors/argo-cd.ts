import { z } from 'zod';
import { caFileSchema, secretReferenceSchema, serverSchema } from './fields.js';

/** Executor `argo-cd`: creates or updates an Application and syncs the wanted revision. */
export const argoCdExecutorSchema = z.strictObject({
  type: z.literal('argo-cd'),
  server: serverSchema,
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema,
});
export type ArgoCdConfig = z.output<typeof argoCdExecutorSchema>;
