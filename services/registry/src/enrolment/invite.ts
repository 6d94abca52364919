import { encodeEnrolmentToken, ENROLMENT_TTL_MS, type ParsedRequestOf, type ReplyOf, warnOfExecutor } from '@slipway/contracts';
import type { Store } from '@slipway/persistence';
import type { Clock } from '@slipway/runtime';
import { invitations } from '../tables.js';
import type { AgentCredentials, JobQueues } from './ports.js';
import { hashOf } from './proof.js';

export interface AgentDeps {
  store: Store;
  clock: Clock;
  credentials: AgentCredentials;
  queues: JobQueues;
}

/** A one-time token for an agent. Inviting an agent that is enrolled lets it enrol again with a new key, which replaces the old one. */
export async function inviteAgent(
  deps: AgentDeps,
  request: ParsedRequestOf<'registry.inviteAgent'>,
  by: string,
): Promise<ReplyOf<'registry.inviteAgent'>> {
  const { agent, pool, executors } = request;
  const secret = deps.credentials.makeSecret();
  const creds = await deps.credentials.mintEnrolment({ agent, expiresInMs: ENROLMENT_TTL_MS });
  const expiresAt = deps.clock.now() + ENROLMENT_TTL_MS;
  const row = { secretHash: hashOf(secret), agent, pool, executors: [...new Set(executors)], invitedBy: by, expiresAt };
  await deps.store.transaction((tx) => tx.insert(invitations, [row]));
  const warnings = executors.flatMap((executor) => warnOfExecutor(executor) ?? []);
  return { token: encodeEnrolmentToken({ servers: deps.credentials.servers(), agent, creds, secret }), expiresAt, warnings };
}
