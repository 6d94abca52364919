import { AGENT_JWT_TTL_MS, enrolmentStatement, subjects, VERIFY_EXECUTOR, type EnrolReply, type EnrolRequest } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Tx } from '@slipway/persistence';
import { agents, invitations, type AgentRow, type InvitationRow } from '../tables.js';
import type { AgentDeps } from './invite.js';
import { hashOf, isProof } from './proof.js';

const refused = (agent: string, reason: string, message: string): SlipwayError =>
  new SlipwayError({ code: `registry.agent.${reason}`, kind: 'forbidden', message: `Enrolling ${agent}: ${message}` });

const NEW_TOKEN = 'ask for a new one with slipway agent enroll';

function checkInvitation(invitation: InvitationRow | undefined, request: EnrolRequest, agent: string, now: number): asserts invitation {
  if (!invitation || invitation.agent !== agent) throw refused(agent, 'tokenUnknown', `this token was never given to it; ${NEW_TOKEN}`);
  if (invitation.expiresAt <= now)
    throw refused(agent, 'tokenExpired', `the token was good for 15 minutes and these are over; ${NEW_TOKEN}`);
  if (invitation.usedAt !== undefined && invitation.usedBy !== request.publicKey)
    throw refused(
      agent,
      'tokenUsed',
      `the token works once and another key has used it; if that was not yours, revoke ${agent} and ${NEW_TOKEN}`,
    );
  if (!isProof(request.publicKey, enrolmentStatement(agent, request), request.proof))
    throw refused(agent, 'proofWrong', 'the signature was not made with the key it names; sign the enrolment statement with the user key');
}

/** Every queue that an agent with these executors pulls from: verification jobs go to every agent of a pool. */
export const queuesOf = (executors: readonly string[]): string[] => [...new Set([...executors, VERIFY_EXECUTOR])];

/** Take the invitation and write the agent down; gives the key that it replaces. */
async function takeInvitation(
  tx: Tx,
  request: EnrolRequest,
  agent: string,
  now: number,
): Promise<{ row: AgentRow; replaced?: string | undefined }> {
  const secretHash = hashOf(request.secret);
  const [invitation] = await tx.find(invitations, { secretHash });
  checkInvitation(invitation, request, agent, now);
  const [before] = await tx.find(agents, { name: agent });
  const { pool, executors } = invitation;
  const row: AgentRow = { name: agent, pool, executors, publicKey: request.publicKey, curveKey: request.curveKey, enrolledAt: now };
  const isRepeat = invitation.usedAt !== undefined;
  if (isRepeat && before?.revokedAt !== undefined) throw refused(agent, 'revoked', `it was revoked since; ${NEW_TOKEN}`);
  if (isRepeat && before) return { row: before };
  await tx.patch(invitations, [{ secretHash, usedAt: now, usedBy: request.publicKey }]);
  await tx.put(agents, [row]);
  await tx.send([
    {
      subject: subjects.inventory('agent', agent, 'enrolled'),
      id: `registry.agent.${agent}.enrolled.${secretHash}`,
      body: { agent, pool, executors, verb: 'enrolled', at: now },
    },
  ]);
  return { row, replaced: before?.publicKey };
}

/**
 * Answer `slipway.agt.<agent>.rpc.enrol`: a token and proof of a key for a JWT. The token works once; the same key may repeat the request
 * while the token is good, because an answer can get lost. Throws `registry.agent.{tokenUnknown,tokenExpired,tokenUsed,proofWrong}`.
 */
export async function enrolAgent(deps: AgentDeps, request: EnrolRequest, agent: string): Promise<EnrolReply> {
  const now = deps.clock.now();
  const { row, replaced } = await deps.store.transaction(async (tx) => {
    await tx.lock(`registry.agent:${agent}`);
    return takeInvitation(tx, request, agent, now);
  });
  if (replaced !== undefined && replaced !== row.publicKey) await deps.credentials.revoke(replaced);
  return issueCredential(deps, row);
}

/** Make sure that the agent's queues are there and mint its next JWT. */
export async function issueCredential(
  { credentials, queues, clock }: AgentDeps,
  { name, pool, executors, publicKey }: AgentRow,
): Promise<EnrolReply> {
  const served = queuesOf(executors);
  for (const executor of served) await queues.ensure(pool, executor);
  const jwt = await credentials.mintAgent({ name, pool, executors: served, publicKey, expiresInMs: AGENT_JWT_TTL_MS });
  return { jwt, pool, executors, expiresAt: clock.now() + AGENT_JWT_TTL_MS };
}
