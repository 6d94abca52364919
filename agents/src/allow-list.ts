import path from 'node:path';
import type { JsonObject } from '@slipway/core';
import { z } from 'zod';

/** What the site's owner lets this agent do. A list that is absent allows everything; an empty list allows nothing. */
export const allowListSchema = z.strictObject({
  /** Executor types. */
  executors: z.array(z.string()).optional(),
  /** Programs that may be run, as paths or globs (`*` within one part of a path, `**` across). */
  commands: z.array(z.string()).optional(),
  /** Provider types of verifications. */
  providers: z.array(z.string()).optional(),
  /** References to secrets that may be resolved, as globs: `env:DEPLOY_*`, `file:/run/secrets/*`. */
  secrets: z.array(z.string()).optional(),
});
export type AllowList = z.infer<typeof allowListSchema>;

/** With these a config could make an allowed program run something else. */
const LOADER_VARIABLES = /^(LD_.*|DYLD_.*|PATH|IFS|ENV|BASH_ENV|NODE_OPTIONS|PYTHON.*|PERL5.*|RUBYOPT|GIT_SSH.*)$/;

const matches = (patterns: readonly string[], text: string): boolean => patterns.some((pattern) => path.posix.matchesGlob(text, pattern));

const listed = (patterns: readonly string[]): string => `allowed: ${patterns.join(', ') || 'none'}`;

function vetoProgram(list: AllowList, program: string): string | undefined {
  if (!list.commands || matches(list.commands, path.posix.normalize(program))) return undefined;
  return `the owner of this agent does not allow the program ${program}; ${listed(list.commands)}`;
}

function* vetoes(list: AllowList, config: JsonObject): Generator<string | undefined> {
  for (const program of [config.run, config.observe]) {
    if (Array.isArray(program)) yield vetoProgram(list, String(program[0]));
  }
  for (const reference of Object.values({ ...(config.secrets as JsonObject), ...(config.secretHeaders as JsonObject) }).map(String)) {
    if (list.secrets && !matches(list.secrets, reference)) {
      yield `the owner of this agent does not allow the secret ${reference}; ${listed(list.secrets)}`;
    }
    if (reference.startsWith('command:')) yield vetoProgram(list, reference.slice('command:'.length).split(/\s+/)[0] ?? '');
  }
  for (const name of Object.keys({ ...(config.env as JsonObject), ...(config.secrets as JsonObject) })) {
    if (list.commands && LOADER_VARIABLES.test(name)) yield `the owner of this agent lists the programs it runs, so ${name} may not be set`;
  }
}

/** Why the owner of this agent forbids this executor config; undefined when it is allowed. */
export function vetoExecutor(list: AllowList, config: JsonObject & { type: string }): string | undefined {
  if (list.executors && !list.executors.includes(config.type)) {
    return `the owner of this agent does not allow the executor ${config.type}; ${listed(list.executors)}`;
  }
  return [...vetoes(list, config)].find((reason) => reason !== undefined);
}

/** The same for a verification's provider. */
export function vetoProvider(list: AllowList, config: JsonObject & { type: string }): string | undefined {
  if (list.providers && !list.providers.includes(config.type)) {
    return `the owner of this agent does not allow the provider ${config.type}; ${listed(list.providers)}`;
  }
  return [...vetoes(list, config)].find((reason) => reason !== undefined);
}
