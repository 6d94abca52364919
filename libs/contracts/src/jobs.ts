import { z } from 'zod';

/** The body of `slipway.job.<pool>.<executor>.<job>`: an invitation to claim, for people to read; what to do comes with the grant. */
export const jobInvitationSchema = z.object({
  job: z.string(),
  attempt: z.int().min(1),
  kind: z.string(),
  deployment: z.string(),
  environment: z.string(),
  resource: z.string(),
  version: z.string(),
});
export type JobInvitation = z.infer<typeof jobInvitationSchema>;

/** The executor token under which verification jobs are queued. */
export const VERIFY_EXECUTOR = 'verify';
