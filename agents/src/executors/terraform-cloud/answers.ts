import { z } from 'zod';

/*
 * What we read of the vendor's answers (JSON:API), and no more. A field that is missing or of another type becomes what is said when nothing is
 * known; only an answer without the object that was asked for is none.
 */

const text = z.string().catch('');
const flag = z.boolean().catch(false);
const count = z.number().nullable().catch(null);
const refSchema = z.object({ data: z.object({ id: z.string(), type: z.string() }) });
const oneRef = refSchema.optional().catch(undefined);
const manyRefs = z.object({ data: z.array(z.unknown()) }).catch({ data: [] });

const resource = <A extends z.ZodType, R extends z.ZodType>(attributes: A, relationships: R) =>
  z.object({
    id: z.string().min(1),
    attributes: z.preprocess((value) => value ?? {}, attributes),
    relationships: z.preprocess((value) => value ?? {}, relationships),
  });

export const runSchema = resource(
  z.object({
    status: text,
    message: text,
    source: text,
    'created-at': text,
    'auto-apply': flag,
    'plan-only': flag,
    'is-destroy': flag,
    'has-changes': flag,
    'position-in-queue': count,
    'force-cancel-available-at': z.string().nullable().catch(null),
    actions: z
      .object({ 'is-cancelable': flag, 'is-confirmable': flag, 'is-discardable': flag, 'is-force-cancelable': flag })
      .catch({ 'is-cancelable': false, 'is-confirmable': false, 'is-discardable': false, 'is-force-cancelable': false }),
    // A permission that is not told is tried: the vendor answers when it is missing.
    permissions: z
      .object({
        'can-apply': z.boolean().catch(true),
        'can-cancel': z.boolean().catch(true),
        'can-discard': z.boolean().catch(true),
        'can-force-cancel': z.boolean().catch(true),
      })
      .catch({ 'can-apply': true, 'can-cancel': true, 'can-discard': true, 'can-force-cancel': true }),
  }),
  z.object({ plan: oneRef, apply: oneRef, 'cost-estimate': oneRef, workspace: oneRef, 'policy-checks': manyRefs }),
);
export type TerraformRun = z.output<typeof runSchema>;

export const workspaceSchema = resource(
  z.object({
    name: text,
    locked: flag,
    'locked-reason': z.string().nullable().catch(null),
    'execution-mode': text,
    description: z.string().nullable().catch(null),
    'terraform-version': text,
    'working-directory': z.string().nullable().catch(null),
    'vcs-repo': z
      .object({
        identifier: text,
        branch: z.string().nullable().catch(null),
        'oauth-token-id': z.string().nullable().catch(null),
        'github-app-installation-id': z.string().nullable().catch(null),
      })
      .nullable()
      .catch(null),
  }),
  z.object({
    'locked-by': oneRef,
    'latest-run': oneRef,
    'current-run': oneRef,
    'current-configuration-version': oneRef,
    'agent-pool': oneRef,
    project: oneRef,
  }),
);
export type TerraformWorkspace = z.output<typeof workspaceSchema>;

const phase = z.object({
  status: text,
  'has-changes': flag,
  'resource-additions': count,
  'resource-changes': count,
  'resource-destructions': count,
  'resource-imports': count,
  'log-read-url': z.string().nullable().catch(null),
});
/** A plan or an apply. */
export const phaseSchema = resource(phase, z.object({}));
export type TerraformPhase = z.output<typeof phaseSchema>;

export const costEstimateSchema = resource(
  z.object({
    status: text,
    'error-message': z.string().nullable().catch(null),
    'prior-monthly-cost': z.string().nullable().catch(null),
    'proposed-monthly-cost': z.string().nullable().catch(null),
    'delta-monthly-cost': z.string().nullable().catch(null),
  }),
  z.object({}),
);
export type CostEstimate = z.output<typeof costEstimateSchema>;

export const taskStageSchema = resource(z.object({ status: text, stage: text }), z.object({ 'policy-evaluations': manyRefs }));
export type TaskStage = z.output<typeof taskStageSchema>;

export const policyCheckSchema = resource(
  z.object({
    status: text,
    scope: text,
    result: z
      .object({ passed: count, 'hard-failed': count, 'soft-failed': count, 'advisory-failed': count })
      .catch({ passed: null, 'hard-failed': null, 'soft-failed': null, 'advisory-failed': null }),
  }),
  z.object({}),
);
export type PolicyCheck = z.output<typeof policyCheckSchema>;

export const policyEvaluationSchema = resource(
  z.object({
    status: text,
    'policy-kind': text,
    'result-count': z
      .object({ passed: count, 'mandatory-failed': count, 'advisory-failed': count, errored: count })
      .catch({ passed: null, 'mandatory-failed': null, 'advisory-failed': null, errored: null }),
  }),
  z.object({}),
);

export const variableSchema = resource(
  z.object({
    key: text,
    category: text,
    value: z.string().nullable().catch(null),
    sensitive: flag,
    hcl: flag,
    description: z.string().nullable().catch(null),
    'version-id': text,
  }),
  z.object({}),
);
export type WorkspaceVariable = z.output<typeof variableSchema>;

export const configurationVersionSchema = resource(
  z.object({ status: text, 'error-message': z.string().nullable().catch(null), 'upload-url': z.string().nullable().catch(null) }),
  z.object({}),
);

export const stateVersionSchema = resource(z.object({}), z.object({ run: oneRef }));

export const stateOutputSchema = resource(
  z.object({ name: text, sensitive: z.boolean().catch(true), value: z.json().optional().catch(undefined) }),
  z.object({}),
);

export const projectSchema = resource(z.object({ name: text }), z.object({}));

/** Who holds a lock: a user, a team or a run. */
export const holderSchema = resource(z.object({ username: text, name: text }), z.object({}));

const documentSchema = z.object({ data: z.unknown(), included: z.array(z.unknown()).catch([]) });

/** The one object that was asked for; undefined when the answer has none. */
export function dataOf<S extends z.ZodType>(schema: S, json: unknown): z.output<S> | undefined {
  const document = documentSchema.safeParse(json);
  return document.success ? schema.safeParse(document.data.data).data : undefined;
}

/** The objects of a list; what can't be read is left out. Undefined when the answer is no list. */
export function listOf<S extends z.ZodType>(schema: S, json: unknown): z.output<S>[] | undefined {
  const document = documentSchema.safeParse(json);
  if (!document.success || !Array.isArray(document.data.data)) return undefined;
  return document.data.data.map((item) => schema.safeParse(item).data).filter((item) => item !== undefined);
}

/** The objects of this type that came along with the one asked for. */
export function includedOf<S extends z.ZodType>(schema: S, type: string, json: unknown): z.output<S>[] {
  const document = documentSchema.safeParse(json);
  if (!document.success) return [];
  return document.data.included
    .filter((item) => typeof item === 'object' && item !== null && (item as { type?: unknown }).type === type)
    .map((item) => schema.safeParse(item).data)
    .filter((item) => item !== undefined);
}
