import { z } from 'zod';
import { caFileSchema, secretReferenceSchema, serverSchema } from './fields.js';

/** Executor `terraform-cloud`: a run of a workspace in HCP Terraform or Terraform Enterprise. */
export const terraformCloudExecutorSchema = z.strictObject({
  type: z.literal('terraform-cloud'),
  server: serverSchema.optional(),
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema,
});
export type TerraformCloudConfig = z.output<typeof terraformCloudExecutorSchema>;
