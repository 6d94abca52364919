import type { Job, JobSpec, Measurement } from '@slipway/core';
import { z } from 'zod';
import { jsonObjectSchema, measurementSchema } from './reports.js';

/** How many jobs one claim or renewal may name: what one agent may hold. */
export const CLAIM_JOBS_MAX = 200;

/** `slipway.agt.<agent>.rpc.claim`: "may I run these?" One request for all that the agent just pulled. */
export const claimRequestSchema = z.object({
  jobs: z
    .array(z.object({ job: z.string(), attempt: z.int().min(1) }))
    .min(1)
    .max(CLAIM_JOBS_MAX),
  /** The agent's public curve key, to which secrets are sealed. */
  curve: z.string().optional(),
});
export type ClaimRequest = z.infer<typeof claimRequestSchema>;

export const jobSpecSchema = z.object({
  executor: z.looseObject({ type: z.string() }),
  metrics: z.array(z.looseObject({ name: z.string() })).optional(),
  context: jsonObjectSchema,
});

/** Answer for one job. `denied` means: acknowledge the queue's message and forget it; `later`: give it back with a delay. */
export type ClaimAnswer =
  | {
      job: string;
      granted: true;
      epoch: number;
      /** The lease counts from when the agent asked, by the agent's own monotonic clock. */
      leaseMs: number;
      renewMs: number;
      attempt: number;
      kind: Job['kind'];
      deployment: string;
      environment: string;
      resource: string;
      version: string;
      spec: JobSpec;
      runMs: number;
      /** True when an earlier epoch may have started something: observe first, start only when nothing was. */
      observeFirst: boolean;
      /** The gate has closed since an earlier holder was granted this: see what became of it, and start nothing (I11). */
      observeOnly?: boolean;
      /** For `verify` jobs: what earlier holders measured already. */
      measurements: Measurement[];
      /** For `verify` jobs: how long ago the job before it had really succeeded. Its clock began then, whoever measures. */
      elapsedMs?: number;
    }
  | { job: string; granted: false; because: string; code: string; retryAfterMs?: number };

export const claimReplySchema = z.object({
  jobs: z.array(
    z.discriminatedUnion('granted', [
      z.object({
        job: z.string(),
        granted: z.literal(true),
        epoch: z.int().min(1),
        leaseMs: z.number(),
        renewMs: z.number(),
        attempt: z.int(),
        kind: z.enum(['deploy', 'shift', 'switch', 'retire', 'verify']),
        deployment: z.string(),
        environment: z.string(),
        resource: z.string(),
        version: z.string(),
        spec: jobSpecSchema,
        runMs: z.number(),
        observeFirst: z.boolean(),
        observeOnly: z.boolean().optional(),
        measurements: z.array(measurementSchema),
        elapsedMs: z.number().min(0).optional(),
      }),
      z.object({
        job: z.string(),
        granted: z.literal(false),
        because: z.string(),
        code: z.string(),
        retryAfterMs: z.number().optional(),
      }),
    ]),
  ),
}) as unknown as z.ZodType<{ jobs: ClaimAnswer[] }>;

/** `slipway.agt.<agent>.rpc.renew`: "I still work on these." Its reply is the only thing that commands an agent. */
export const renewRequestSchema = z.object({
  jobs: z.array(z.object({ job: z.string(), epoch: z.int().min(1) })).max(CLAIM_JOBS_MAX),
});
export type RenewRequest = z.infer<typeof renewRequestSchema>;

export const renewReplySchema = z.object({
  /** `stop`: the job is not yours any more, drop it without reporting an outcome. */
  jobs: z.array(
    z.object({
      job: z.string(),
      go: z.enum(['on', 'cancel', 'stop']),
      leaseMs: z.number(),
      /** The question of the job's `actionRequired` that a person has confirmed. */
      confirmed: z.string().optional(),
    }),
  ),
  agent: z.enum(['on', 'drain', 'pause']),
});
export type RenewReply = z.infer<typeof renewReplySchema>;
