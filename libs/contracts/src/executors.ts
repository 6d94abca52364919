import { SECRET_REFERENCE } from '@slipway/core';
import { z } from 'zod';
import { durationSchema } from './durations.js';

/*
 * Configs of the executors and providers that Slipway knows. The agent parses the rendered config with these; at apply the registry checks
 * the template with `checkConfig` (documents/config-check.ts), which lets a field pass that holds `{{ }}`.
 */

/** A program and its arguments; never a shell line. */
const program = z
  .array(z.string())
  .min(1, 'is empty; write the program and its arguments, like ["./install.sh", "{{ version.tag }}"]')
  .max(200);
const environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a name of an environment variable; write one like APP_PORT'),
  z.string(),
);

/** Names a secret that the agent resolves at its own site: never the secret itself. The message does not repeat what was written, which may be one. */
export const secretReferenceSchema = z
  .string()
  .regex(SECRET_REFERENCE, 'what stands here is not a reference to a secret; write env:NAME, file:/path or command:program arguments');

/** What `observe` may answer with its exit status; every other status means `unknown`. */
export const OBSERVE_EXIT = { succeeded: 0, notStarted: 10, failed: 20, running: 30 } as const;

/** Executor `command`: runs a program at the agent. */
export const commandExecutorSchema = z.strictObject({
  type: z.literal('command'),
  run: program,
  env: environment.optional(),
  /** Environment variable → reference to a secret; resolved on the agent, masked in the log. */
  secrets: z.record(z.string(), secretReferenceSchema).optional(),
  /** Working directory; the job's own by default. */
  directory: z.string().min(1).optional(),
  /** In milliseconds once parsed; the job's run limit holds besides. */
  timeout: durationSchema.optional(),
  /** Program that tells what became of an earlier run of this job, by its exit status (OBSERVE_EXIT). Gets the same environment as `run`. */
  observe: program.optional(),
  /** File, relative to the working directory, from which JSON outputs are read; the agent names it to the program in SLIPWAY_OUTPUTS. */
  outputs: z.string().min(1).optional(),
  successExitCodes: z.array(z.int().min(0).max(255)).min(1).optional(),
});
export type CommandExecutorConfig = z.output<typeof commandExecutorSchema>;

/** Provider `http`: `result` is `{ status, headers, body, json, latencyMs }`. */
export const httpProviderSchema = z.strictObject({
  type: z.literal('http'),
  url: z.string().regex(/^https?:\/\//, 'is not an address; write one that begins with http:// or https://'),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT']).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Header → reference to a secret; resolved on the agent. */
  secretHeaders: z.record(z.string(), secretReferenceSchema).optional(),
  body: z.string().optional(),
  timeout: durationSchema.optional(),
});
export type HttpProviderConfig = z.output<typeof httpProviderSchema>;

/** Provider `command`: `result` is `{ exitCode, stdout, stderr, json }`. */
export const commandProviderSchema = z.strictObject({
  type: z.literal('command'),
  run: program,
  env: environment.optional(),
  secrets: z.record(z.string(), secretReferenceSchema).optional(),
  directory: z.string().min(1).optional(),
  timeout: durationSchema.optional(),
});

/** Provider `sleep`: waits, then gives `{ sleptMs }`. */
export const sleepProviderSchema = z.strictObject({ type: z.literal('sleep'), duration: durationSchema });

/** Schemas by executor type. A type that is not here may still be served by an agent that has it. */
export const executorSchemas: Readonly<Record<string, z.ZodType>> = { command: commandExecutorSchema };

/** Schemas by provider type. */
export const providerSchemas: Readonly<Record<string, z.ZodType>> = {
  http: httpProviderSchema,
  command: commandProviderSchema,
  sleep: sleepProviderSchema,
};
