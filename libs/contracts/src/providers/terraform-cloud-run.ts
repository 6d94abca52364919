import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from '../executors/fields.js';

/**
 * Provider `terraformCloudRun`: a run of a workspace in HCP Terraform or Terraform Enterprise. `result` is `{ id, status, group, hasChanges,
 * additions, changes, destructions, imports, isDestroy, planOnly, autoApply, message, source, createdAt }`.
 */
export const terraformCloudRunProviderSchema = z.strictObject({
  type: z.literal('terraformCloudRun'),
  server: serverSchema.optional(),
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema,
  organization: z.string().min(1),
  workspace: z.string().min(1),
  /** `current` (by default): the run that the workspace shows as its current one. `applied`: the one that made its current state. */
  run: z.enum(['current', 'applied'], 'is current (the run that the workspace shows) or applied (the one that made its state)').optional(),
  timeout: durationSchema.optional(),
});
export type TerraformCloudRunProviderConfig = z.output<typeof terraformCloudRunProviderSchema>;
