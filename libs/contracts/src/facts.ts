import type { TargetFact, VersionOutcome } from '@slipway/core';
import { z } from 'zod';

/**
 * The body of `slipway.evt.release.<deployment>.<environment>.<resource>.<verb>`: what became of a version at a target, and what runs there
 * now. `sequence` grows per target; a mirror drops what is not newer. It is all that the policy service knows of the world's state.
 */
export interface ReleaseEvent {
  version: string;
  /** The outcome this event tells. */
  verb: 'started' | 'succeeded' | 'failed' | 'rolledBack' | 'quarantined' | 'quarantineReleased';
  deployment: string;
  environment: string;
  resource: string;
  versionId: string;
  sequence: number;
  at: number;
  because?: string;
  startedAt?: number;
  running?: NonNullable<TargetFact['running']>;
  outcome: VersionOutcome;
  quarantined: string[];
}

const outcomeSchema = z.object({ state: z.enum(['started', 'succeeded', 'failed', 'rolledBack']), verified: z.boolean(), at: z.number() });

export const releaseEventSchema = z.object({
  version: z.string(),
  verb: z.enum(['started', 'succeeded', 'failed', 'rolledBack', 'quarantined', 'quarantineReleased']),
  deployment: z.string(),
  environment: z.string(),
  resource: z.string(),
  versionId: z.string(),
  sequence: z.int().min(1),
  at: z.number(),
  because: z.string().optional(),
  startedAt: z.number().optional(),
  running: z
    .object({ version: z.string(), tag: z.string(), verified: z.boolean(), since: z.number(), revision: z.int().optional() })
    .optional(),
  outcome: outcomeSchema,
  quarantined: z.array(z.string()),
}) as unknown as z.ZodType<ReleaseEvent>;
