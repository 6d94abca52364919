import { SECRET_REFERENCE } from '@slipway/core';
import { z } from 'zod';

/** A program and its arguments; never a shell line. */
export const programSchema = z
  .array(z.string())
  .min(1, 'is empty; write the program and its arguments, like ["./install.sh", "{{ version.tag }}"]')
  .max(200);
export const environmentSchema = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a name of an environment variable; write one like APP_PORT'),
  z.string(),
);

/** Names a secret that the agent resolves at its own site: never the secret itself. The message does not repeat what was written, which may be one. */
export const secretReferenceSchema = z
  .string()
  .regex(SECRET_REFERENCE, 'what stands here is not a reference to a secret; write env:NAME, file:/path or command:program arguments');

/** The vendor's address, without a path that is not part of the API's base. */
export const serverSchema = z
  .string()
  .regex(/^https?:\/\/[^\s]+$/, 'is not an address; write one that begins with https://')
  .refine((url) => URL.canParse(url), 'is not an address; write one like https://host.example/api')
  .transform((url) => url.replace(/\/+$/, ''));

/** A file on the agent's machine with the certificates of the authority that signed the server's, in PEM. */
export const caFileSchema = z.string().min(1);
