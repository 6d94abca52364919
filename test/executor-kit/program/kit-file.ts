import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderTemplate, type JobSpec, type JsonObject } from '@slipway/core';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';

const programSchema = z.array(z.string()).min(1, 'must name a program');
const runSchema = z.looseObject({ type: z.string() });

/** What the kit is told of an agent program of your own. In strings, `{{ directory }}` is the story's own directory and `{{ run }}` the run. */
const kitFileSchema = z.strictObject({
  /** The agent program, started with what it needs in SLIPWAY_* variables of its environment. */
  agent: programSchema,
  /** A file in which every beginning of a run leaves a line; the kit counts them. */
  begun: z.string().min(1),
  runs: z.strictObject({
    /** Takes at least three seconds and succeeds. */
    succeeds: runSchema,
    fails: runSchema.optional(),
    /** Takes longer than a minute, so that it can be cancelled; `succeeds` when there is none. */
    goesOn: runSchema.optional(),
  }),
});

export type RunName = keyof z.output<typeof kitFileSchema>['runs'];

/** What is under test: an agent program, what to run on it, and how to know what was begun. */
export interface UnderTest {
  agent: readonly string[];
  /** Our own agent takes its place in a directory, another what is in its environment. */
  ours: boolean;
  executor: string;
  /** Another agent of the pool can tell what became of a run. */
  observes: boolean;
  config(name: RunName, names: { directory: string; run: string }): JobSpec['executor'] | undefined;
  begunFile(names: { directory: string; run: string }): string;
}

const invalid = (file: string, error: z.ZodError): Error =>
  new Error(`${file}: ${error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);

/** Read what is to be judged: a deployment document with the executor `command`, or a kit file. Throws with what would be right. */
export function readUnderTest(file: string, contextFile: string | undefined): UnderTest {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as JsonObject | null);
  const deployments = documents.filter((document) => document?.['kind'] === 'Deployment');
  const commands = deployments.filter((document) => (document?.['executor'] as JsonObject | undefined)?.['type'] === 'command');
  const [command] = commands;
  if (command) return programUnderTest(command['executor'] as JobSpec['executor'], readContext(contextFile, String(command['name'])));
  if (deployments.length > 0) throw new Error(`${file}: none of its deployments has the executor command, which is what this kit runs`);
  const parsed = kitFileSchema.safeParse(documents[0]);
  if (!parsed.success) throw invalid(file, parsed.error);
  const { agent, begun, runs } = parsed.data;
  return {
    agent,
    ours: false,
    executor: runs.succeeds.type,
    observes: true,
    config: (name, names) => {
      const run = runs[name];
      return run && (renderTemplate(run as JsonObject, names) as JobSpec['executor']);
    },
    begunFile: (names) => String(renderTemplate(begun, names)),
  };
}

function readContext(file: string | undefined, deployment: string): JsonObject {
  const known = {
    job: { id: 'j1' },
    version: { tag: '1.0.0' },
    deployment: { name: deployment },
    environment: { name: 'kit' },
    resource: { name: 'kit', config: {}, metadata: {} },
    variables: {},
  };
  return file === undefined ? known : { ...known, ...(parse(readFileSync(file, 'utf8')) as JsonObject) };
}

/** The program of a deployment, under our own agent; a shell before it writes down that it was begun. */
function programUnderTest(template: JobSpec['executor'], context: JsonObject): UnderTest {
  const config = renderTemplate(template as JsonObject, context) as JobSpec['executor'];
  const directory = typeof config['directory'] === 'string' ? { directory: path.resolve(config['directory']) } : {};
  const begunFile = (names: { directory: string }): string => path.join(names.directory, 'begun');
  return {
    agent: [process.execPath, agentProgram()],
    ours: true,
    executor: 'command',
    observes: config['observe'] !== undefined,
    config: (name, names) =>
      name === 'succeeds'
        ? {
            ...config,
            ...directory,
            run: ['sh', '-c', 'echo $$ >> "$0"; exec "$@"', begunFile(names), ...(config['run'] as string[])],
          }
        : undefined,
    begunFile,
  };
}

/** Beside this file where it was built. */
function agentProgram(): string {
  const built = fileURLToPath(new URL('../../../agents/src/main.js', import.meta.url));
  return existsSync(built) ? built : path.resolve('dist/agents/src/main.js');
}
