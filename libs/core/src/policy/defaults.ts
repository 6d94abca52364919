import type { GradualRolloutRule, RetrySpec, TimeoutsSpec } from '../model/policy.js';

/** How a version goes where no policy says how. */
export const DEFAULT_GRADUAL_ROLLOUT: GradualRolloutRule = {
  kind: 'gradualRollout',
  across: { type: 'allAtOnce' },
  order: [],
  failureBudget: { count: 0 },
  bakeMs: 0,
};

/** One attempt: what failed is looked at before it is repeated. */
export const DEFAULT_RETRY: RetrySpec = { attempts: 1, on: [], backoff: 'constant', delayMs: 0, maxDelayMs: 0, jitter: 0 };

/** Pickup 10m, run 1h, silence 90s. */
export const DEFAULT_TIMEOUTS: Required<TimeoutsSpec> = { pickupMs: 600_000, runMs: 3_600_000, silenceMs: 90_000 };
