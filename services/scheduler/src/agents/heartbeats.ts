import type { Heartbeat } from '@slipway/contracts';
import { ordersFor } from './agent-orders.js';
import { MicroBatch } from '../micro-batch.js';
import { agentTable, type AgentRow } from '../tables.js';
import type { World } from '../world.js';

/** An agent that was not heard of for so long is shown as lost; its leases lapse by themselves. */
export const LOST_AFTER_MS = 45_000;
const HEARTBEATS_MAX = 500;

/** Keeps what agents last said of themselves. */
export class Heartbeats {
  private readonly writes: MicroBatch<AgentRow, undefined>;

  constructor(private readonly world: World) {
    this.writes = new MicroBatch(async (rows) => {
      const newest = [...new Map(rows.map((row) => [row.agent, row])).values()];
      const orders = await world.store.transaction(async (tx) => {
        const agents = newest.map((row) => row.agent);
        const [told] = await Promise.all([ordersFor(tx, agents), tx.put(agentTable, newest)]);
        return told;
      });
      // It has not heard what it was told: the hint to ask was lost.
      for (const { agent, state } of newest) if (state === 'online' && orders.has(agent)) world.nudgeAgent(agent);
      return rows.map(() => undefined);
    }, HEARTBEATS_MAX);
  }

  /** The subject says who speaks; what the body claims to be is not asked. */
  async hear(beat: Heartbeat, agent: string): Promise<void> {
    const { pool, state, version, labels, executors, capacity, jobs } = beat;
    const row = { agent, pool, state, version, labels, executors, capacity, jobs: jobs.length, heardAt: this.world.clock.now() };
    await this.writes.ask(row);
  }

  async list(): Promise<{ agents: { agent: string; pool: string; state: string; heardAt: number }[] }> {
    const now = this.world.clock.now();
    const rows = await this.world.store.read((reader) => reader.find(agentTable, {}, { orderBy: { pool: 'asc', agent: 'asc' } }));
    return { agents: rows.map((row) => ({ ...row, state: now - row.heardAt > LOST_AFTER_MS ? 'lost' : row.state })) };
  }
}
