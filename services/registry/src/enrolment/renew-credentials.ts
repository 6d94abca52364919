import { CREDENTIALS_CLOCK_SKEW_MS, renewalStatement, type CredentialsRequest, type EnrolReply } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import { agents } from '../tables.js';
import { issueCredential } from './enrol.js';
import type { AgentDeps } from './invite.js';
import { isProof } from './proof.js';

/**
 * Answer `slipway.agt.<agent>.rpc.credentials`: the next JWT for the key the agent enrolled with. Throws
 * `registry.agent.{unknown,revoked,keyDiffers,proofWrong,clockDiffers}`.
 */
export async function renewCredentials(deps: AgentDeps, request: CredentialsRequest, agent: string): Promise<EnrolReply> {
  const refused = (reason: string, message: string): SlipwayError =>
    new SlipwayError({ code: `registry.agent.${reason}`, kind: 'forbidden', message: `Renewing the credential of ${agent}: ${message}` });
  const [row] = await deps.store.read((reader) => reader.find(agents, { name: agent }));
  if (!row) throw refused('unknown', 'it is not enrolled; invite it with slipway agent enroll');
  if (row.revokedAt !== undefined) throw refused('revoked', 'it was revoked; invite it again with slipway agent enroll');
  if (row.publicKey !== request.publicKey)
    throw refused('keyDiffers', 'it enrolled with another key since; this one is worth nothing any more');
  if (!isProof(request.publicKey, renewalStatement(agent, request), request.proof))
    throw refused('proofWrong', 'the signature was not made with its key');
  const skewMs = Math.abs(request.at - deps.clock.now());
  if (skewMs > CREDENTIALS_CLOCK_SKEW_MS)
    throw refused(
      'clockDiffers',
      `its clock differs from the registry's by ${Math.round(skewMs / 60_000)} minutes; set it right (15 minutes are tolerated)`,
    );
  return issueCredential(deps, row);
}
