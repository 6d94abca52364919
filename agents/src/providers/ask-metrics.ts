import type { OriginGate } from '../vendor/origin-gate.js';
import { retryAfter } from '../vendor/vendor-client.js';
import { sendOnce, type Answer, type OneRequest } from './one-request.js';
import type { ProbeContext } from './provider.js';

/** How long one measurement waits for a server that wants fewer requests; later it is an error, and the next one waits. */
const PATIENCE_MS_MAX = 120_000;
/** Where such an answer does not say how long. */
const PATIENCE_MS_DEFAULT = 10_000;

type MetricsRequest = Omit<OneRequest, 'signal' | 'proxied'> & { timeoutMs: number };

/**
 * Asks a metrics server once: it is the metric that asks again at its next interval, and that judges errors. Only 429 is waited for, with all that ask
 * the same server, since one that is asked at once again would never answer. Throws an error that says why there is no answer.
 */
export async function askMetrics(request: MetricsRequest, gate: OriginGate, context: ProbeContext): Promise<Answer> {
  const { timeoutMs, ...asked } = request;
  const { host } = request.url;
  const impatient = new AbortController();
  const stopWaiting = context.timers.after(PATIENCE_MS_MAX, () => impatient.abort());
  let reason = 'stopped';
  try {
    for (;;) {
      await gate
        .enter(AbortSignal.any([context.signal, impatient.signal]), (because) => (reason = because))
        .catch(() => {
          throw new Error(reason);
        });
      const timeout = AbortSignal.timeout(timeoutMs);
      let answer: Answer;
      try {
        answer = await sendOnce({ ...asked, proxied: true, signal: AbortSignal.any([timeout, context.signal]) });
      } catch (error) {
        gate.left();
        throw timeout.aborted ? new Error(`no answer from ${host} within ${timeoutMs / 1_000} s`) : error;
      }
      if (answer.status !== 429) {
        gate.opened();
        return answer;
      }
      reason = `${host} wants fewer requests (429)`;
      gate.closed(reason, patienceMs(answer));
    }
  } finally {
    stopWaiting();
  }
}

/** `Retry-After`, or as Datadog tells it: in seconds, when its count begins anew. */
function patienceMs({ headers }: Answer): number {
  const reset = headers['x-ratelimit-reset'];
  return retryAfter({ headers }) ?? (reset !== undefined && /^\d+$/.test(reset) ? Number(reset) * 1_000 : PATIENCE_MS_DEFAULT);
}
