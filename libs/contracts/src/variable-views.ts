import { z } from 'zod';
import { jsonSchema } from './reports.js';

/** Who gives a variable a value at a target. */
export const variableOfferSchema = z.object({
  from: z.enum(['resource', 'deployment', 'variableSet', 'default']),
  name: z.string(),
  /** `resource par-1`, `variable set eu`: as people call it. */
  called: z.string(),
  /** Before templates. */
  written: jsonSchema,
  selector: z.string().optional(),
  priority: z.int().optional(),
  /** Why another goes before it; absent for the winner. */
  because: z.string().optional(),
});

/** One variable of a deployment at a release target. */
export const variableViewSchema = z.object({
  name: z.string(),
  type: z.string(),
  required: z.boolean(),
  /** Rendered; absent when it has none. */
  value: jsonSchema.optional(),
  /** Why there is no value that a release could be made with. */
  problem: z.string().optional(),
  winner: variableOfferSchema.optional(),
  /** In the order in which they would win. */
  losers: z.array(variableOfferSchema),
});
export type VariableView = z.infer<typeof variableViewSchema>;
