import { performance } from 'node:perf_hooks';
import { httpProviderSchema, type HttpProviderConfig } from '@slipway/contracts';
import { BODY_BYTES_MAX, describePage, jsonOf, sendOnce, type Answer } from './one-request.js';
import { complaintOf, type Probe, type ProbeContext, type Provider } from './provider.js';

const TIMEOUT_MS = 10_000;
const REDIRECTS_MAX = 5;
/** Among the secrets, beside the names of headers: no header has a space in its name. */
const CLIENT_KEY = 'client key';

/**
 * One request over a connection of its own. `result` is `{ status, headers, body, json, latencyMs }`; the latency is measured to the end of the
 * body. Refused, timed out, unresolved, not trusted are errors, and so is a page where JSON was asked for. A redirect is followed, but never with
 * secrets or a body to another host.
 */
export const httpProvider: Provider = {
  type: 'http',
  validate: (config) => complaintOf(httpProviderSchema, config),
  secretReferences(config) {
    const { secretHeaders, clientCertificate } = httpProviderSchema.parse(config);
    return { ...secretHeaders, ...(clientCertificate ? { [CLIENT_KEY]: clientCertificate.key } : {}) };
  },
  reaches: (config) => ({ servers: [new URL(httpProviderSchema.parse(config).url).origin] }),
  async probe(config, context): Promise<Probe> {
    const parsed = httpProviderSchema.parse(config);
    const timeout = AbortSignal.timeout(parsed.timeout ?? TIMEOUT_MS);
    const begunAt = performance.now();
    try {
      const answer = await follow(parsed, context, AbortSignal.any([timeout, context.signal]));
      return measured(parsed, answer, Math.round(performance.now() - begunAt));
    } catch (error) {
      if (timeout.aborted) return { error: `no answer from ${parsed.url} within ${(parsed.timeout ?? TIMEOUT_MS) / 1_000} s` };
      return { error: (error as Error).message };
    }
  },
};

function measured({ url, headers: asked = {} }: HttpProviderConfig, answer: Answer, latencyMs: number): Probe {
  const { status, headers, body, truncated } = answer;
  const json = jsonOf(answer);
  const isSuccess = status >= 200 && status <= 299;
  if (json === undefined && isSuccess && body !== '' && asksForJson(asked))
    return { error: `${url}: JSON was asked for, and the answer is ${describePage(answer)}; does something else answer in its place?` };
  const remarks = [
    ...(truncated ? [`only the first ${BODY_BYTES_MAX / 1_048_576} MiB of the body was read`] : []),
    ...(json === undefined && isSuccess && /html/.test(headers['content-type'] ?? '') ? [`the answer is ${describePage(answer)}`] : []),
  ];
  const result = { status, headers, body, json: json ?? null, latencyMs };
  return remarks.length === 0 ? { result } : { result, remark: remarks.join('; ') };
}

async function follow(config: HttpProviderConfig, { secrets }: ProbeContext, signal: AbortSignal): Promise<Answer> {
  const { redirects = 'follow', caFile, clientCertificate } = config;
  const { [CLIENT_KEY]: key, ...secretHeaders } = secrets;
  const certificate = clientCertificate && key !== undefined ? { certFile: clientCertificate.certFile, key } : undefined;
  const carriesAuth = Object.keys(secrets).length > 0 || hasAuth(config) || config.body !== undefined;
  const first = new URL(config.url);
  let url = first;
  let sending: { method: string; body: string | undefined } = { method: config.method ?? 'GET', body: config.body };
  for (let hops = 0; ; hops++) {
    const headers = { ...config.headers, ...secretHeaders };
    const answer = await sendOnce({ ...sending, url, headers, caFile, certificate, proxied: false, signal });
    const { location } = answer.headers;
    if (answer.status < 300 || answer.status > 399 || location === undefined || redirects === 'never') return answer;
    const next = URL.parse(location, url.href);
    if (!next || !/^https?:$/.test(next.protocol)) throw new Error(`${url.host} redirects to ${location}, which is no address of the web`);
    if (next.origin !== first.origin && redirects === 'sameHost') return answer;
    if (next.origin !== first.origin && carriesAuth)
      throw new Error(
        `${url.host} redirects to ${next.origin}, which is not followed with secrets or a body; write the address where it ends`,
      );
    if (hops >= REDIRECTS_MAX) throw new Error(`${config.url}: more than ${REDIRECTS_MAX} redirects`);
    sending = redirected(answer.status, sending);
    url = next;
  }
}

/** As browsers do: only 307 and 308 send the same again. */
function redirected(status: number, sent: { method: string; body: string | undefined }): { method: string; body: string | undefined } {
  const becomesGet = status === 303 ? sent.method !== 'HEAD' : (status === 301 || status === 302) && sent.method === 'POST';
  return becomesGet ? { method: 'GET', body: undefined } : sent;
}

const hasAuth = (config: HttpProviderConfig): boolean => Object.keys(config.headers ?? {}).some((name) => /(token|key|secret)/i.test(name));

const asksForJson = (headers: Readonly<Record<string, string>>): boolean =>
  Object.entries(headers).some(([name, value]) => name.toLowerCase() === 'accept' && /json/.test(value) && !/html|\*\/\*/.test(value));
