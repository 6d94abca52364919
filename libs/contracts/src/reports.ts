import type { JobReport, Json, JsonObject, Measurement } from '@slipway/core';
import { z } from 'zod';

/** Bounds of what an agent may say of a job, so that a report fits its stream and a row. */
export const MESSAGE_LENGTH_MAX = 4_000;
export const OUTPUTS_BYTES_MAX = 32_000;

export const jsonSchema: z.ZodType<Json> = z.json() as z.ZodType<Json>;
export const jsonObjectSchema: z.ZodType<JsonObject> = z.record(z.string(), z.json()) as z.ZodType<JsonObject>;

export const measurementSchema: z.ZodType<Measurement> = z.object({
  metric: z.string().max(100),
  index: z.int().min(0),
  result: z.enum(['passed', 'failed', 'inconclusive', 'error']),
  at: z.number(),
  value: jsonSchema.optional(),
  message: z.string().max(MESSAGE_LENGTH_MAX).optional(),
}) as z.ZodType<Measurement>;

const said = { epoch: z.int().min(1), n: z.int().min(1), at: z.number() };
const message = z.string().max(MESSAGE_LENGTH_MAX);
const links = z.record(z.string().max(100), z.string().max(2_000));

/** The body of `slipway.agt.<agent>.job.<job>.<verb>`. */
export const jobReportSchema: z.ZodType<JobReport> = z.discriminatedUnion('verb', [
  z.object({ verb: z.literal('started'), ...said }),
  z.object({
    verb: z.literal('progress'),
    ...said,
    percent: z.number().min(0).max(100).optional(),
    step: z.string().max(200).optional(),
    message: message.optional(),
    links: links.optional(),
  }),
  z.object({
    verb: z.literal('actionRequired'),
    ...said,
    message,
    link: z.string().max(2_000).optional(),
    /** Names what `slipway confirm` would confirm: other for other words. Without it only acting in the executor's own system helps. */
    question: z.string().min(1).max(100).optional(),
  }),
  z.object({ verb: z.literal('measured'), ...said, measurement: measurementSchema }),
  z.object({
    verb: z.enum(['succeeded', 'failed', 'cancelled', 'timedOut', 'rejected', 'unknown']),
    ...said,
    message: message.optional(),
    outputs: jsonObjectSchema
      .refine((o) => JSON.stringify(o).length <= OUTPUTS_BYTES_MAX, `outputs are larger than ${OUTPUTS_BYTES_MAX} bytes`)
      .optional(),
    links: links.optional(),
  }),
]) as z.ZodType<JobReport>;

/** The body of `slipway.agt.<agent>.log.<job>`: a chunk of output, secrets already masked. */
export const logChunkSchema = z.object({
  job: z.string(),
  epoch: z.int().min(1),
  /** Counts chunks of one (job, epoch) from 1; a gap means that chunks were lost. */
  n: z.int().min(1),
  at: z.number(),
  stream: z.enum(['out', 'err', 'agent']),
  text: z.string().max(64_000),
  /** Bytes that were dropped before this chunk because the job flooded its log. */
  lostBytes: z.int().min(0).optional(),
});
export type LogChunk = z.infer<typeof logChunkSchema>;

/** The body of `slipway.agt.<agent>.hb`. */
export const heartbeatSchema = z.object({
  agent: z.string(),
  pool: z.string(),
  at: z.number(),
  version: z.string(),
  state: z.enum(['online', 'draining', 'paused']),
  labels: z.record(z.string(), z.string()),
  executors: z.array(z.string()),
  capacity: z.int().min(1),
  /** Jobs it holds now, with their epochs. */
  jobs: z.array(z.object({ job: z.string(), epoch: z.int() })).max(1_000),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;
