import type {
  DeploymentDoc,
  EnvironmentDoc,
  ExecutorSpec,
  Json,
  JsonObject,
  MetricSpec,
  PolicyDoc,
  ResourceDoc,
  SystemDoc,
  VariableDeclaration,
} from '@slipway/core';
import { z } from 'zod';
import { identifierSchema } from '../names.js';
import {
  celField,
  descriptionField,
  jsonField,
  jsonObjectField,
  nameField,
  stateField,
  stringMapField,
  templateField,
  typedConfigField,
} from './fields.js';
import { metricDocumentSchema, metricUseSchema, type MetricUse } from './metric.js';
import { retrySchema, ruleSchema, timeoutsSchema, type WrittenRule } from './rules.js';

/*
 * The kinds of document. Each schema reads the YAML form and gives the core document; deployments and policies come out as "written":
 * their metrics still name templates, which `resolveDeployment` and `resolvePolicy` fill in when all documents are known.
 */

export type WrittenDeployment = Omit<DeploymentDoc, 'verification'> & { verification: MetricUse[] };
export type WrittenPolicy = Omit<PolicyDoc, 'rules'> & { rules: WrittenRule[] };

const RULES_MAX = 100;
const RESOURCES_MAX = 50_000;

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

const VARIABLE_TYPES = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  list: 'a list',
};

function isOfType(type: VariableDeclaration['type'], value: Json): boolean {
  if (type === 'list') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

const variableSchema = z
  .strictObject({
    type: z.enum(['string', 'integer', 'number', 'boolean', 'object', 'list']),
    default: jsonField.optional(),
    required: z.boolean().optional(),
  })
  .superRefine((variable, context) => {
    if (variable.default === undefined || isOfType(variable.type, variable.default as Json)) return;
    context.addIssue({
      code: 'custom',
      path: ['default'],
      message: `${JSON.stringify(variable.default)} is not ${VARIABLE_TYPES[variable.type]}, which type: ${variable.type} wants`,
    });
  });

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'is not a name for a variable; write letters, digits and _, like logLevel');

const deploymentSchema = z
  .strictObject({
    kind: z.literal('Deployment'),
    state: stateField,
    name: nameField,
    system: nameField,
    description: descriptionField,
    resources: celField,
    pool: templateField,
    executor: typedConfigField,
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
      variables: (written.variables ?? {}) as Record<string, VariableDeclaration>,
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
  variables: z.record(variableName, jsonField).optional(),
  provider: z.string().max(100).optional(),
};

type WrittenResource = { [K in keyof typeof resourceFields]?: z.output<(typeof resourceFields)[K]> } & { identifier: string; type: string };

const toResource = ({ identifier, name, type, version, metadata, config, variables, provider }: WrittenResource): ResourceDoc =>
  defined({
    identifier,
    name: name ?? identifier,
    kind: type,
    version: version ?? '1',
    metadata: metadata ?? {},
    config: (config ?? {}) as JsonObject,
    variables: (variables ?? {}) as Record<string, Json>,
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
    priority: z.int().min(-1_000).max(1_000).optional(),
    rules: z.array(ruleSchema).min(1).max(RULES_MAX),
  })
  .transform(({ name, description, selector, enabled, priority, rules }): WrittenPolicy =>
    defined({ name, description, selector, enabled: enabled ?? true, priority: priority ?? 0, rules }),
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
  | { kind: 'metric'; name: string; doc: MetricSpec | null };

/** The kinds of document in the inventory, as tables and subjects name them; what others name comes before them. */
export type InventoryKind = WrittenDocument['kind'];
export const INVENTORY_KINDS: readonly InventoryKind[] = ['system', 'metric', 'environment', 'deployment', 'resource', 'policy'];
