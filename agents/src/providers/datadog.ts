import { datadogProviderSchema, type DatadogProviderConfig } from '@slipway/contracts';
import type { VendorClients } from '../vendor/vendor-clients.js';
import { askMetrics } from './ask-metrics.js';
import { readScalar, readTimeseries, type Window } from './datadog-answer.js';
import { complaintOf, type Probe, type Provider } from './provider.js';

/** Formulas over long windows take their time. */
const TIMEOUT_MS = 30_000;
/** What came in later than this is rare. */
const DELAY_MS = 120_000;

/** A metric query at Datadog: a time series (API v1) or single values with a formula (v2). `result` is one number with its group. */
export function datadogProvider(clients: VendorClients): Provider {
  return {
    type: 'datadog',
    validate: (config) => complaintOf(datadogProviderSchema, config),
    secretReferences(config) {
      const { apiKey, applicationKey } = datadogProviderSchema.parse(config);
      return { apiKey, applicationKey };
    },
    reaches: (config) => ({ servers: [new URL(datadogProviderSchema.parse(config).site).origin] }),
    async probe(config, context): Promise<Probe> {
      const parsed = datadogProviderSchema.parse(config);
      const { window, caFile, timeout: timeoutMs = TIMEOUT_MS } = parsed;
      const to = Math.floor((context.clock.now() - (window.delay ?? DELAY_MS)) / 1_000) * 1_000;
      const within = { from: to - window.last, to };
      const { apiKey = '', applicationKey = '' } = context.secrets;
      const headers = { accept: 'application/json', 'dd-api-key': apiKey, 'dd-application-key': applicationKey };
      const question = parsed.query === undefined ? scalar(parsed, within) : timeseries(parsed, within);
      try {
        const request = { ...question, headers: { ...headers, ...question.headers }, caFile, timeoutMs };
        const answer = await askMetrics(request, clients.gate(question.url.origin), context);
        return parsed.query === undefined ? readScalar(answer, parsed, within) : readTimeseries(answer, parsed, within);
      } catch (error) {
        return { error: (error as Error).message };
      }
    },
  };
}

/** In seconds. */
function timeseries({ site, query = '' }: DatadogProviderConfig, { from, to }: Window) {
  const url = new URL(`${site}/api/v1/query`);
  url.search = new URLSearchParams({ from: String(Math.floor(from / 1_000)), to: String(to / 1_000), query }).toString();
  return { url, method: 'GET', headers: {} };
}

/** In milliseconds. */
function scalar({ site, queries = {}, formula }: DatadogProviderConfig, { from, to }: Window) {
  const asked = Object.entries(queries).map(([name, one]) => ({ data_source: 'metrics', name, ...one }));
  const formulas = [{ formula: formula ?? Object.keys(queries)[0] }];
  const body = JSON.stringify({ data: { type: 'scalar_request', attributes: { from, to, queries: asked, formulas } } });
  return { url: new URL(`${site}/api/v2/query/scalar`), method: 'POST', headers: { 'content-type': 'application/json' }, body };
}
