import { z } from 'zod';
import { caFileSchema, secretReferenceSchema, serverSchema } from './fields.js';

/** Executor `github-actions`: dispatches a workflow and follows its run. */
export const githubActionsExecutorSchema = z.strictObject({
  type: z.literal('github-actions'),
  /** `owner/name`. */
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'is not a repository; write owner/name'),
  /** The workflow's file name or number. */
  workflow: z.string().min(1),
  server: serverSchema.optional(),
  caFile: caFileSchema.optional(),
  token: secretReferenceSchema.optional(),
});
export type GithubActionsConfig = z.output<typeof githubActionsExecutorSchema>;
