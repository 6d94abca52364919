import type { z } from 'zod';
import { claimReplySchema, claimRequestSchema, renewReplySchema, renewRequestSchema } from './claims.js';
import { credentialsReplySchema, credentialsRequestSchema, enrolReplySchema, enrolRequestSchema } from './enrolment.js';
import { heartbeatSchema } from './reports.js';

/** What an agent asks on `slipway.agt.<agent>.rpc.<operation>`, and of which service. The reply on the wire is `{ok}` or `{error}`, as of `operations`. */
export const agentOperations = {
  claim: { service: 'scheduler', request: claimRequestSchema, reply: claimReplySchema },
  renew: { service: 'scheduler', request: renewRequestSchema, reply: renewReplySchema },
  enrol: { service: 'registry', request: enrolRequestSchema, reply: enrolReplySchema },
  credentials: { service: 'registry', request: credentialsRequestSchema, reply: credentialsReplySchema },
} as const;

/** Names under which a service's parts take what agents say outside streams; `hb` is a plain message without a reply. */
export const agentRequestSchemas: Record<string, z.ZodType> = {
  hb: heartbeatSchema,
  ...Object.fromEntries(Object.entries(agentOperations).map(([name, { request }]) => [name, request])),
};

export type AgentOperationName = keyof typeof agentOperations;
export type AgentRequestOf<N extends AgentOperationName> = z.input<(typeof agentOperations)[N]['request']>;
export type AgentReplyOf<N extends AgentOperationName> = z.output<(typeof agentOperations)[N]['reply']>;
