import { z } from 'zod';
import { slugSchema } from '../names.js';

/** Longest CEL source or template in a document; core's compiler has limits of its own below it. */
const EXPRESSION_LENGTH_MAX = 8_000;

/** A CEL expression; what it may name and whether it parses is checked by core once the whole document is read. */
export const celField = z.string().min(1, 'is empty; write a CEL expression like resource.kind == "host"').max(EXPRESSION_LENGTH_MAX);
/** A string in which `{{ CEL }}` may stand. */
export const templateField = z.string().min(1).max(EXPRESSION_LENGTH_MAX);
export const nameField = slugSchema;
export const descriptionField = z.string().max(2_000).optional();
export const stringMapField = z.record(z.string().max(200), z.string().max(2_000));
export const jsonField = z.json();
export const jsonObjectField = z.record(z.string(), z.json());
/** An executor's config with its `type` first; the rest is the executor's own. */
export const executorField = z.object({ type: nameField }).catchall(jsonField);
/** The same of a provider, whose type is written like `prometheus` or `argoCdHealth`. */
export const providerField = z
  .object({ type: z.string().regex(/^[a-z][A-Za-z0-9-]{0,62}$/, 'is not the name of a provider; write one like http or argoCdHealth') })
  .catchall(jsonField);
/** Present on every kind: `absent` removes the thing named. */
export const stateField = z.enum(['present', 'absent']).optional();
