import { subjects, type ParsedRequestOf, type RenewReply } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Caller } from '@slipway/messaging';
import type { Tx } from '@slipway/persistence';
import { agentOrderTable, agentTable, enrolmentTable, type AgentOrderRow } from '../tables.js';
import type { World } from '../world.js';

const VERB = { drain: 'draining', pause: 'paused', resume: 'resumed' } as const;

const DONE = {
  drain: 'takes nothing new; what it has, it finishes',
  pause: 'takes nothing new until it is resumed; what it has, it finishes',
  resume: 'takes jobs again',
} as const;

/** What people want of these agents; those that are not in it go on. */
export async function ordersFor(tx: Pick<Tx, 'find'>, agents: readonly string[]): Promise<ReadonlyMap<string, AgentOrderRow>> {
  if (agents.length === 0) return new Map();
  return new Map((await tx.find(agentOrderTable, { agent: [...new Set(agents)] })).map((row) => [row.agent, row]));
}

/** As the reply to a renewal has it. */
export const wordFor = (order: AgentOrderRow | undefined): RenewReply['agent'] => order?.command ?? 'on';

/**
 * Tell an agent to take nothing new, or to go on. It hears by the renewal that it is asked to make at once, and again after each heartbeat that shows
 * that it has not; its claims are denied until it goes on. Throws `scheduler.agent.missing`.
 */
export async function commandAgent(
  world: World,
  { agent, command, reason }: ParsedRequestOf<'scheduler.commandAgent'>,
  caller: Caller,
): Promise<{ done: string }> {
  const at = world.clock.now();
  await world.store.transaction(async (tx) => {
    const [heard, enrolled] = await Promise.all([
      tx.find(agentTable, { agent }),
      tx.find(enrolmentTable, { agent }),
      tx.lock(`agent:${agent}`),
    ]);
    if (heard.length + enrolled.length === 0)
      throw new SlipwayError({
        code: 'scheduler.agent.missing',
        kind: 'missing',
        message: `Telling agent ${agent} to ${command}: there is no such agent. \`slipway agent list\` shows those that there are.`,
      });
    const told = { by: caller.name, ...(reason === undefined ? {} : { reason }), at };
    await Promise.all([
      command === 'resume' ? tx.remove(agentOrderTable, { agent }) : tx.put(agentOrderTable, [{ agent, command, ...told }]),
      tx.send([
        {
          subject: subjects.agentCommand(agent, VERB[command]),
          id: `agent:${agent}:${world.ids.next()}`,
          body: { agent, verb: VERB[command], ...told },
        },
      ]),
    ]);
  });
  world.nudgeAgent(agent);
  return { done: `agent ${agent} ${DONE[command]}` };
}
