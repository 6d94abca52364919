import type { OperationName } from '@slipway/contracts';

/*
 * Names for Nest's own decorators, by which the strategy tells the three kinds of handler apart:
 *
 *   @EventPattern<string>(consumesFrom('EVT/policy'), { batch: 200 })   async onEvents(@Payload() batch: Inbound[]) …
 *   @MessagePattern(answersTo('policy.explain'))                        async explain(@Payload() request, @Ctx() caller: Caller) …
 *   @MessagePattern(answersAgents('claim'))                             async claim(@Payload() request, @Ctx() agent: string) …
 *
 * A filter that throws what it catches has to be set (`useGlobalFilters`), or Nest turns every error into "Internal server error".
 */

export const CONSUME_PATTERN = 'consume:';
export const OPERATION_PATTERN = 'operation:';
export const AGENT_PATTERN = 'agent:';

/** Batches of a consumer of contracts/streams.ts. */
export const consumesFrom = (consumer: `${string}/${string}`): string => `${CONSUME_PATTERN}${consumer}`;
/** An operation of contracts/operations.ts. */
export const answersTo = (operation: OperationName): string => `${OPERATION_PATTERN}${operation}`;
/** The last token of `slipway.agt.<agent>.rpc.<name>`, or `hb`. */
export const answersAgents = (name: string): string => `${AGENT_PATTERN}${name}`;
