import type { FreezeFact, OverrideFact, PinFact } from '@slipway/core';
import { z } from 'zod';
import { identifierSchema, slugSchema, tagSchema } from './names.js';

/*
 * Freezes, pins and overrides: what people decided beside the policies. The policy service keeps them; each change of one gets the next number of
 * one contiguous order (`revision`), is an event, and, where it stops something, is taken by the scheduler before it is acknowledged (I11).
 */

const reason = z.string().min(1).max(1_000);
/** Longest scope of a freeze. */
const SCOPE_LENGTH_MAX = 2_000;

const said = { id: z.string().min(1), by: z.string(), reason: z.string(), at: z.number() };

export const freezeSchema = z.object({
  ...said,
  scope: z.string(),
  expiresAt: z.number(),
  allowRollback: z.boolean(),
}) as unknown as z.ZodType<FreezeFact>;

export const pinSchema = z.object({
  ...said,
  deployment: z.string(),
  environment: z.string(),
  resource: z.string().optional(),
  version: z.string(),
  expiresAt: z.number().optional(),
}) as unknown as z.ZodType<PinFact>;

export const overrideSchema = z.object({
  ...said,
  deployment: z.string(),
  version: z.string(),
  environment: z.string().optional(),
  resource: z.string().optional(),
  rule: z.string(),
  expiresAt: z.number(),
}) as unknown as z.ZodType<OverrideFact>;

/** How a fact came to its end. */
export const endedSchema = z.object({
  at: z.number(),
  by: z.string(),
  verb: z.enum(['lifted', 'replaced', 'expired']),
  reason: z.string().optional(),
});
export type Ended = z.infer<typeof endedSchema>;

const heading = {
  verb: z.enum(['made', 'lifted', 'replaced', 'expired']),
  /** Its number in the order of all such changes; of one fact the highest counts. */
  revision: z.int().min(1),
  ended: endedSchema.optional(),
  /** Tag, for people. */
  tag: z.string().optional(),
};

/** The body of `slipway.evt.freeze.<id>.<verb>`, `slipway.evt.pin.<deployment>.<environment>.<verb>`: what the scheduler follows. */
export const standingFactSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('freeze'), ...heading, fact: freezeSchema }),
  z.object({ kind: z.literal('pin'), ...heading, fact: pinSchema }),
]);
export type StandingFact = z.infer<typeof standingFactSchema>;

/** A fact as `policy.freezes`, `policy.pins` and `policy.overrides` list it; ended ones only when asked for. */
const listed = <S extends z.ZodType>(fact: S) => z.object({ fact, ended: endedSchema.optional(), tag: z.string().optional() });
export const listedFreezeSchema = listed(freezeSchema);
export const listedPinSchema = listed(pinSchema);
export const listedOverrideSchema = listed(overrideSchema);

const at = z.number().int().positive();

export const freezeRequestSchema = z.object({
  scope: z.string().min(1).max(SCOPE_LENGTH_MAX),
  expiresAt: at,
  reason,
  allowRollback: z.boolean().default(true),
});

export const pinRequestSchema = z.object({
  deployment: slugSchema,
  environment: slugSchema,
  version: tagSchema,
  resource: identifierSchema.optional(),
  expiresAt: at.optional(),
  reason,
});

export const unpinRequestSchema = z.object({
  deployment: slugSchema,
  environment: slugSchema,
  resource: identifierSchema.optional(),
  reason: reason.optional(),
});

export const overrideRequestSchema = z.object({
  rule: z.string().min(1).max(100),
  deployment: slugSchema,
  version: tagSchema,
  environment: slugSchema,
  resource: identifierSchema.optional(),
  expiresAt: at,
  reason,
});

export const liftRequestSchema = z.object({ id: z.string().min(1).max(100), reason: reason.optional() });

/** `all`: those that have ended too, newest first. */
export const listFactsRequestSchema = z.object({ all: z.boolean().default(false) });
