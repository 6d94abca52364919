import type { ReplyOf } from '@slipway/contracts';
import type { Store } from '@slipway/persistence';
import { agents } from '../tables.js';

/** Every agent that ever enrolled, by name. */
export async function listAgents(store: Store): Promise<ReplyOf<'registry.agents'>> {
  const rows = await store.read((reader) => reader.find(agents, {}, { orderBy: { name: 'asc' } }));
  return {
    agents: rows.map(({ name, pool, executors, enrolledAt, revokedAt }) => ({
      name,
      pool,
      executors,
      enrolledAt,
      ...(revokedAt === undefined ? {} : { revokedAt }),
    })),
  };
}
