import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { slugSchema } from './names.js';

/*
 * How an agent gets its identity. `registry.inviteAgent` gives a one-time token; with the credential in it the agent may do nothing but ask
 * `slipway.agt.<agent>.rpc.enrol`. It makes its own keys, proves that it holds them, and gets its user JWT; seeds never travel.
 * At half of the JWT's life it asks `rpc.credentials` for the next one.
 */

/** How long a token may be used. */
export const ENROLMENT_TTL_MS = 15 * 60_000;
/** How long an agent's JWT is good. */
export const AGENT_JWT_TTL_MS = 24 * 3_600_000;
/** How far an agent's clock may be from the registry's when it signs a renewal. */
export const CREDENTIALS_CLOCK_SKEW_MS = 15 * 60_000;

const userKey = z.string().regex(/^U[A-Z2-7]{55}$/, 'must be the public key of a NATS user, like U…');
const curveKey = z.string().regex(/^X[A-Z2-7]{55}$/, 'must be a public curve key, like X…');
/** A signature by the agent's user key, base64url. */
const proof = z.string().min(1).max(200);

/** What the token holds; written as base64url of its JSON. */
export const enrolmentTokenSchema = z.strictObject({
  servers: z.array(z.string().min(1)).min(1),
  agent: slugSchema,
  /** Credentials file text that lets the agent ask for its enrolment, for 15 minutes. */
  creds: z.string().min(1),
  secret: z.string().min(1),
});
export type EnrolmentToken = z.infer<typeof enrolmentTokenSchema>;

/** The token as a person carries it from `agent enroll` to the agent's machine. */
export function encodeEnrolmentToken(token: EnrolmentToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** Read a token; undefined when the text is none (cut when it was copied, say). */
export function decodeEnrolmentToken(text: string): EnrolmentToken | undefined {
  try {
    return enrolmentTokenSchema.parse(JSON.parse(Buffer.from(text.trim(), 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}

/** `slipway.agt.<agent>.rpc.enrol`. */
export const enrolRequestSchema = z.object({
  secret: z.string().min(1).max(200),
  publicKey: userKey,
  /** Secrets of jobs are sealed to it. */
  curveKey,
  /** Signature over `enrolmentStatement`. */
  proof,
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;

export const enrolReplySchema = z.object({
  jwt: z.string(),
  pool: slugSchema,
  executors: z.array(slugSchema),
  expiresAt: z.number(),
});
export type EnrolReply = z.infer<typeof enrolReplySchema>;

/** The body of `slipway.evt.agent.<agent>.enrolled`: by it the scheduler knows whose jobs an agent may claim, whatever it says of itself. */
export const agentEnrolledSchema = z.looseObject({ agent: slugSchema, pool: slugSchema, at: z.number() });
export type AgentEnrolled = z.infer<typeof agentEnrolledSchema>;

/** `slipway.agt.<agent>.rpc.credentials`: the next JWT for the same key. */
export const credentialsRequestSchema = z.object({ publicKey: userKey, at: z.number(), /** Signature over `renewalStatement`. */ proof });
export type CredentialsRequest = z.infer<typeof credentialsRequestSchema>;
export const credentialsReplySchema = enrolReplySchema;

/** What an agent signs to enrol: binds its keys to the token's secret. */
export function enrolmentStatement(agent: string, request: Omit<EnrolRequest, 'proof'>): Uint8Array {
  return new TextEncoder().encode(['slipway-enrol-v1', agent, request.secret, request.publicKey, request.curveKey].join('\n'));
}

/** What an agent signs to renew its credential. */
export function renewalStatement(agent: string, request: Omit<CredentialsRequest, 'proof'>): Uint8Array {
  return new TextEncoder().encode(['slipway-credentials-v1', agent, request.publicKey, String(request.at)].join('\n'));
}
