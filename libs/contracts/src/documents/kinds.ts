import {
  hasType,
  holdsTemplate,
  notOfType,
  type DeploymentDoc,
  type EnvironmentDoc,
  type ExecutorSpec,
  type Json,
  type JsonObject,
  type MetricSpec,
  type PolicyDoc,
  type ResourceDoc,
  type SystemDoc,
  type VariableDeclaration,
  type VariableSetDoc,
} from '@slipway/core';
import { z } from 'zod';
import { identifierSchema } from '../names.js';
import {
  celField,
  descriptionField,
  executorField,
  jsonField,
  jsonObjectField,
  nameField,
  stateField,
  stringMapField,
  templateField,
} from './fields.js';
import { metricDocumentSchema, metricUseSchema, type MetricUse } from './metric.js';
import { retrySchema, ruleSchema, timeoutsSchema, type WrittenRule } from './rules.js';

/*
 * The kinds of document. Each schema reads the YAML form and gives the core document; deployments and policies come out as "written":
 * their metrics still name templates, which `resolveDeployment` and `resolvePolicy` fill in when all documents are known.
 */

export type WrittenDeployment = Omit<DeploymentDoc, 'verification' | 'variableSets'> & { verification: MetricUse[] };
export type WrittenPolicy = Omit<PolicyDoc, 'rules'> & { rules: WrittenRule[] };

const RULES_MAX = 100;
const RESOURCES_MAX = 50_000;
/** Values of one variable by selector; with more of them a variable set says it better. */
const VALUES_MAX = 100;

const defined = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;

const systemSchema = z
  .strictObject({ kind: z.literal('System'), state: stateField, name: nameField, description: descriptionField })
  .transform(({ name, description }): SystemDoc => defined({ name, description }));

const environmentSchema = z
  .strictObject({
    kind: z.literal('Environment'),
    state: stateField,
    name: nameField,
    system: nameField,
    description: descriptionField,
    resources: celField,
    metadata: stringMapField.optional(),
  })
  .transform(({ name, system, description, resources, metadata }): EnvironmentDoc =>
    defined({ name, system, description, resources, metadata: metadata ?? {} }),
  );

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'is not a name for a variable; write letters, digits and _, like logLevel');

const priorityField = z.int().min(-1_000).max(1_000).optional();

/** Complains where a value is not of its type; what holds a template is known only at the target. */
function checkType(value: Json | undefined, type: VariableDeclaration['type'], path: (string | number)[], context: z.RefinementCtx): void {
  if (value === undefined || value === null || holdsTemplate(value) || hasType(value, type)) return;
  context.addIssue({ code: 'custom', path, message: `${notOfType(value, type)}, which type: ${type} wants` });
}

const variableSchema = z
  .strictObject({
    type: z.enum(['string', 'integer', 'number', 'boolean', 'object', 'list', 'secret']),
    default: jsonField.optional(),
    required: z.boolean().optional(),
    values: z
      .array(z.strictObject({ selector: celField, value: jsonField, priority: priorityField }))
      .max(VALUES_MAX)
      .optional(),
  })
  .superRefine(({ type, default: fallback, values }, context) => {
    checkType(fallback as Json | undefined, type, ['default'], context);
    values?.forEach(({ value }, at) => checkType(value as Json, type, ['values', at, 'value'], context));
  })
  .transform(({ type, default: fallback, required, values }): VariableDeclaration =>
    defined({
      type,
      default: fallback as Json | undefined,
      required,
      values: values?.map(({ selector, value, priority }) => ({ selector, value: value as Json, priority: priority ?? 0 })),
    }),
  );

const variablesField = z.record(variableName, jsonField);

/** `kind: VariableSet`: values that deployments share, for the targets that the selector picks. */
const variableSetSchema = z
  .strictObject({
    kind: z.literal('VariableSet'),
    state: stateField,
    name: nameField,
    description: descriptionField,
    selector: celField,
    priority: priorityField,
    variables: variablesField,
  })
  .transform(({ name, description, selector, priority, variables }): VariableSetDoc =>
    defined({ name, description, selector, priority: priority ?? 0, variables: variables as Record<string, Json> }),
  );

const deploymentSchema = z
  .strictObject({
    kind: z.literal('Deployment'),
    state: stateField,
    name: nameField,
    system: nameField,
    description: descriptionField,
    resources: celField,
    pool: templateField,
    executor: executorField,
    variables: z.record(variableName, variableSchema).optional(),
    verification: z.array(metricUseSchema).max(50).optional(),
    retry: retrySchema.optional(),
    timeouts: timeoutsSchema.optional(),
    metadata: stringMapField.optional(),
  })
  .transform(({ kind: _kind, state: _state, executor, ...written }): WrittenDeployment =>
    defined({
      ...written,
      executor: executor as ExecutorSpec,
      variables: written.variables ?? {},
      verification: written.verification ?? [],
      metadata: written.metadata ?? {},
    }),
  );

const resourceFields = {
  identifier: identifierSchema,
  name: z.string().min(1).max(200).optional(),
  /** The resource's own kind, what selectors see as `resource.kind`; `kind` is taken by the document. */
  type: z.string().min(1).max(100),
  version: z.string().min(1).max(100).optional(),
  metadata: stringMapField.optional(),
  config: jsonObjectField.optional(),
  variables: variablesField.optional(),
  /** Name → identifier of another resource, which templates see as `relations.<name>`. */
  relations: z.record(variableName, identifierSchema).optional(),
  provider: z.string().max(100).optional(),
};

type WrittenResource = { [K in keyof typeof resourceFields]?: z.output<(typeof resourceFields)[K]> } & { identifier: string; type: string };

const toResource = ({ identifier, name, type, version, metadata, config, variables, relations, provider }: WrittenResource): ResourceDoc =>
  defined({
    identifier,
    name: name ?? identifier,
    kind: type,
    version: version ?? '1',
    metadata: metadata ?? {},
    config: (config ?? {}) as JsonObject,
    variables: (variables ?? {}) as Record<string, Json>,
    relations: relations ?? {},
    provider,
  });

const resourceSchema = z.strictObject({ kind: z.literal('Resource'), state: stateField, ...resourceFields }).transform(toResource);

/** Many resources in one document; each becomes a document of its own. */
const resourcesSchema = z
  .strictObject({ kind: z.literal('Resources'), items: z.array(z.strictObject(resourceFields)).min(1).max(RESOURCES_MAX) })
  .transform(({ items }): ResourceDoc[] => items.map(toResource));

const policySchema = z
  .strictObject({
    kind: z.literal('Policy'),
    state: stateField,
    name: nameField,
    description: descriptionField,
    selector: celField,
    enabled: z.boolean().optional(),
    shadow: z.boolean().optional(),
    priority: priorityField,
    rules: z.array(ruleSchema).min(1).max(RULES_MAX),
  })
  .transform(({ name, description, selector, enabled, shadow, priority, rules }): WrittenPolicy =>
    // `false` is the same as nothing: a policy written before there were shadows is unchanged.
    defined({ name, description, selector, enabled: enabled ?? true, shadow: shadow || undefined, priority: priority ?? 0, rules }),
  );

/** Schemas by document kind. */
export const documentSchemas = {
  System: systemSchema,
  Environment: environmentSchema,
  Deployment: deploymentSchema,
  Resource: resourceSchema,
  Resources: resourcesSchema,
  Policy: policySchema,
  Metric: metricDocumentSchema,
  VariableSet: variableSetSchema,
} as const;
export type DocumentKind = keyof typeof documentSchemas;

/** What `state: absent` needs: who is meant. The other fields may stay in the file. */
export const absentSchema = z.looseObject({ kind: z.string(), state: z.literal('absent'), name: nameField });
export const absentResourceSchema = z.looseObject({ kind: z.string(), state: z.literal('absent'), identifier: identifierSchema });

/** A document that was read and stands alone; references to others are not checked yet. `null` means it shall be absent. */
export type WrittenDocument =
  | { kind: 'system'; name: string; doc: SystemDoc | null }
  | { kind: 'environment'; name: string; doc: EnvironmentDoc | null }
  | { kind: 'deployment'; name: string; doc: WrittenDeployment | null }
  | { kind: 'resource'; name: string; doc: ResourceDoc | null }
  | { kind: 'policy'; name: string; doc: WrittenPolicy | null }
  | { kind: 'metric'; name: string; doc: MetricSpec | null }
  | { kind: 'variableSet'; name: string; doc: VariableSetDoc | null };

/** The kinds of document in the inventory, as tables and subjects name them; what others name comes before them. */
export type InventoryKind = WrittenDocument['kind'];
export const INVENTORY_KINDS: readonly InventoryKind[] = [
  'system',
  'metric',
  'variableSet',
  'environment',
  'deployment',
  'resource',
  'policy',
];

/** `VariableSet` → `variableSet`. */
export const inventoryKindOf = (kind: DocumentKind): InventoryKind => (kind.charAt(0).toLowerCase() + kind.slice(1)) as InventoryKind;
