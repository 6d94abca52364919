import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { secretReferenceSchema } from '../executors/fields.js';

/** Provider `http`: `result` is `{ status, headers, body, json, latencyMs }`. */
export const httpProviderSchema = z.strictObject({
  type: z.literal('http'),
  url: z.string().regex(/^https?:\/\//, 'is not an address; write one that begins with http:// or https://'),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT']).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Header → reference to a secret; resolved on the agent. */
  secretHeaders: z.record(z.string(), secretReferenceSchema).optional(),
  body: z.string().optional(),
  timeout: durationSchema.optional(),
});
export type HttpProviderConfig = z.output<typeof httpProviderSchema>;
