import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TEST_CERTIFICATE } from './test-certificate.js';
import type { SeenExchange, VendorContract } from './vendor-contract.js';

export interface VendorRequestSeen extends SeenExchange {
  headers: http.IncomingHttpHeaders;
  raw: Buffer;
  /** What became of it: `undefined` while it is answered. */
  status?: number;
}

export type VendorReply =
  | { status: number; body?: unknown; headers?: Record<string, string>; text?: string }
  /** The stand-in writes the answer itself, for as long as it likes. */
  | { stream: (response: http.ServerResponse, request: http.IncomingMessage) => void };

/** A misbehaviour, for the next `times` requests that match (one by default). */
export interface Fault {
  method?: string;
  /** Matches the path below the base. */
  path: RegExp;
  times?: number;
  /** Answer with this instead of carrying the request out. */
  instead?: VendorReply;
  /** Carry it out, then answer with this. */
  afterwards?: VendorReply;
  /** Carry it out, then close the connection without an answer. */
  loseAnswer?: true;
  /** Answer only after so long, or never. */
  delayMs?: number;
}

/**
 * A stand-in for a vendor: a real HTTP server that keeps state and misbehaves when told. Every request, and every answer of its own (not those of
 * faults), is judged by the vendor's document; a test ends with `expectContract`.
 */
export abstract class VendorServer {
  readonly requests: VendorRequestSeen[] = [];
  /** What broke the vendor's document, in either direction. */
  readonly violations: string[] = [];
  /** Fields that the document requires and our answers lack. */
  readonly warnings = new Set<string>();
  /**
   * Told when a request came in and when it was carried out, before it is answered. True: whoever asked died in this moment, so the request is not
   * carried out any more, or not answered.
   */
  witness: (instant: string) => boolean = () => false;
  private faults: (Fault & { times: number })[] = [];
  private server: http.Server | undefined;
  private readonly sockets = new Set<Socket>();
  private port = 0;

  /**
   * `basePath`: what comes before the document's paths, as in `/api/v3`. `undocumented`: operations that the vendor has and its document
   * lacks; `undocumentedQuery`: query parameters like that. `mistaken`: complaints at which the document is wrong, or the request is meant to be
   * refused. `tls`: with a certificate that nobody trusts unless told (test-certificate.ts).
   */
  constructor(
    protected readonly options: {
      contract?: VendorContract;
      basePath?: string;
      undocumented?: readonly RegExp[];
      undocumentedQuery?: readonly string[];
      mistaken?: readonly RegExp[];
      tls?: boolean;
    } = {},
  ) {}

  /** What the vendor answers; state changes here. */
  protected abstract answer(request: VendorRequestSeen): VendorReply | Promise<VendorReply>;

  get url(): string {
    return `${this.options.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  /** Requests so far whose method and path match. */
  count(method: string, path: RegExp): number {
    return this.requests.filter((request) => request.method === method && path.test(request.path)).length;
  }

  misbehave(fault: Fault): void {
    this.faults.push({ times: 1, ...fault });
  }

  behave(): void {
    this.faults = [];
  }

  /** Listen: the first time at a free port, afterwards at the same. */
  async start(): Promise<this> {
    const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => void this.serve(request, response);
    const server = this.options.tls ? https.createServer(TEST_CERTIFICATE, listener) : http.createServer(listener);
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
    return this;
  }

  /** Down: connections are refused until `start`. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  private async serve(incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const request = await this.read(incoming);
    if (!request) return;
    const name = `${request.method} ${request.path}`;
    if (this.witness(`${name} arrives`)) return void response.destroy();
    this.requests.push(request);
    const fault = this.takeFault(request);
    const known = !this.options.undocumented?.some((pattern) => pattern.test(`${request.method} ${request.path}`));
    if (known) this.complain(this.options.contract?.checkRequest(this.documented(request)) ?? []);
    const reply = fault?.instead ?? (await this.carryOut(request, known));
    if (fault?.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs).unref());
    if (this.witness(`${name} is carried out`) || fault?.loseAnswer) return void response.destroy();
    this.write(request, fault?.afterwards ?? reply, response, incoming);
  }

  private documented(request: VendorRequestSeen): VendorRequestSeen {
    const query = new URLSearchParams(request.query);
    for (const name of this.options.undocumentedQuery ?? []) query.delete(name);
    return { ...request, query };
  }

  private complain(complaints: readonly string[]): void {
    this.violations.push(...complaints.filter((complaint) => !this.options.mistaken?.some((pattern) => pattern.test(complaint))));
  }

  private async carryOut(request: VendorRequestSeen, known: boolean): Promise<VendorReply> {
    let reply: VendorReply;
    try {
      reply = await this.answer(request);
    } catch (error) {
      this.violations.push(`the stand-in failed at ${request.method} ${request.path}: ${(error as Error).stack ?? String(error)}`);
      return { status: 500, body: { message: 'the stand-in failed' } };
    }
    if ('stream' in reply || !known || !this.options.contract) return reply;
    const body: unknown = reply.body === undefined ? undefined : JSON.parse(JSON.stringify(reply.body));
    const judged = this.options.contract.checkAnswer(request, reply.status, body);
    this.complain(judged.problems);
    for (const warning of judged.warnings) this.warnings.add(warning);
    return reply;
  }

  private write(request: VendorRequestSeen, reply: VendorReply, response: http.ServerResponse, incoming: http.IncomingMessage): void {
    if (response.destroyed) return;
    if ('stream' in reply) return reply.stream(response, incoming);
    request.status = reply.status;
    const text = reply.text ?? (reply.body === undefined ? '' : JSON.stringify(reply.body));
    const type = reply.text === undefined ? 'application/json' : 'text/plain';
    response.writeHead(reply.status, { 'content-type': type, date: new Date().toUTCString(), ...reply.headers });
    response.end(reply.status === 304 || reply.status === 204 ? undefined : text);
  }

  private async read(incoming: http.IncomingMessage): Promise<VendorRequestSeen | undefined> {
    const url = new URL(incoming.url ?? '/', this.url);
    const base = this.options.basePath ?? '';
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      // The client went away before it had asked.
      return undefined;
    }
    const raw = Buffer.concat(chunks);
    let body: unknown;
    try {
      body = raw.length === 0 ? undefined : JSON.parse(raw.toString('utf8'));
    } catch {
      body = undefined;
    }
    const path = url.pathname.startsWith(base) ? url.pathname.slice(base.length) : url.pathname;
    return { method: incoming.method ?? 'GET', path, query: url.searchParams, body, raw, headers: incoming.headers };
  }

  private takeFault({ method, path }: VendorRequestSeen): Fault | undefined {
    const fault = this.faults.find((candidate) => (candidate.method ?? method) === method && candidate.path.test(path));
    if (!fault) return undefined;
    fault.times--;
    if (fault.times <= 0) this.faults.splice(this.faults.indexOf(fault), 1);
    return fault;
  }
}
