import http from 'node:http';
import https from 'node:https';
import { performance } from 'node:perf_hooks';
import { httpProviderSchema, type HttpProviderConfig } from '@slipway/contracts';
import type { Json } from '@slipway/core';
import { printable } from '../text.js';
import type { Probe, ProbeContext, Provider } from './provider.js';

const TIMEOUT_MS = 10_000;
/** More of a body is not read; a condition over it would rarely hold. */
const BODY_BYTES_MAX = 1_048_576;
const REDIRECTS_MAX = 5;

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
  location: string | undefined;
}

/**
 * One request over a connection of its own (a kept one would always reach the same backend). `result` is `{ status, headers, body, json,
 * latencyMs }`; the latency is measured to the end of the body. Refused, timed out, unresolved are errors. A redirect is followed, but never
 * with secrets or a body to another host.
 */
export const httpProvider: Provider = {
  type: 'http',
  validate(config) {
    const parsed = httpProviderSchema.safeParse(config);
    return parsed.success ? undefined : parsed.error.issues.map((issue) => `provider.${issue.path.join('.')} ${issue.message}`).join('; ');
  },
  secretReferences: (config) => httpProviderSchema.parse(config).secretHeaders ?? {},
  reaches: (config) => ({ servers: [new URL(httpProviderSchema.parse(config).url).origin] }),
  async probe(config, context): Promise<Probe> {
    const parsed = httpProviderSchema.parse(config);
    const timeout = AbortSignal.timeout(parsed.timeout ?? TIMEOUT_MS);
    const begunAt = performance.now();
    try {
      const answer = await follow(parsed, context, AbortSignal.any([timeout, context.signal]));
      const latencyMs = Math.round(performance.now() - begunAt);
      const { status, headers, body } = answer;
      return { result: { status, headers, body, json: parseJson(body), latencyMs } };
    } catch (error) {
      if (timeout.aborted) return { error: `no answer from ${parsed.url} within ${(parsed.timeout ?? TIMEOUT_MS) / 1_000} s` };
      return { error: `${parsed.url}: ${reason(error)}` };
    }
  },
};

async function follow(config: HttpProviderConfig, context: ProbeContext, signal: AbortSignal): Promise<Answer> {
  const first = new URL(config.url);
  let url = first;
  for (let hops = 0; ; hops++) {
    const sameHost = url.origin === first.origin;
    const answer = await request(url, config, sameHost ? context.secrets : {}, signal);
    if (answer.status < 300 || answer.status > 399 || answer.location === undefined) return answer;
    const next = new URL(answer.location, url);
    const carriesAuth = Object.keys(context.secrets).length > 0 || hasAuth(config) || config.body !== undefined;
    if (next.origin !== first.origin && carriesAuth)
      throw new Error(`redirects to ${next.host}, which is not followed with secrets or a body`);
    if (!/^https?:$/.test(next.protocol)) throw new Error(`redirects to ${next.protocol}`);
    if (hops >= REDIRECTS_MAX) throw new Error(`more than ${REDIRECTS_MAX} redirects`);
    url = next;
  }
}

const hasAuth = (config: HttpProviderConfig): boolean =>
  Object.keys(config.headers ?? {}).some((name) => /^(authorization|cookie|proxy-authorization|.*(token|key|secret).*)$/i.test(name));

function request(url: URL, config: HttpProviderConfig, secrets: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? https.request : http.request;
    const headers = { connection: 'close', 'user-agent': 'slipway-agent', ...config.headers, ...secrets };
    const asked = send(url, { method: config.method ?? 'GET', headers, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const done = (): void => {
        const body = printable(Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX).toString('utf8'));
        resolve({ status: response.statusCode ?? 0, headers: flatten(response.headers), body, location: response.headers.location });
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes < BODY_BYTES_MAX) return;
        done();
        response.destroy();
      });
      response.on('end', done);
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(config.body);
  });
}

const flatten = (headers: http.IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, printable(Array.isArray(value) ? value.join(', ') : (value ?? ''))]),
  );

function parseJson(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    // Not JSON: a condition over `result.json` then finds nothing there.
    return null;
  }
}

function reason(error: unknown): string {
  const failed = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] };
  const known: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ENOTFOUND: 'the name does not resolve',
    EAI_AGAIN: 'the name does not resolve now',
    ECONNRESET: 'connection reset',
    ETIMEDOUT: 'connection timed out',
    EHOSTUNREACH: 'host unreachable',
  };
  const code = failed.code ?? failed.errors?.[0]?.code ?? '';
  return known[code] ?? (failed.message || code || 'failed');
}
