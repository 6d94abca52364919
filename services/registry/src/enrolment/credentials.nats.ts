import { randomBytes } from 'node:crypto';
import { queueTag } from '@slipway/contracts';
import { revokeUser, type Trust } from '@slipway/messaging';
import type { Clock } from '@slipway/runtime';
import type { AgentCredentials } from './ports.js';

/** Enough that a token cannot be guessed in its fifteen minutes, or ever. */
const SECRET_BYTES = 32;

/** Credentials by the mesh's own signing keys; a revocation is pushed to the running server. */
export function natsAgentCredentials(trust: Trust, servers: readonly string[], clock: Clock): AgentCredentials {
  return {
    async mintAgent({ name, pool, executors, publicKey, expiresInMs }) {
      const tags = executors.map((executor) => queueTag(pool, executor));
      return (await trust.mintUser({ role: 'agent', name, tags, publicKey, expiresInMs })).jwt;
    },
    async mintEnrolment({ agent, expiresInMs }) {
      return (await trust.mintUser({ role: 'enrol', name: agent, expiresInMs })).creds ?? '';
    },
    revoke: (publicKey) => revokeUser(trust, [...servers], { account: 'AGENTS', publicKey, now: clock.now() }),
    servers: () => [...servers],
    makeSecret: () => randomBytes(SECRET_BYTES).toString('base64url'),
  };
}
