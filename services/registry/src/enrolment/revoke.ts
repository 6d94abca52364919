import { didYouMean, subjects, type ParsedRequestOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import { agents } from '../tables.js';
import type { AgentDeps } from './invite.js';

/**
 * Revoke an agent: no renewal from the commit on, and its connection drops. May be repeated when the server could not be told. Throws
 * `registry.agent.unknown`.
 */
export async function revokeAgent(
  deps: AgentDeps,
  { agent, reason }: ParsedRequestOf<'registry.revokeAgent'>,
  by: string,
): Promise<{ done: string }> {
  const now = deps.clock.now();
  const publicKey = await deps.store.transaction(async (tx) => {
    await tx.lock(`registry.agent:${agent}`);
    const [row] = await tx.find(agents, { name: agent });
    if (!row) {
      const names = (await tx.find(agents, {}, { only: ['name'] })).map(({ name }) => name);
      throw new SlipwayError({
        code: 'registry.agent.unknown',
        kind: 'missing',
        message: `Revoking ${agent}: there is no such agent${didYouMean(agent, names)}; slipway agent list shows all`,
      });
    }
    if (row.revokedAt === undefined) {
      const because = `${by}${reason === undefined ? '' : `: ${reason}`}`;
      await tx.patch(agents, [{ name: agent, revokedAt: now, revokedBecause: because }]);
      await tx.send([
        {
          subject: subjects.inventory('agent', agent, 'revoked'),
          id: `registry.agent.${agent}.revoked.${row.enrolledAt}`,
          body: { agent, pool: row.pool, because, verb: 'revoked', at: now },
        },
      ]);
    }
    return row.publicKey;
  });
  await deps.credentials.revoke(publicKey);
  return { done: `${agent} is revoked` };
}
