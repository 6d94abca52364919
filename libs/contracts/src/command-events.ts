import { z } from 'zod';

/** What a person told the scheduler and what it answered: the audit trail of commands, on `slipway.evt.command.<deployment>.<environment>.<verb>`. */
export const commandEventSchema = z.looseObject({
  version: z.string().optional(),
  verb: z.enum([
    'paused',
    'resumed',
    'promoted',
    'aborted',
    'retried',
    'excluded',
    'rolledBack',
    'quarantineReleased',
    'cancelled',
    'confirmed',
    'resolved',
  ]),
  /** `user:ada`. */
  by: z.string(),
  reason: z.string().optional(),
  /** The answer that the person got. */
  done: z.string(),
  /** Rollouts that were told. */
  rollouts: z.array(z.string()).optional(),
  /** Targets that were meant, where not the whole rollout was. */
  resources: z.array(z.string()).optional(),
  job: z.string().optional(),
  deployment: z.string(),
  environment: z.string(),
  at: z.number(),
});
export type CommandEvent = z.infer<typeof commandEventSchema>;
