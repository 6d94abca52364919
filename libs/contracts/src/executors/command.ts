import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { environmentSchema, programSchema, secretReferenceSchema } from './fields.js';

/** What `observe` may answer with its exit status; every other status means `unknown`. */
export const OBSERVE_EXIT = { succeeded: 0, notStarted: 10, failed: 20, running: 30 } as const;

/** Executor `command`: runs a program at the agent. */
export const commandExecutorSchema = z.strictObject({
  type: z.literal('command'),
  run: programSchema,
  env: environmentSchema.optional(),
  /** Environment variable → reference to a secret; resolved on the agent, masked in the log. */
  secrets: z.record(z.string(), secretReferenceSchema).optional(),
  /** Working directory; the job's own by default. */
  directory: z.string().min(1).optional(),
  /** In milliseconds once parsed; the job's run limit holds besides. */
  timeout: durationSchema.optional(),
  /** Program that tells what became of an earlier run of this job, by its exit status (OBSERVE_EXIT). Gets the same environment as `run`. */
  observe: programSchema.optional(),
  /** File, relative to the working directory, from which JSON outputs are read; the agent names it to the program in SLIPWAY_OUTPUTS. */
  outputs: z.string().min(1).optional(),
  successExitCodes: z.array(z.int().min(0).max(255)).min(1).optional(),
});
export type CommandExecutorConfig = z.output<typeof commandExecutorSchema>;
