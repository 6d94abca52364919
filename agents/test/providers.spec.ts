import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { commandProvider } from '../src/providers/command.js';
import { httpProvider } from '../src/providers/http.js';
import type { Probe } from '../src/providers/provider.js';
import { sleepProvider } from '../src/providers/sleep.js';
import { resolveSecrets } from '../src/secrets.js';
import { realClock, realTimers } from '../src/timers.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const context = (secrets: Record<string, string> = {}): Parameters<typeof httpProvider.probe>[1] => ({
  timers: realTimers,
  clock: realClock,
  signal: new AbortController().signal,
  secrets,
});
const get = (url: string, more: object = {}, secrets?: Record<string, string>): Promise<Probe> =>
  httpProvider.probe({ type: 'http', url, ...more }, context(secrets));

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
    expect(await get('http://127.0.0.1:1/')).toEqual({ error: 'http://127.0.0.1:1/: connection refused' });
    const silent = await serve(() => {});
    expect(await get(silent, { timeout: '100ms' })).toEqual({ error: `no answer from ${silent} within 0.1 s` });
    const broken = await serve((request) => request.socket.destroy());
    expect(await get(broken)).toEqual({ error: `${broken}: connection reset` });
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
});

describe('the command provider', () => {
  const provider = commandProvider({ PATH: process.env.PATH ?? '' });
  const run = (script: string, more: object = {}): Promise<Probe> =>
    provider.probe({ type: 'command', run: ['sh', '-c', script], ...more }, context({ TOKEN: 'hush' }));

  it('gives exit code, output and JSON', async () => {
    expect(await run('echo "{\\"errors\\": 0}"; echo "$TOKEN" >&2; exit 3')).toEqual({
      result: { exitCode: 3, stdout: '{"errors": 0}\n', stderr: 'hush\n', json: { errors: 0 } },
    });
  });

  it('does not wait for what a program leaves behind, nor for one that never ends', async () => {
    expect(await run('sleep 60 & echo done')).toMatchObject({ result: { stdout: 'done\n' } });
    expect(await run('sleep 60', { timeout: '100ms' })).toEqual({ error: 'sh: did not end within 0.1 s' });
    expect(await provider.probe({ type: 'command', run: ['/does/not/exist'] }, context())).toMatchObject({
      error: expect.stringContaining('ENOENT'),
    });
  });
});

it('the sleep provider sleeps', async () => {
  expect(await sleepProvider.probe({ type: 'sleep', duration: '5ms' }, context())).toEqual({ result: { sleptMs: 5 } });
});

it('secrets come from environment, files and programs, and are in no error', async () => {
  const references = { A: 'env:MY_A', B: 'command:printf from-program' };
  expect(await resolveSecrets(references, { MY_A: 'a', PATH: process.env.PATH })).toEqual({ A: 'a', B: 'from-program' });
  await expect(resolveSecrets({ A: 'env:NOT_SET' }, {})).rejects.toMatchObject({ code: 'agent.secret.unresolved' });
  await expect(resolveSecrets({ A: 'file:/does/not/exist' }, {})).rejects.toThrow(
    'file:/does/not/exist could not be resolved on this agent: ENOENT',
  );
  await expect(resolveSecrets({ A: 'command:ls /hush-hush-not-there' }, { PATH: process.env.PATH })).rejects.toThrow(
    /the program ended with \d/,
  );
});
