import { SlipwayError } from '@slipway/core';
import type { z } from 'zod';

/**
 * Read configuration from the environment by a schema whose keys are the variables' names. An empty variable counts as unset. Throws
 * `runtime.config.invalid`, which names every variable that is wrong and what would be right.
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Record<string, string | undefined> = process.env): z.output<S> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) if (env[name]) given[name] = env[name];
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join('.')}: ${given[String(issue.path[0])] === undefined ? 'must be set' : issue.message}`,
  );
  throw new SlipwayError({
    code: 'runtime.config.invalid',
    kind: 'invalid',
    message: `Reading configuration from the environment: ${problems.join('; ')}`,
  });
}
