import { z } from 'zod';
import { caFileSchema, secretReferenceSchema, serverSchema } from './fields.js';

/** HCP Terraform; another server is Terraform Enterprise, or HCP Terraform of another region. */
export const TERRAFORM_CLOUD_SERVER = 'https://app.terraform.io';

const nameSchema = z.string().regex(/^[A-Za-z0-9_-]{1,90}$/, 'is not a name there; it may have letters, digits, - and _, at most 90');

/** Where the workspace takes its configuration from; as the vendor's `vcs-repo`. */
const vcsRepoSchema = z
  .strictObject({
    /** `owner/name`. */
    identifier: z.string().min(1),
    /** The repository's default branch when it is not named. */
    branch: z.string().min(1).optional(),
    oauthTokenId: z.string().min(1).optional(),
    githubAppInstallationId: z.string().min(1).optional(),
  })
  .refine((repo) => (repo.oauthTokenId === undefined) !== (repo.githubAppInstallationId === undefined), {
    message: 'needs the connection to the repository: oauthTokenId or githubAppInstallationId, one of them',
  });

/** The workspace, and those of its settings that Slipway keeps as they stand here. What is not named is left as it is there. */
const workspaceSchema = z.strictObject({
  name: nameSchema,
  /** Create it when it is missing; otherwise a missing workspace rejects the job. */
  create: z.boolean().optional(),
  /** Name of the project it belongs to; it is moved there when it is elsewhere. */
  project: z.string().min(1).optional(),
  description: z.string().optional(),
  executionMode: z.enum(['remote', 'agent'], 'is remote or agent; runs of a local workspace are not run by the server').optional(),
  /** With `executionMode: agent`. */
  agentPoolId: z.string().min(1).optional(),
  terraformVersion: z.string().min(1).optional(),
  /** Directory of the configuration in which Terraform runs. */
  workingDirectory: z.string().optional(),
  vcsRepo: vcsRepoSchema.optional(),
});

/** A variable of the workspace, created or updated before the run. Variables that are not named here are not touched. */
const variableSchema = z
  .strictObject({
    key: z.string().min(1),
    category: z.enum(['terraform', 'env'], 'is terraform (an input variable) or env (an environment variable)'),
    value: z.string().optional(),
    /** Instead of `value`: kept there as a sensitive variable, which nobody can read back. */
    secret: secretReferenceSchema.optional(),
    /** The value is an expression of HCL, not a text. */
    hcl: z.boolean().optional(),
    description: z.string().optional(),
  })
  .refine((variable) => (variable.value === undefined) !== (variable.secret === undefined), {
    message: 'needs value (a text) or secret (a reference), one of them',
  });

/** What the run is made of, when it is not the workspace's own current configuration. */
const configurationSchema = z
  .strictObject({
    /** Directory on the agent that is uploaded for this run. */
    directory: z.string().min(1).optional(),
    /** A configuration version that is there already, as CI may have uploaded it: `cv-…`. */
    versionId: z.string().min(1).optional(),
  })
  .refine((from) => (from.directory === undefined) !== (from.versionId === undefined), {
    message: 'needs directory or versionId, one of them; without configuration the run takes the current one of the workspace',
  });

/** Executor `terraform-cloud`: a run of a workspace in HCP Terraform or Terraform Enterprise. */
export const terraformCloudExecutorSchema = z
  .strictObject({
    type: z.literal('terraform-cloud'),
    server: serverSchema.optional(),
    caFile: caFileSchema.optional(),
    /** A team's or user's token; an organization's cannot create runs. */
    token: secretReferenceSchema,
    organization: nameSchema,
    workspace: workspaceSchema,
    variables: z.array(variableSchema).max(200).optional(),
    /** Input variables of this run alone: they do not stay with the workspace. */
    runVariables: z.record(z.string().min(1), z.json()).optional(),
    configuration: configurationSchema.optional(),
    /** First words of the run's message there. */
    message: z.string().max(500).optional(),
    /** Apply without asking; the workspace's own setting when it is not said. */
    autoApply: z.boolean().optional(),
    /** Plan and apply nothing. */
    planOnly: z.boolean().optional(),
    /** Plan to destroy everything the workspace manages. */
    isDestroy: z.boolean().optional(),
  })
  .superRefine((config, context) => {
    const seen = new Set<string>();
    (config.variables ?? []).forEach(({ category, key }, at) => {
      if (seen.has(`${category} ${key}`)) {
        context.addIssue({ code: 'custom', path: ['variables', at, 'key'], message: `${key} stands here twice in category ${category}` });
      }
      seen.add(`${category} ${key}`);
    });
    if (config.planOnly && config.autoApply) {
      context.addIssue({ code: 'custom', path: ['autoApply'], message: 'has no meaning beside planOnly, which applies nothing' });
    }
  });
export type TerraformCloudConfig = z.output<typeof terraformCloudExecutorSchema>;
