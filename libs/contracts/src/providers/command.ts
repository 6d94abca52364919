import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { environmentSchema, programSchema, secretReferenceSchema } from '../executors/fields.js';

/** Provider `command`: `result` is `{ exitCode, stdout, stderr, json }`. */
export const commandProviderSchema = z.strictObject({
  type: z.literal('command'),
  run: programSchema,
  env: environmentSchema.optional(),
  secrets: z.record(z.string(), secretReferenceSchema).optional(),
  directory: z.string().min(1).optional(),
  timeout: durationSchema.optional(),
});
