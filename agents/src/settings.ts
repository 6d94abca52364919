import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SlipwayError } from '@slipway/core';
import { parse } from 'yaml';
import { z } from 'zod';
import { allowListSchema } from './allow-list.js';

/** The agent's config file, written by the site's owner; YAML or JSON. */
const fileSchema = z.strictObject({
  labels: z.record(z.string(), z.string()).default({}),
  capacity: z.int().min(1).max(200).optional(),
  /** What this agent may do; see allow-list.ts. */
  allow: allowListSchema.default({}),
  /** Variables of the agent's own environment that programs see, beside PATH, HOME and the like. */
  passEnvironment: z.array(z.string()).default([]),
  /** Also serve the executor `noop`, for trials and benchmarks. */
  noop: z.boolean().default(false),
});

export type Settings = z.output<typeof fileSchema> & {
  directory: string;
  token: string | undefined;
  /** Where the servers are now, instead of where they were at the enrolment. */
  servers: string[] | undefined;
  capacity: number;
};

const CAPACITY_DEFAULT = 8;
export const USAGE = `usage: slipway-agent --directory DIR [--token TOKEN] [--config FILE] [--servers URL,…] [--labels a=b,c=d] [--capacity N] [--pass-env NAME,…] [--noop]
  DIR (or SLIPWAY_HOME) keeps the agent's keys, credential, journal and work; TOKEN (or SLIPWAY_TOKEN) is needed the first time only;
  --servers (or SLIPWAY_NATS_URL) when they have moved since the enrolment.`;

const invalid = (message: string): SlipwayError =>
  new SlipwayError({ code: 'agent.settings.invalid', kind: 'invalid', message: `${message}\n${USAGE}` });

/** Read arguments, environment and config file; arguments win. Throws `agent.settings.invalid`. */
export function readSettings(args: string[], environment: NodeJS.ProcessEnv): Settings {
  const values = parseArguments(args);
  const directory = values.directory ?? environment.SLIPWAY_HOME;
  if (!directory) throw invalid('Cannot start: no directory is given.');
  const file = values.config === undefined ? fileSchema.parse({}) : readFile(values.config);
  const capacity = values.capacity === undefined ? (file.capacity ?? CAPACITY_DEFAULT) : Number(values.capacity);
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > 200)
    throw invalid(`--capacity ${values.capacity} is not a number from 1 to 200.`);
  const servers = values.servers ?? environment.SLIPWAY_NATS_URL;
  return {
    ...file,
    directory,
    servers: servers?.split(',').map((url) => url.trim()),
    token: values.token ?? environment.SLIPWAY_TOKEN,
    capacity,
    labels: { ...file.labels, ...parseLabels(values.labels ?? []) },
    passEnvironment: [...file.passEnvironment, ...(values['pass-env'] ?? []).flatMap((names) => names.split(','))],
    noop: file.noop || values.noop === true,
  };
}

function parseArguments(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        directory: { type: 'string' },
        token: { type: 'string' },
        config: { type: 'string' },
        servers: { type: 'string' },
        labels: { type: 'string', multiple: true },
        capacity: { type: 'string' },
        'pass-env': { type: 'string', multiple: true },
        noop: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

function readFile(name: string): z.output<typeof fileSchema> {
  try {
    return fileSchema.parse(parse(readFileSync(name, 'utf8')) ?? {});
  } catch (error) {
    const because =
      error instanceof z.ZodError
        ? error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
        : (error as Error).message;
    throw invalid(`Cannot read the agent's config ${name}: ${because}.`);
  }
}

function parseLabels(given: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const pair of given.flatMap((text) => text.split(','))) {
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    if (!pair.includes('=') || name === '') throw invalid(`--labels ${pair} is not a label; write name=value.`);
    labels[name] = value;
  }
  return labels;
}
