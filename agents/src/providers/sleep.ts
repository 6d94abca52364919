import { sleepProviderSchema } from '@slipway/contracts';
import { pause } from '../timers.js';
import type { Provider } from './provider.js';

/** Waits; `result` is `{ sleptMs }`. */
export const sleepProvider: Provider = {
  type: 'sleep',
  validate(config) {
    const parsed = sleepProviderSchema.safeParse(config);
    return parsed.success ? undefined : parsed.error.issues.map((issue) => `provider.${issue.path.join('.')} ${issue.message}`).join('; ');
  },
  secretReferences: () => ({}),
  async probe(config, { timers, signal }) {
    const { duration } = sleepProviderSchema.parse(config);
    await pause(timers, duration, signal);
    return signal.aborted ? { error: 'stopped' } : { result: { sleptMs: duration } };
  },
};
