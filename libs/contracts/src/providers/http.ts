import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema } from '../executors/fields.js';
import { plainHeadersSchema, secretHeadersSchema } from './fields.js';

/** Provider `http`: `result` is `{ status, headers, body, json, latencyMs }`. */
export const httpProviderSchema = z.strictObject({
  type: z.literal('http'),
  url: z
    .string()
    .regex(/^https?:\/\//, 'is not an address; write one that begins with http:// or https://')
    .refine((url) => URL.canParse(url), 'is not an address; write one like http://host:8080/health, and urlEncode(…) around values in it'),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT']).optional(),
  headers: plainHeadersSchema.optional(),
  secretHeaders: secretHeadersSchema.optional(),
  body: z.string().optional(),
  /** Until the end of the body, redirects included. */
  timeout: durationSchema.optional(),
  /** Which redirects are followed (`follow`: all); one that is not is itself the answer. */
  redirects: z.enum(['follow', 'sameHost', 'never']).optional(),
  caFile: caFileSchema.optional(),
  /** What the agent proves itself with: a certificate in PEM on its machine, and the key to it. */
  clientCertificate: z.strictObject({ certFile: z.string().min(1), key: secretReferenceSchema }).optional(),
});
export type HttpProviderConfig = z.output<typeof httpProviderSchema>;
