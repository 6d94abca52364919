import { z } from 'zod';
import { caFileSchema, secretReferenceSchema, serverSchema } from './fields.js';

const GITHUB_SERVER = 'https://api.github.com';
/** What one dispatch takes, the run's id among it: GitHub's own limit, and that of the Enterprise Server's documents (3.17 to 3.19). */
const INPUTS_MAX = { cloud: 25, enterprise: 10 };
/** Of all inputs together, as JSON. */
const INPUTS_LENGTH_MAX = 65_535;
/** Room for the run's id among the inputs. */
const RUN_ID_LENGTH_MAX = 64;

/** What a workflow may call an input. */
const inputNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'is not a name of an input; write letters, digits, - and _, with a letter or _ first');

/** A GitHub App that acts for itself: better than a person's token, since it belongs to nobody and its tokens live for an hour. */
const appSchema = z.strictObject({
  /** Client id (`Iv23…`), or the number that GitHub calls App ID. */
  id: z.union([z.string().min(1), z.int().min(1)]).transform(String),
  /** Its private key in PEM. */
  privateKey: secretReferenceSchema,
  /** Number of the installation; found by the repository when it is not given. */
  installation: z.int().min(1).optional(),
});

/** Whether a server is GitHub's own (github.com and data residency) rather than an Enterprise Server. */
const isGithubCloud = (server: string): boolean => /^https:\/\/api\.(github\.com|[a-z0-9-]+\.ghe\.com)$/.test(server);

/** Executor `github-actions`: dispatches a workflow and follows its run. */
export const githubActionsExecutorSchema = z
  .strictObject({
    type: z.literal('github-actions'),
    /** `owner/name`. */
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'is not a repository; write owner/name'),
    /** The workflow's file name, or its number. It must be on the default branch and have the trigger `workflow_dispatch`. */
    workflow: z
      .union([z.string().regex(/^[\w.-]+$/, 'is not a workflow; write its file name, like deploy.yml, or its number'), z.int().min(1)])
      .transform(String),
    /** Branch or tag whose workflow file is used; GitHub takes no commit here. */
    ref: z.string().min(1, 'is empty; write a branch or a tag, like main'),
    /** Passed to the workflow. Numbers and booleans go as text, as GitHub wants them. */
    inputs: z.record(inputNameSchema, z.union([z.string(), z.number(), z.boolean()]).transform(String)).optional(),
    /** The input that gets the run's id. The workflow must have it, and its `run-name` must show it, so that any agent finds the run again. */
    jobInput: inputNameSchema.default('slipway_job'),
    /** What a run counts as that concluded `skipped` or `neutral`: nothing failed, and nothing was deployed. */
    onSkipped: z.enum(['failed', 'succeeded']).default('failed'),
    /** Base of the API: `https://ghe.example/api/v3` for an Enterprise Server, `https://api.<name>.ghe.com` with data residency. */
    server: serverSchema.default(GITHUB_SERVER),
    caFile: caFileSchema.optional(),
    /** A token that may read and write Actions of the repository; or `app`. */
    token: secretReferenceSchema.optional(),
    app: appSchema.optional(),
  })
  .superRefine((config, context) => {
    if ((config.token === undefined) === (config.app === undefined)) {
      const message =
        config.app === undefined
          ? 'is missing; write token: env:GITHUB_TOKEN, or app with id and privateKey'
          : 'stands beside app; write one of the two';
      context.addIssue({ code: 'custom', path: ['token'], message });
    }
    checkInputs(config, context);
  });
export type GithubActionsConfig = z.output<typeof githubActionsExecutorSchema>;

function checkInputs(
  { inputs = {}, jobInput, server }: { inputs?: Record<string, string> | undefined; jobInput: string; server: string },
  context: z.RefinementCtx,
): void {
  const complain = (message: string): void => context.addIssue({ code: 'custom', path: ['inputs'], message });
  if (jobInput in inputs) complain(`names ${jobInput}, which gets the run's id; give one of the two another name (jobInput)`);
  const max = isGithubCloud(server) ? INPUTS_MAX.cloud : INPUTS_MAX.enterprise;
  const count = Object.keys(inputs).length + 1;
  if (count > max) complain(`has ${count} inputs with ${jobInput}; ${server} takes ${max}`);
  const length = JSON.stringify({ ...inputs, [jobInput]: '' }).length + RUN_ID_LENGTH_MAX;
  if (length > INPUTS_LENGTH_MAX) complain(`is ${length} characters long as JSON with ${jobInput}; GitHub takes ${INPUTS_LENGTH_MAX}`);
}
