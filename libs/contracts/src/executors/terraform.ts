import { z } from 'zod';

/** Executor `terraform`: the local Terraform or OpenTofu CLI. */
export const terraformExecutorSchema = z.strictObject({
  type: z.literal('terraform'),
});
export type TerraformConfig = z.output<typeof terraformExecutorSchema>;
