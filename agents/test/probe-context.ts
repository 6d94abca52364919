import type { ProbeContext } from '../src/providers/provider.js';
import { realClock, realTimers } from '../src/timers.js';

/** What a measurement that is due now brings its provider. */
export const probeContext = (secrets: Record<string, string> = {}, over: Partial<ProbeContext> = {}): ProbeContext => ({
  timers: realTimers,
  clock: realClock,
  signal: new AbortController().signal,
  dueAt: Date.now(),
  secrets,
  hide: () => {},
  ...over,
});
