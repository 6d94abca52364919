import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from '../executors/fields.js';

/** Provider `terraformCloudRun`: the last run of a workspace. */
export const terraformCloudRunProviderSchema = z.strictObject({
  type: z.literal('terraformCloudRun'),
  server: serverSchema,
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema.optional(),
  timeout: durationSchema.optional(),
});
export type TerraformCloudRunProviderConfig = z.output<typeof terraformCloudRunProviderSchema>;
