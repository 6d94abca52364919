import type { Executor } from './executor.js';

/** Does nothing and succeeds: for benchmarks and trials of policies. An agent has it only where its config names it. */
export const noopExecutor: Executor = {
  type: 'noop',
  validate: () => undefined,
  observe: async () => 'notStarted',
  start: async () => {},
  follow: async () => ({ verb: 'succeeded' }),
  cancel: async () => true,
};
