import { z } from 'zod';
import { slugSchema, tagSchema } from './names.js';
import { jsonObjectSchema } from './reports.js';

export const versionPayloadSchema = z.strictObject({
  tag: tagSchema,
  name: z.string().max(200).optional(),
  status: z.enum(['building', 'ready', 'failed']).default('ready'),
  config: jsonObjectSchema.default({}),
  metadata: z.record(z.string().max(100), z.string().max(2_000)).default({}),
  message: z.string().max(4_000).optional(),
  author: z.string().max(200).optional(),
  dependsOn: z
    .array(z.strictObject({ deployment: slugSchema, range: z.string().max(200) }))
    .max(50)
    .default([]),
});
/** What CI sends on `slipway.ci.version.<deployment>`. */
export type VersionPayload = z.infer<typeof versionPayloadSchema>;

/** The body of `slipway.ci.version.<deployment>`: the version itself, or a structured CloudEvent with the version as its `data`. */
export const ciVersionSchema = z.preprocess(
  (body) => (typeof body === 'object' && body !== null && 'specversion' in body && 'data' in body ? body.data : body),
  versionPayloadSchema,
);

/** The deployment that a CI subject names. */
export function deploymentOfCiSubject(subject: string): string {
  return subject.split('.')[3] ?? '';
}
