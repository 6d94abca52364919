import { prometheusProviderSchema, type PrometheusProviderConfig } from '@slipway/contracts';
import type { VendorClients } from '../vendor/vendor-clients.js';
import { askMetrics } from './ask-metrics.js';
import { readPrometheus } from './prometheus-answer.js';
import { complaintOf, type Probe, type ProbeContext, type Provider } from './provider.js';

const TIMEOUT_MS = 10_000;
/** Among the secrets, beside the names of headers: no header has a space in its name. */
const TOKEN = 'bearer token';
const PASSWORD = 'basic password';

/**
 * A PromQL query at a server that speaks Prometheus's HTTP API (Prometheus, Thanos, Mimir, VictoriaMetrics). `result` is one number with its labels;
 * see prometheus-answer.ts for what each answer means.
 */
export function prometheusProvider(clients: VendorClients): Provider {
  return {
    type: 'prometheus',
    validate: (config) => complaintOf(prometheusProviderSchema, config),
    secretReferences(config) {
      const { secretHeaders, token, basic } = prometheusProviderSchema.parse(config);
      return { ...secretHeaders, ...(token ? { [TOKEN]: token } : {}), ...(basic ? { [PASSWORD]: basic.password } : {}) };
    },
    reaches: (config) => ({ servers: [new URL(prometheusProviderSchema.parse(config).server).origin] }),
    async probe(config, context): Promise<Probe> {
      const parsed = prometheusProviderSchema.parse(config);
      const { server, caFile, timeout: timeoutMs = TIMEOUT_MS, range } = parsed;
      const now = context.clock.now();
      // In the body, since queries get longer than addresses may be.
      const body = new URLSearchParams({ query: parsed.query, timeout: `${timeoutMs}ms`, ...window(range, now) }).toString();
      const headers = { ...headersOf(parsed, context), 'content-type': 'application/x-www-form-urlencoded' };
      const url = new URL(`${server}/api/v1/${range ? 'query_range' : 'query'}`);
      try {
        const answer = await askMetrics({ url, method: 'POST', headers, body, caFile, timeoutMs }, clients.gate(url.origin), context);
        return readPrometheus(answer, parsed, now);
      } catch (error) {
        return { error: (error as Error).message };
      }
    },
  };
}

function headersOf({ headers, basic }: PrometheusProviderConfig, { secrets, hide }: ProbeContext): Record<string, string> {
  const { [TOKEN]: token, [PASSWORD]: password, ...secretHeaders } = secrets;
  const sent: Record<string, string> = { ...headers, ...secretHeaders };
  if (token !== undefined) sent['authorization'] = `Bearer ${token}`;
  if (basic && password !== undefined) {
    const credentials = Buffer.from(`${basic.username}:${password}`).toString('base64');
    hide(credentials);
    sent['authorization'] = `Basic ${credentials}`;
  }
  return sent;
}

/** Up to now, at whole seconds: the points of one measurement are then those of the next. */
function window(range: PrometheusProviderConfig['range'], now: number): Record<string, string> {
  if (!range) return {};
  const end = Math.floor(now / 1_000);
  return { start: String(end - range.last / 1_000), end: String(end), step: String(range.step / 1_000) };
}
