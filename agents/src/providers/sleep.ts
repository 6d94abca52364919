import { sleepProviderSchema } from '@slipway/contracts';
import { pause } from '../timers.js';
import { complaintOf, type Provider } from './provider.js';

/** Waits, counted from when the measurement was due: another agent that goes on with it does not begin anew. `result` is `{ sleptMs }`. */
export const sleepProvider: Provider = {
  type: 'sleep',
  validate: (config) => complaintOf(sleepProviderSchema, config),
  secretReferences: () => ({}),
  async probe(config, { timers, clock, dueAt, signal }) {
    const { duration } = sleepProviderSchema.parse(config);
    await pause(timers, Math.max(0, dueAt + duration - clock.now()), signal);
    return signal.aborted ? { error: 'stopped' } : { result: { sleptMs: duration } };
  },
};
