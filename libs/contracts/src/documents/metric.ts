import type { MetricSpec, ProviderSpec } from '@slipway/core';
import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { celField, descriptionField, nameField, providerField, stateField } from './fields.js';

/** Most measurements of one metric: bounds what one verification records. */
const COUNT_MAX = 1_000;
const INTERVAL_MS_DEFAULT = 10_000;
const ERROR_LIMIT_DEFAULT = 4;

const metricFields = {
  provider: providerField.optional(),
  interval: durationSchema.optional(),
  count: z.int().min(1).max(COUNT_MAX).optional(),
  initialDelay: durationSchema.optional(),
  successCondition: celField.optional(),
  failureCondition: celField.optional(),
  failureLimit: z.int().min(0).optional(),
  consecutiveSuccess: z.int().min(1).optional(),
  inconclusiveLimit: z.int().min(0).optional(),
  errorLimit: z.int().min(0).optional(),
  onNoData: z.enum(['inconclusive', 'failed', 'passed']).optional(),
  dryRun: z.boolean().optional(),
};

type MetricFields = { [K in keyof typeof metricFields]?: z.output<(typeof metricFields)[K]> };

/** A metric as a deployment or policy uses it: whole, or a named template with overrides. */
export interface MetricUse {
  /** Name of a Metric document whose fields stand where `fields` is silent. */
  template?: string;
  fields: Partial<MetricSpec>;
}

const toFields = (name: string | undefined, written: MetricFields): Partial<MetricSpec> => {
  const fields: Partial<MetricSpec> = {
    name,
    provider: written.provider as ProviderSpec | undefined,
    intervalMs: written.interval,
    count: written.count,
    initialDelayMs: written.initialDelay,
    successCondition: written.successCondition,
    failureCondition: written.failureCondition,
    failureLimit: written.failureLimit,
    consecutiveSuccess: written.consecutiveSuccess,
    inconclusiveLimit: written.inconclusiveLimit,
    errorLimit: written.errorLimit,
    onNoData: written.onNoData,
    dryRun: written.dryRun,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<MetricSpec>;
};

/** Fill in the defaults of SPEC section 6. A sleep without a condition passes when it has slept. */
export function completeMetric(fields: Partial<MetricSpec> & Pick<MetricSpec, 'name' | 'provider'>): MetricSpec {
  const conditional = fields.successCondition !== undefined || fields.failureCondition !== undefined;
  return {
    intervalMs: INTERVAL_MS_DEFAULT,
    count: 1,
    initialDelayMs: 0,
    failureLimit: 0,
    inconclusiveLimit: 0,
    errorLimit: ERROR_LIMIT_DEFAULT,
    onNoData: 'inconclusive',
    dryRun: false,
    ...(!conditional && fields.provider.type === 'sleep' ? { successCondition: 'true' } : {}),
    ...fields,
  };
}

/** The metric that a use means, or undefined when its template is not there. */
export function resolveMetricUse(use: MetricUse, templates: ReadonlyMap<string, MetricSpec>): MetricSpec | undefined {
  if (use.template === undefined) return use.fields as MetricSpec;
  const template = templates.get(use.template);
  if (template === undefined) return undefined;
  const { description: _, ...fields } = template;
  return { ...fields, ...use.fields };
}

const complains = (context: z.RefinementCtx, path: string[], message: string): never => {
  context.addIssue({ code: 'custom', path, message });
  return z.NEVER;
};

const CONDITION_WANTED = 'is missing, and so is failureCondition; write at least one of them, like result.status == 200';

/** Check that a whole metric can be judged, and complete it. */
function toMetric(name: string, written: MetricFields, context: z.RefinementCtx): MetricSpec {
  if (written.provider === undefined)
    return complains(context, ['provider'], 'is missing; write where the value comes from, like { type: http, url: … }');
  if (written.successCondition === undefined && written.failureCondition === undefined && written.provider.type !== 'sleep')
    return complains(context, ['successCondition'], CONDITION_WANTED);
  const fields = toFields(name, written);
  return completeMetric({ ...fields, name, provider: written.provider as ProviderSpec });
}

/** One entry of `verification`: `metric: name` with all it needs, or `template: name` with what differs. */
export const metricUseSchema = z
  .strictObject({ metric: nameField.optional(), template: nameField.optional(), ...metricFields })
  .transform(({ metric, template, ...written }, context): MetricUse => {
    if (template !== undefined) return { template, fields: toFields(metric, written) };
    if (metric === undefined)
      return complains(context, ['metric'], 'is missing; write the name of the metric, or template: and the name of a Metric document');
    return { fields: toMetric(metric, written, context) };
  });

/** `kind: Metric`: a metric that deployments and policies share by name. */
export const metricDocumentSchema = z
  .strictObject({ kind: z.literal('Metric'), state: stateField, name: nameField, description: descriptionField, ...metricFields })
  .transform(({ name, description, ...written }, context): MetricSpec => ({
    ...toMetric(name, written, context),
    ...(description === undefined ? {} : { description }),
  }));
