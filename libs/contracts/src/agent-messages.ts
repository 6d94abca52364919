import { z } from 'zod';
import { claimReplySchema, claimRequestSchema, renewReplySchema, renewRequestSchema } from './claims.js';
import { jobInvitationSchema } from './jobs.js';
import { heartbeatSchema, jobReportSchema, logChunkSchema } from './reports.js';

/** What an agent and the controller say to each other, by the name under which its JSON Schema is published: for agents in other languages. */
export const agentMessageSchemas: Readonly<Record<string, z.ZodType>> = {
  invitation: jobInvitationSchema,
  'claim-request': claimRequestSchema,
  'claim-reply': claimReplySchema,
  'renew-request': renewRequestSchema,
  'renew-reply': renewReplySchema,
  report: jobReportSchema,
  'log-chunk': logChunkSchema,
  heartbeat: heartbeatSchema,
};

/** File name → JSON Schema, for the folder schemas/messages. */
export function agentMessageJsonSchemas(): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(agentMessageSchemas).map(([name, schema]) => [
      `${name}.json`,
      { title: name, ...(z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' }) as Record<string, unknown>) },
    ]),
  );
}
