import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Longest name of a system, environment, deployment, pool, agent or policy: keeps a subject under 256 characters. */
export const NAME_LENGTH_MAX = 40;
/** Longest free identifier of a resource. */
export const IDENTIFIER_LENGTH_MAX = 200;

/** A name that can be a subject token. */
export const slugSchema = z
  .string()
  .max(NAME_LENGTH_MAX)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and inner dashes, like par-host-1');

export const identifierSchema = z.string().min(1).max(IDENTIFIER_LENGTH_MAX);

/** A version's tag, as CI writes it: `1.4.2`, `2026-11-22.3`, `sha-9f3c`. */
export const tagSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, 'must be letters, digits and . _ + -');

/** The subject token of a resource: its identifier when that is a slug, else a slug of it with a short hash of the whole. */
export function resourceToken(identifier: string): string {
  if (identifier.length <= NAME_LENGTH_MAX && slugSchema.safeParse(identifier).success) return identifier;
  const slug = identifier
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, NAME_LENGTH_MAX - 9)
    .replace(/-+$/, '');
  const hash = createHash('sha256').update(identifier).digest('hex').slice(0, 8);
  return slug === '' ? `r-${hash}` : `${slug}-${hash}`;
}
