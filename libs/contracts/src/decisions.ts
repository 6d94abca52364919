import type { Decision, NumberedDecision } from '@slipway/core';
import { z } from 'zod';
import { jsonSchema } from './reports.js';

export const verdictSchema = z.enum(['allowed', 'waiting', 'undecided', 'denied']);
const verdict = verdictSchema;

export const ruleResultSchema = z.object({
  rule: z.string(),
  verdict,
  sentence: z.string(),
  saw: jsonSchema.optional(),
  needs: jsonSchema.optional(),
  satisfiedSince: z.number().optional(),
  reevaluateAt: z.number().optional(),
  ask: z.string().optional(),
  overriddenBy: z.string().optional(),
});

const decisionShape = {
  version: z.string(),
  verdict,
  because: z.array(z.string()),
  deployment: z.string(),
  environment: z.string(),
  targets: z.int().min(0),
  versionId: z.string(),
  decidedAt: z.number(),
  reevaluateAt: z.number().optional(),
  groups: z.array(
    z.object({
      resources: z.array(z.string()),
      rest: z.boolean(),
      size: z.int().min(0),
      verdict,
      standing: z.array(ruleResultSchema),
      policies: z.array(z.object({ policy: z.string(), verdict, rules: z.array(ruleResultSchema) })),
      /** Shaped by core's Obligations; made only by the evaluator. */
      obligations: z.looseObject({}),
      reevaluateAt: z.number().optional(),
    }),
  ),
};

/** A decision as people and explain see it. */
export const decisionSchema = z.object(decisionShape) as unknown as z.ZodType<Decision>;

/** The body of `slipway.evt.decision.<deployment>.<environment>.<verdict>`. */
export const numberedDecisionSchema = z.object({
  ...decisionShape,
  number: z.int().min(1),
  inventoryRevision: z.int().min(0),
}) as unknown as z.ZodType<NumberedDecision>;
