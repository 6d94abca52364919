import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { getCACertificates } from 'node:tls';
import { SlipwayError, type Json } from '@slipway/core';
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici';
import { Ambiguous, failureOf, Interrupted, NotSent } from './failures.js';
import type { OriginGate } from './origin-gate.js';

const CONNECT_TIMEOUT_MS = 10_000;
const TIMEOUT_MS = 30_000;
/** A vendor's answer larger than this is not read: none that we ask for is. */
const BODY_BYTES_MAX = 32 * 1_048_576;
/** A request at which the server itself fails is tried so often. */
const TRIES_MAX = 6;

export interface VendorRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base, or a whole address. */
  path: string;
  query?: Record<string, string | number | boolean | readonly string[] | undefined>;
  headers?: Record<string, string>;
  json?: Json;
  /** Instead of `json`. */
  body?: Buffer;
  /** Without credentials: addresses that are secrets themselves, and hosts that are not the vendor's. */
  anonymous?: boolean;
  timeoutMs?: number;
}

export interface VendorAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
  /** Undefined when it is no JSON. */
  json: unknown;
}

export interface VendorClientOptions {
  /** As in `https://api.github.com`; without a slash at the end. */
  base: string;
  /** Headers with the credentials, asked for before every request. */
  authorize: (signal: AbortSignal) => Promise<Record<string, string>>;
  headers?: Record<string, string>;
  /** PEM file of the authority that signed the server's certificate. */
  caFile?: string;
  gate: OriginGate;
  /** How long an answer asks to be left alone, when it is a refusal for too many requests; 429 with `Retry-After` is known without. */
  limit?: (answer: VendorAnswer) => number | undefined;
}

/** What a request waits with and whom it tells. */
export interface Waiting {
  signal: AbortSignal;
  /** Called with a sentence whenever it must wait. */
  waiting: (reason: string) => void;
}

/**
 * Requests to one vendor's API. `ask` repeats what may be repeated until there is an answer; `once` sends what must not be sent twice, and
 * repeats only what certainly was not carried out. All waiting ends with the signal (`Interrupted`).
 */
export class VendorClient {
  private readonly dispatcher: Dispatcher;
  private readonly host: string;

  constructor(private readonly options: VendorClientOptions) {
    this.host = new URL(options.base).host;
    const ca = options.caFile === undefined ? undefined : readCa(options.caFile);
    const tls = ca === undefined ? {} : { ca };
    this.dispatcher = new EnvHttpProxyAgent({
      connect: { ...tls, timeout: CONNECT_TIMEOUT_MS },
      requestTls: tls,
      keepAliveTimeout: 10_000,
    });
  }

  /**
   * For requests that may be repeated: waits for as long as a server is down or unavailable (every run's requests together back off) and for
   * limits. Any other answer comes back, whatever its status. Throws `NotSent` (lasting), `Ambiguous` after six answers of 500, `Interrupted`.
   */
  async ask(what: VendorRequest, wait: Waiting): Promise<VendorAnswer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.once(what, wait);
      } catch (error) {
        if (!(error instanceof Ambiguous) || wait.signal.aborted) throw error;
        if (tries >= TRIES_MAX && error instanceof ServerFault) throw error;
        wait.waiting(error.message);
      }
    }
  }

  /** For requests that must not be sent twice. Throws `Ambiguous` when it may have been carried out, `NotSent` when it certainly was not. */
  async once(what: VendorRequest, wait: Waiting): Promise<VendorAnswer> {
    const { gate } = this.options;
    for (;;) {
      await gate.enter(wait.signal, wait.waiting);
      let answer: VendorAnswer;
      try {
        answer = await this.send(what, wait.signal);
      } catch (error) {
        if (error instanceof Interrupted || (error instanceof NotSent && error.lasting)) {
          gate.left();
          throw error;
        }
        if (!(error instanceof NotSent) && !(error instanceof Ambiguous)) {
          gate.left();
          throw error;
        }
        gate.closed(error.message);
        if (error instanceof Ambiguous) throw error;
        continue;
      }
      const patienceMs = this.patience(answer);
      if (patienceMs !== undefined) {
        gate.closed(`${this.host} wants fewer requests (${answer.status})`, patienceMs);
        continue;
      }
      if (answer.status < 500) {
        gate.opened();
        return answer;
      }
      const message = `${this.host} answered ${answer.status} to ${what.method} ${pathOf(what.path)}${excerpt(answer)}`;
      gate.closed(message, retryAfter(answer));
      throw UNAVAILABLE.has(answer.status) ? new Ambiguous(message) : new ServerFault(message);
    }
  }

  /** An answer as it comes in, for as long as it lasts; a status that is no success throws. Sent once. */
  async stream(what: VendorRequest, signal: AbortSignal): Promise<Readable> {
    const { status, body } = await this.open(what, signal, 0);
    // Whoever leaves an answer half read makes it an error, which nobody hears then.
    body.on('error', () => {});
    if (status >= 200 && status < 300) return body;
    // Tearing it off is an error of the stream's, which is nobody's concern.
    body.on('error', () => undefined).destroy();
    throw new Ambiguous(`${this.host} answered ${status} to ${what.method} ${pathOf(what.path)}`);
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  private async send(what: VendorRequest, signal: AbortSignal): Promise<VendorAnswer> {
    // A request under way is not torn off when the run is to end: whether it was carried out is worth knowing.
    const { status, headers, body } = await this.open(what, signal, what.timeoutMs ?? TIMEOUT_MS);
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > BODY_BYTES_MAX) throw new Error(`the answer is larger than ${BODY_BYTES_MAX} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw failureOf(this.host, error);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    return { status, headers, text, json: parseJson(text) };
  }

  private async open(what: VendorRequest, signal: AbortSignal, timeoutMs: number) {
    const { base, authorize } = this.options;
    const url = new URL(/^https?:/.test(what.path) ? what.path : base + what.path);
    for (const [name, value] of Object.entries(what.query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) url.searchParams.append(name, String(one));
    }
    const credentials = what.anonymous ? {} : await authorize(signal);
    if (signal.aborted) throw new Interrupted();
    const type = what.json === undefined ? {} : { 'content-type': 'application/json' };
    const body = what.json === undefined ? what.body : JSON.stringify(what.json);
    try {
      const answer = await request(url, {
        method: what.method,
        headers: {
          'user-agent': 'slipway-agent',
          ...type,
          ...(what.anonymous ? {} : this.options.headers),
          ...credentials,
          ...what.headers,
        },
        body: body ?? null,
        dispatcher: this.dispatcher,
        // It counts from the first byte of a request that may take long to send.
        headersTimeout: Math.max(timeoutMs, TIMEOUT_MS),
        bodyTimeout: timeoutMs === 0 ? 0 : TIMEOUT_MS,
        signal: timeoutMs === 0 ? signal : AbortSignal.timeout(timeoutMs),
      });
      return { status: answer.statusCode, headers: flatten(answer.headers), body: answer.body };
    } catch (error) {
      throw failureOf(url.host, error);
    }
  }

  private patience(answer: VendorAnswer): number | undefined {
    const own = this.options.limit?.(answer);
    if (own !== undefined) return own;
    return answer.status === 429 ? (retryAfter(answer) ?? 10_000) : undefined;
  }
}

/** Answers of a gateway before a server that is down: it will come back. */
const UNAVAILABLE = new Set([502, 503, 504]);

/** The server itself failed at this request, and may do so for ever. */
class ServerFault extends Ambiguous {}

/** `Retry-After` in milliseconds: seconds or a date. */
export function retryAfter({ headers }: Pick<VendorAnswer, 'headers'>): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  // By the server's own clock, when it tells: ours may differ.
  const now = Date.parse(headers['date'] ?? '');
  return Number.isNaN(at) || Number.isNaN(now) ? undefined : Math.max(0, at - now);
}

/** The certificates in a `caFile`, beside those that are trusted anyway. Throws `agent.caFile.unreadable`. */
export function readCa(file: string): string[] {
  try {
    return [...getCACertificates('default'), readFileSync(file, 'utf8')];
  } catch (error) {
    throw new SlipwayError({
      code: 'agent.caFile.unreadable',
      kind: 'invalid',
      message: `caFile ${file} could not be read on this agent: ${(error as NodeJS.ErrnoException).code}`,
    });
  }
}

const flatten = (headers: Record<string, string | string[] | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: whoever reads it says so, with the address.
    return undefined;
  }
}

const pathOf = (path: string): string => (/^https?:/.test(path) ? new URL(path).pathname : path);

const excerpt = ({ text }: VendorAnswer): string => (text === '' ? '' : `: ${text.slice(0, 200).replace(/\s+/g, ' ')}`);
