import path from 'node:path';
import type { JsonObject } from '@slipway/core';
import { z } from 'zod';
import type { Reach } from './executors/executor.js';

/** What the site's owner lets this agent do. A list that is absent allows everything; an empty list allows nothing. */
export const allowListSchema = z.strictObject({
  /** Executor types. */
  executors: z.array(z.string()).optional(),
  /** Programs that may be run, as paths or globs (`*` within one part of a path, `**` across). */
  commands: z.array(z.string()).optional(),
  /** Provider types of verifications. */
  providers: z.array(z.string()).optional(),
  /** Addresses that credentials may be sent to, as globs: `https://api.github.com`, `https://*.example.org`. */
  servers: z.array(z.string()).optional(),
  /** Source repositories, as globs of `owner/name`. */
  repositories: z.array(z.string()).optional(),
  /** Directories whose files may be sent to a server, or may say what Terraform runs, as globs of whole paths: `/srv/infra/*`. */
  directories: z.array(z.string()).optional(),
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

const vetoListed = (patterns: readonly string[] | undefined, what: string, names: readonly string[] = []): string | undefined => {
  const forbidden = patterns && names.find((name) => !matches(patterns, name));
  return forbidden === undefined ? undefined : `the owner of this agent does not allow the ${what} ${forbidden}; ${listed(patterns ?? [])}`;
};

function* vetoes(list: AllowList, reach: Reach, references: Readonly<Record<string, string>>): Generator<string | undefined> {
  for (const program of reach.programs ?? []) yield vetoProgram(list, program);
  yield vetoListed(list.servers, 'server', reach.servers);
  yield vetoListed(list.repositories, 'repository', reach.repositories);
  yield vetoListed(list.directories, 'directory', reach.directories);
  for (const reference of Object.values(references)) {
    yield vetoListed(list.secrets, 'secret', [reference]);
    if (reference.startsWith('command:')) yield vetoProgram(list, reference.slice('command:'.length).split(/\s+/)[0] ?? '');
  }
  for (const name of reach.variables ?? []) {
    if (list.commands && LOADER_VARIABLES.test(name)) yield `the owner of this agent lists the programs it runs, so ${name} may not be set`;
  }
}

type Typed = JsonObject & { type: string };
/** What an executor or provider tells of a config that it has found valid. */
interface Telling {
  secretReferences?(config: Typed): Record<string, string>;
  reaches?(config: Typed): Reach;
}

const firstVeto = (list: AllowList, telling: Telling, config: Typed): string | undefined =>
  [...vetoes(list, telling.reaches?.(config) ?? {}, telling.secretReferences?.(config) ?? {})].find((reason) => reason !== undefined);

/** Why the owner of this agent forbids this executor config, which the executor finds valid; undefined when it is allowed. */
export const vetoExecutor = (list: AllowList, executor: Telling, config: Typed): string | undefined =>
  vetoListed(list.executors, 'executor', [config.type]) ?? firstVeto(list, executor, config);

/** The same for a verification's provider. */
export const vetoProvider = (list: AllowList, provider: Telling, config: Typed): string | undefined =>
  vetoListed(list.providers, 'provider', [config.type]) ?? firstVeto(list, provider, config);
