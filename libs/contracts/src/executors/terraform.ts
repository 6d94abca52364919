import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { jsonSchema } from '../reports.js';
import { environmentSchema, secretReferenceSchema } from './fields.js';

/** The executor sets these itself; set from outside they would change what is planned without anybody seeing it. */
const RESERVED_VARIABLE = /^TF_(WORKSPACE|DATA_DIR|INPUT|IN_AUTOMATION|CLI_ARGS(_.*)?)$/;
const unreserved = (name: string): boolean => !RESERVED_VARIABLE.test(name);
const RESERVED =
  'sets a variable that is the executor’s own; write workspace, parallelism, targets and the like in their fields instead of TF_WORKSPACE, TF_DATA_DIR, TF_INPUT, TF_IN_AUTOMATION or TF_CLI_ARGS';

const VARIABLE_NAME = /^[\p{L}_][\p{L}\p{N}_-]*$/u;

/** Executor `terraform`: init, plan and apply with the local Terraform or OpenTofu CLI. */
export const terraformExecutorSchema = z
  .strictObject({
    type: z.literal('terraform'),
    /** Name on the agent's PATH or path of the CLI; `terraform`, else `tofu`, by default. */
    program: z.string().min(1).optional(),
    /** The root module's directory on the agent's machine. Terraform runs in it; a local state stays there. */
    directory: z.string().min(1).optional(),
    /** Or the address of a root module, as `terraform init -from-module` takes it; copied for each job. Wants a backend that is not in the copy. */
    module: z.string().min(1).optional(),
    /** Input variables; of any type, but never secrets (those come as TF_VAR_name in `secrets`). */
    variables: z
      .record(z.string(), jsonSchema)
      .refine(
        (variables) => Object.keys(variables).every((name) => VARIABLE_NAME.test(name)),
        'has a name that no input variable of Terraform can have; write names like region or instance_count',
      )
      .optional(),
    /** Files with input variables, relative to the directory; `variables` win. */
    variableFiles: z.array(z.string().min(1)).max(50).optional(),
    env: environmentSchema.refine((env) => Object.keys(env).every(unreserved), RESERVED).optional(),
    /** Environment variable → reference to a secret; resolved on the agent, masked in the log. `TF_VAR_name` sets an input variable. */
    secrets: z
      .record(z.string(), secretReferenceSchema)
      .refine((secrets) => Object.keys(secrets).every(unreserved), RESERVED)
      .optional(),
    /** Settings of the backend that the module declares without them (`-backend-config`). */
    backend: z.record(z.string(), jsonSchema).optional(),
    /** The workspace, which must exist; `default` by default. */
    workspace: z
      .string()
      .regex(/^[\w.~][\w.~-]*$/, 'is not a name of a workspace; write letters, digits, - _ . ~, and no - first')
      .optional(),
    /** Make the workspace when it does not exist. */
    createWorkspace: z.boolean().optional(),
    /** Addresses of the resources to look at; everything by default. */
    targets: z.array(z.string().min(1)).min(1).max(200).optional(),
    /** Operations at once; Terraform's own default is 10. */
    parallelism: z.int().min(1).max(256).optional(),
    /** How long to wait for a state that somebody else has locked; as long as the run may take by default. In milliseconds once parsed. */
    lockTimeout: durationSchema.optional(),
    /** When a person must confirm the plan before it is applied; `never` by default. */
    approve: z.enum(['never', 'onDestroy', 'always'], 'is none of never, onDestroy, always').optional(),
    /** Destroy everything that the module describes, instead of making it. */
    destroy: z.boolean().optional(),
  })
  .refine(({ directory, module }) => (directory === undefined) !== (module === undefined), {
    path: ['directory'],
    message: 'and module are the two places a root module can come from; write exactly one of them',
  });
export type TerraformConfig = z.output<typeof terraformExecutorSchema>;
