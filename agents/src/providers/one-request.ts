import { readFileSync } from 'node:fs';
import type { Json } from '@slipway/core';
import { Agent, EnvHttpProxyAgent, request } from 'undici';
import { printable } from '../text.js';
import { failureOf } from '../vendor/failures.js';
import { readCa } from '../vendor/vendor-client.js';

/** More of an answer is not read: nothing that one measurement needs is larger. */
export const BODY_BYTES_MAX = 1_048_576;

export interface OneRequest {
  url: URL;
  method: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  caFile?: string | undefined;
  certificate?: { certFile: string; key: string } | undefined;
  /** By way of the proxies that the agent's environment names, as requests to vendors go; what is at the agent's own site is reached straight. */
  proxied: boolean;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** There was more than `BODY_BYTES_MAX`. */
  truncated: boolean;
}

/**
 * Sends one request, once, over a connection of its own (a kept one would always reach the same backend). Any answer is given back; without one it
 * throws an error that says why.
 */
export async function sendOnce({ url, method, headers, body, signal, ...how }: OneRequest): Promise<Answer> {
  const dispatcher = connection(how);
  try {
    // Lower-case, so that a name that is written twice is sent once.
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const sent = { 'user-agent': 'slipway-agent', ...lower };
    const answer = await request(url, { method, headers: sent, body: body ?? null, reset: true, dispatcher, signal });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) break;
    }
    const text = Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX).toString('utf8');
    return { status: answer.statusCode, headers: flatten(answer.headers), body: printable(text), truncated: bytes > BODY_BYTES_MAX };
  } catch (error) {
    throw failureOf(url.host, error);
  } finally {
    // Not awaited: a server that does not close would hold the measurement up.
    void dispatcher.destroy().catch(() => {});
  }
}

function connection({ caFile, certificate, proxied }: Pick<OneRequest, 'caFile' | 'certificate' | 'proxied'>): Agent | EnvHttpProxyAgent {
  const tls = {
    ...(caFile === undefined ? {} : { ca: readCa(caFile) }),
    ...(certificate ? { cert: readFileSync(certificate.certFile, 'utf8'), key: certificate.key } : {}),
  };
  // Time is limited by the signal alone.
  const limits = { headersTimeout: 0, bodyTimeout: 0, connections: 1 };
  const connect = { ...tls, timeout: 0 };
  return proxied ? new EnvHttpProxyAgent({ ...limits, connect, requestTls: tls }) : new Agent({ ...limits, connect });
}

const flatten = (headers: Record<string, string | string[] | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      printable(Array.isArray(value) ? value.join(', ') : (value ?? '')),
    ]),
  );

/** Undefined where the body is no JSON, or not all of it was read. */
export function jsonOf({ body, truncated }: Answer): Json | undefined {
  if (truncated) return undefined;
  try {
    return JSON.parse(body) as Json;
  } catch {
    // Whoever needs JSON says what it got instead.
    return undefined;
  }
}

/** What an answer is that should have been JSON: a page to log in at, an error page of a proxy. */
export function describePage({ status, headers, body, truncated }: Answer): string {
  const type = headers['content-type']?.split(';')[0] || 'of no type';
  const title = /<title[^>]*>\s*([^<]{1,100})/i.exec(body)?.[1]?.trim();
  const text = title === undefined ? body.slice(0, 200).replace(/\s+/g, ' ').trim() : `a page with the title "${title}"`;
  const more = truncated ? `, longer than ${BODY_BYTES_MAX / 1_048_576} MiB` : '';
  const elsewhere = headers['location'] === undefined ? '' : `; it redirects to ${headers['location']}`;
  return `${status}, ${type}${more}${text === '' ? ', empty' : `: ${text}`}${elsewhere}`;
}
