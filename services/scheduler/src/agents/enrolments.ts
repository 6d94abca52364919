import type { AgentEnrolled } from '@slipway/contracts';
import type { Tx } from '@slipway/persistence';
import { agentTable, enrolmentTable } from '../tables.js';
import type { World } from '../world.js';

/** Take in which pools the registry enrolled agents for; of several enrolments of one agent the latest counts, in whatever order they come. */
export async function takeEnrolments(world: World, enrolled: readonly AgentEnrolled[]): Promise<void> {
  await world.store.transaction(async (tx) => {
    await tx.lock('enrolments');
    const known = new Map(
      (await tx.find(enrolmentTable, { agent: [...new Set(enrolled.map(({ agent }) => agent))] })).map((row) => [row.agent, row]),
    );
    for (const { agent, pool, at } of enrolled) if (at >= (known.get(agent)?.at ?? 0)) known.set(agent, { agent, pool, at });
    await tx.put(enrolmentTable, [...known.values()]);
  });
}

/**
 * Whose jobs these agents may claim: of the pool they were enrolled for. What an agent says of itself counts only until the registry has been
 * heard (I12: a pool is not a matter of one's own word).
 */
export async function poolsOf(tx: Pick<Tx, 'find'>, agents: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const where = { agent: [...new Set(agents)] };
  const only = ['agent', 'pool'] as const;
  const [heard, enrolled] = await Promise.all([tx.find(agentTable, where, { only }), tx.find(enrolmentTable, where, { only })]);
  return new Map([...heard, ...enrolled].map((row) => [row.agent, row.pool]));
}
