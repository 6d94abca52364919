/** What stands before the name in a Nest pattern, so that one strategy can tell the three kinds of handler apart. */
export const CONSUME_PATTERN = 'consume:';
export const OPERATION_PATTERN = 'operation:';
export const AGENT_PATTERN = 'agent:';
