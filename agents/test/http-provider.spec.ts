import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { completeMetric } from '@slipway/contracts';
import { eventually, TEST_CERTIFICATE } from '@slipway/testkit';
import { httpProvider } from '../src/providers/http.js';
import type { Probe } from '../src/providers/provider.js';
import { AgentBench } from './agent-bench.js';
import { probeContext } from './probe-context.js';
import { grantOf } from './scratch-run.js';

const directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-http-'));
const caFile = path.join(directory, 'ca.pem');
writeFileSync(caFile, TEST_CERTIFICATE.cert);
const servers: { closeAllConnections(): void; close(): void }[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(directory, { recursive: true });
});

async function listen(server: Server & { closeAllConnections(): void }, host: string): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}
const serve = async (listener: RequestListener, host = '127.0.0.1'): Promise<string> =>
  `http://${host.includes(':') ? `[${host}]` : host}:${await listen(createServer(listener), host)}`;
const serveTls = async (listener: RequestListener, more: ServerOptions = {}): Promise<string> =>
  `https://127.0.0.1:${await listen(createTlsServer({ ...TEST_CERTIFICATE, ...more }, listener), '127.0.0.1')}`;

const get = (url: string, more: object = {}, secrets?: Record<string, string>): Promise<Probe> =>
  httpProvider.probe({ type: 'http', url, ...more }, probeContext(secrets));

describe('the http provider', () => {
  it('gives status, headers, body, JSON and latency, over a new connection each time', async () => {
    const connections = new Set<number | undefined>();
    const url = await serve((request, response) => {
      connections.add(request.socket.remotePort);
      response.writeHead(503, { 'content-type': 'application/json' }).end('{"version":"1.0.0"}');
    });
    const probe = await get(`${url}/health`);
    expect(probe).toMatchObject({
      result: { status: 503, body: '{"version":"1.0.0"}', json: { version: '1.0.0' }, latencyMs: expect.any(Number) },
    });
    await get(url);
    expect(connections.size).toBe(2);
  });

  it('gives null for a body that is no JSON, and no more than one MiB of it', async () => {
    const url = await serve((_request, response) => response.end('x'.repeat(3_000_000)));
    const probe = (await get(url)) as { result: { body: string; json: null } };
    expect([probe.result.body.length, probe.result.json]).toEqual([1_048_576, null]);
    expect(probe).toMatchObject({ remark: 'only the first 1 MiB of the body was read' });
  });

  it('sends method, headers, body and secret headers', async () => {
    const seen: IncomingMessage[] = [];
    const url = await serve((request, response) => {
      seen.push(request);
      request.pipe(response);
    });
    const probe = await get(url, { method: 'POST', headers: { 'x-a': '1' }, body: '[1]' }, { authorization: 'Bearer t' });
    expect(probe).toMatchObject({ result: { status: 200, json: [1] } });
    expect(seen[0]?.headers).toMatchObject({ 'x-a': '1', authorization: 'Bearer t' });
  });

  it('takes what cannot be reached for an error, not for a measurement', async () => {
    expect(await get('http://127.0.0.1:1/')).toEqual({ error: '127.0.0.1:1: connection refused' });
    const silent = await serve(() => {});
    expect(await get(silent, { timeout: '100ms' })).toEqual({ error: `no answer from ${silent} within 0.1 s` });
    const broken = await serve((request) => request.socket.destroy());
    expect(await get(broken)).toEqual({ error: expect.stringMatching(/^127.0.0.1:\d+: the connection was .* before the answer$/) });
  });

  it('follows redirects, but never takes a secret to another host', async () => {
    const auth: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      auth.push(request.headers.authorization);
      response.end('other');
    });
    const here = await serve((request, response) => {
      if (request.url === '/here') response.end('here');
      else response.writeHead(302, { location: request.url === '/loop' ? '/loop' : request.url === '/away' ? other : '/here' }).end();
    });
    expect(await get(`${here}/start`, {}, { authorization: 't' })).toMatchObject({ result: { body: 'here' } });
    expect(await get(`${here}/away`)).toMatchObject({ result: { body: 'other' } });
    expect(await get(`${here}/away`, {}, { authorization: 't' })).toMatchObject({
      error: expect.stringContaining('not followed with secrets'),
    });
    expect(await get(`${here}/loop`)).toMatchObject({ error: expect.stringContaining('more than 5 redirects') });
    expect(auth).toEqual([undefined]);
  });

  it.each([
    ['sameHost', '/away', 302],
    ['sameHost', '/start', 200],
    ['never', '/start', 302],
  ])('with redirects: %s takes what is not followed for the answer (%s: %d)', async (redirects, at, status) => {
    const here = await serve((request, response) => {
      if (request.url === '/here') response.end('here');
      else response.writeHead(302, { location: request.url === '/away' ? 'http://127.0.0.1:1/' : '/here' }).end();
    });
    expect(await get(`${here}${at}`, { redirects }, { authorization: 't' })).toMatchObject({ result: { status } });
  });

  it('repeats a body only where the redirect asks for it', async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['content-length'] ?? '-'}`);
      if (request.url === '/end') response.end();
      else response.writeHead(Number(request.url?.slice(1)), { location: '/end' }).end();
    });
    for (const status of [302, 303, 307]) await get(`${url}/${status}`, { method: 'POST', body: 'abc' });
    expect(seen.filter((line) => line.includes('/end'))).toEqual(['GET /end -', 'GET /end -', 'POST /end 3']);
    const odd = await serve((_request, response) => response.writeHead(302, { location: 'ftp://a/' }).end());
    expect(await get(odd)).toMatchObject({ error: expect.stringContaining('redirects to ftp://a/, which is no address of the web') });
  });

  it('takes a page for an error where JSON was asked for, and otherwise tells of it beside a condition that does not hold', async () => {
    const page = '<!doctype html><html><title>Sign in</title></html>';
    const url = await serve((_request, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page));
    expect(await get(url, { headers: { accept: 'application/json' } })).toEqual({
      error: `${url}: JSON was asked for, and the answer is 200, text/html: a page with the title "Sign in"; does something else answer in its place?`,
    });
    expect(await get(url)).toMatchObject({
      result: { status: 200, body: page, json: null },
      remark: 'the answer is 200, text/html: a page with the title "Sign in"',
    });
    const healthy = await serve((_request, response) => response.end('{}'));
    expect(await get(healthy, { headers: { accept: 'application/json' } })).not.toHaveProperty('remark');
  });

  it('does not trust a certificate that it was not told of, and says how to tell it', async () => {
    const url = await serveTls((_request, response) => response.end('secure'));
    expect(await get(url)).toEqual({
      error: expect.stringMatching(
        /^the certificate of 127.0.0.1:\d+ is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\); name .* with caFile$/,
      ),
    });
    expect(await get(url, { caFile })).toMatchObject({ result: { status: 200, body: 'secure' } });
    expect(await get(url, { caFile: '/does/not/exist.pem' })).toEqual({
      error: 'caFile /does/not/exist.pem could not be read on this agent: ENOENT',
    });
    const elsewhere = url.replace('127.0.0.1', '127.0.0.2');
    expect(await get(elsewhere, { caFile })).toMatchObject({ error: expect.stringMatching(/refused|ERR_TLS_CERT_ALTNAME_INVALID/) });
  });

  it('proves itself with a certificate of its own', async () => {
    const url = await serveTls(
      (request, response) => response.end(String((request.socket as unknown as { authorized: boolean }).authorized)),
      {
        requestCert: true,
        ca: TEST_CERTIFICATE.cert,
      },
    );
    const clientCertificate = { certFile: caFile, key: 'env:KEY' };
    const config = { type: 'http', url, caFile, clientCertificate };
    expect(httpProvider.secretReferences(config)).toEqual({ 'client key': 'env:KEY' });
    expect(await get(url, { caFile, clientCertificate }, { 'client key': TEST_CERTIFICATE.key })).toMatchObject({
      result: { body: 'true' },
    });
    expect(await get(url, { caFile })).not.toMatchObject({ result: { body: 'true' } });
  });

  it('reaches hosts by IPv6', async () => {
    const url = await serve((_request, response) => response.end('six'), '::1');
    expect(await get(url)).toMatchObject({ result: { body: 'six' } });
  });

  it('sends a header once however it is written, and an own Host', async () => {
    let raw: string[] = [];
    const url = await serve((request, response) => {
      raw = request.rawHeaders;
      response.end();
    });
    await get(url, { headers: { 'User-Agent': 'mine', Host: 'shop.example.org' } });
    expect(raw.filter((name) => name.toLowerCase() === 'user-agent')).toHaveLength(1);
    expect(raw).toEqual(expect.arrayContaining(['mine', 'shop.example.org']));
  });

  it('is measured by an agent that keeps no secret which the server repeats', async () => {
    const url = await serve((request, response) => {
      response.setHeader('x-echo', request.headers.authorization ?? '');
      response.end(JSON.stringify({ you: request.headers, [request.headers.authorization ?? '']: 1 }));
    });
    const bench = new AgentBench({ providers: { http: httpProvider }, secrets: async () => ({ authorization: 'Bearer hunter2' }) });
    await bench.agent.start();
    const provider = { type: 'http', url, secretHeaders: { authorization: 'env:TOKEN' } };
    const metric = completeMetric({ name: 'm', provider, successCondition: 'result.json.you.authorization == "Bearer hunter2"' });
    bench.link.answer = (job) => grantOf(job, { kind: 'verify', spec: { executor: { type: 'verify' }, metrics: [metric], context: {} } });
    bench.link.invite('verify', { job: 'v' });
    await eventually('it is measured', async () => {
      await bench.time.pass(1);
      return bench.link.verbs('v').includes('succeeded');
    });
    const said = JSON.stringify(bench.link.reports);
    expect(said).toContain('"authorization":"***"');
    expect(said).not.toContain('hunter2');
  });

  it.each<[string, object, string]>([
    ['an address that is none', { url: 'http://a b/' }, 'provider.url is not an address; write one like http://host:8080/health'],
    [
      'a password in plain text',
      { headers: { Authorization: 'Bearer x' } },
      'provider.headers.Authorization carries credentials; name a secret',
    ],
    ['a secret that is none', { secretHeaders: { authorization: 'hunter2' } }, 'not a reference to a secret'],
    ['redirects of an unknown kind', { redirects: 'some' }, 'provider.redirects'],
  ])('refuses %s', (_what, more, message) => {
    expect(httpProvider.validate({ type: 'http', url: 'http://a/', ...more })).toContain(message);
  });
});
