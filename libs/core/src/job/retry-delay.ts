import type { RetrySpec } from '../model/policy.js';

/**
 * How long to wait after attempt number `attempt` (from 1) has failed, in milliseconds. `random` in [0, 1) spreads the jitter share evenly
 * around the delay: with jitter 0.2 and delay 10 s it is 9 to 11 s.
 */
export function retryDelayMs(retry: RetrySpec, attempt: number, random: number): number {
  const factor = retry.backoff === 'exponential' ? 2 ** (attempt - 1) : 1;
  const delay = Math.min(retry.delayMs * factor, Math.max(retry.maxDelayMs, retry.delayMs));
  const jitter = Math.min(1, Math.max(0, retry.jitter));
  return Math.max(0, Math.round(delay * (1 + jitter * (random - 0.5))));
}
