import { z } from 'zod';
import { versionPayloadSchema } from './operations.js';

/** The body of `slipway.ci.version.<deployment>`: the version itself, or a structured CloudEvent with the version as its `data`. */
export const ciVersionSchema = z.preprocess(
  (body) => (typeof body === 'object' && body !== null && 'specversion' in body && 'data' in body ? body.data : body),
  versionPayloadSchema,
);

/** The deployment that a CI subject names. */
export function deploymentOfCiSubject(subject: string): string {
  return subject.split('.')[3] ?? '';
}
