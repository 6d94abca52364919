import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { SlipwayError } from '@slipway/core';
import { z } from 'zod';

/** How a command reaches its server: which one, and as whom. */
export interface Where {
  servers: string;
  credsFile: string;
  /** What told us, for error messages. */
  toldBy: string;
}

export interface WhereOptions {
  server?: string;
  creds?: string;
  directory?: string;
  context?: string;
}

/** What `slipway up` leaves in its data directory for the commands beside it. */
export const upStateSchema = z.object({
  natsUrl: z.string(),
  creds: z.record(z.string(), z.string()),
  pid: z.number(),
  startedAt: z.string(),
});
export type UpState = z.infer<typeof upStateSchema>;

const contextSchema = z.looseObject({ url: z.string().optional(), creds: z.string().optional() });

/** The data directory's name beside a checkout. */
export const DATA_DIRECTORY = '.slipway';

/** Flags win over the environment, that over `.slipway/` here or above, that over the selected context of the `nats` CLI. */
export function findServer(options: WhereOptions, env: NodeJS.ProcessEnv, cwd: string): Where {
  if (options.server && options.creds) return { servers: options.server, credsFile: options.creds, toldBy: 'flags' };
  if (options.context) return fromContext(options.context, env);
  const server = options.server ?? env['SLIPWAY_NATS_URL'] ?? env['NATS_URL'];
  const creds = options.creds ?? env['SLIPWAY_NATS_CREDS'] ?? env['NATS_CREDS'];
  if (server && creds) return { servers: server, credsFile: creds, toldBy: 'environment' };
  const directory = options.directory ?? env['SLIPWAY_DIRECTORY'] ?? searchUpwards(cwd);
  if (directory && existsSync(join(directory, 'state.json'))) {
    const state = upStateSchema.parse(JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8')));
    return {
      servers: server ?? state.natsUrl,
      credsFile: creds ?? join(directory, state.creds['admin'] ?? ''),
      toldBy: join(directory, 'state.json'),
    };
  }
  if (directory) {
    throw new SlipwayError({
      code: 'cli.server.down',
      kind: 'unavailable',
      message: `nothing runs on ${directory}; start it with npm start, or slipway --directory ${directory} up`,
    });
  }
  const selected = selectedContext(env);
  if (selected) return fromContext(selected, env);
  throw new SlipwayError({
    code: 'cli.server.missing',
    kind: 'missing',
    message:
      'do not know which server to ask: no .slipway/ here or above, no --server and --creds, no SLIPWAY_NATS_URL and SLIPWAY_NATS_CREDS, no nats context. Start one with npm start.',
  });
}

function searchUpwards(from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const candidate = join(folder, DATA_DIRECTORY);
    if (existsSync(join(candidate, 'state.json'))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

function contextFolder(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'nats');
}

function selectedContext(env: NodeJS.ProcessEnv): string | undefined {
  if (env['NATS_CONTEXT']) return env['NATS_CONTEXT'];
  const file = join(contextFolder(env), 'context.txt');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() || undefined : undefined;
}

function fromContext(name: string, env: NodeJS.ProcessEnv): Where {
  const file = join(contextFolder(env), 'context', `${name}.json`);
  if (!existsSync(file)) {
    throw new SlipwayError({
      code: 'cli.context.missing',
      kind: 'missing',
      message: `there is no nats context ${name} (${file}); see nats context ls`,
    });
  }
  const context = contextSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  if (!context.url || !context.creds) {
    throw new SlipwayError({
      code: 'cli.context.incomplete',
      kind: 'invalid',
      message: `the nats context ${name} needs url and creds; ${file} lacks one`,
    });
  }
  return { servers: context.url, credsFile: context.creds, toldBy: `nats context ${name}` };
}
