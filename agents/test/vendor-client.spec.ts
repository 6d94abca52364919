import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TEST_CERTIFICATE, VendorServer, type VendorReply, type VendorRequestSeen } from '@slipway/testkit';
import { Ambiguous, Interrupted, NotSent } from '../src/vendor/failures.js';
import { VendorClients } from '../src/vendor/vendor-clients.js';
import type { VendorClient, VendorClientOptions } from '../src/vendor/vendor-client.js';
import { HurriedTime } from './hurried-time.js';

/** Counts what it was made to do. */
class CountingServer extends VendorServer {
  done = 0;
  protected override answer(request: VendorRequestSeen): VendorReply {
    if (request.method === 'POST') this.done++;
    return { status: 200, body: { done: this.done, token: request.headers.authorization ?? null } };
  }
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(tls = false): Promise<CountingServer> {
  const server = await new CountingServer({ tls }).start();
  closing.push(() => server.stop());
  return server;
}

function clientOf(server: VendorServer, over: Partial<VendorClientOptions> = {}, time = new HurriedTime(200)): VendorClient {
  const clients = new VendorClients({ clock: time, timers: time, random: () => 0.5 });
  closing.push(() => clients.close());
  return clients.client('a', () => ({ base: server.url, authorize: async () => ({ authorization: 'Bearer t' }), ...over }));
}

const waits: string[] = [];
const wait = (signal = new AbortController().signal) => ({ signal, waiting: (reason: string) => void waits.push(reason) });

describe('requests to a vendor', () => {
  it('are repeated where that is safe: a gateway that fails, a lost answer, a limit', async () => {
    const server = await serve();
    const client = clientOf(server);
    server.misbehave({ path: /x/, instead: { status: 502, text: 'bad gateway' }, times: 8 });
    server.misbehave({ path: /x/, loseAnswer: true });
    server.misbehave({ path: /x/, instead: { status: 429, headers: { 'retry-after': '7' } } });
    const answer = await client.ask({ method: 'GET', path: '/x' }, wait());
    expect(answer).toMatchObject({ status: 200, json: { token: 'Bearer t' } });
    expect(server.requests).toHaveLength(11);
  });

  it('that must not be sent twice are not: what may have been carried out is ambiguous', async () => {
    const server = await serve();
    const client = clientOf(server);
    server.misbehave({ method: 'POST', path: /x/, afterwards: { status: 502 } });
    await expect(client.once({ method: 'POST', path: '/x', json: {} }, wait())).rejects.toThrow(Ambiguous);
    server.misbehave({ method: 'POST', path: /x/, loseAnswer: true });
    await expect(client.once({ method: 'POST', path: '/x', json: {} }, wait())).rejects.toThrow(Ambiguous);
    expect(server.done).toBe(2);
    // A refusal for too many requests was certainly not carried out.
    server.misbehave({ method: 'POST', path: /x/, instead: { status: 429 } });
    await expect(client.once({ method: 'POST', path: '/x', json: {} }, wait())).resolves.toMatchObject({ status: 200 });
    expect(server.done).toBe(3);
  });

  it("to a server that fails at them for ever are given up; another answer is the caller's to judge", async () => {
    const server = await serve();
    const client = clientOf(server);
    server.misbehave({ path: /bug/, instead: { status: 500, text: 'panic' }, times: 100 });
    await expect(client.ask({ method: 'GET', path: '/bug' }, wait())).rejects.toThrow('answered 500 to GET /bug: panic');
    expect(server.count('GET', /bug/)).toBe(6);
    server.misbehave({ path: /gone/, instead: { status: 404 } });
    await expect(client.ask({ method: 'GET', path: '/gone' }, wait())).resolves.toMatchObject({ status: 404 });
  });

  it('whose answer is read as it comes are refused as any other', async () => {
    const server = await serve();
    const client = clientOf(server);
    server.misbehave({ path: /x/, instead: { status: 403, text: 'no'.repeat(100_000) } });
    const { signal } = new AbortController();
    await expect(client.stream({ method: 'GET', path: '/x' }, signal)).rejects.toThrow('answered 403 to GET /x');
    const chunks = await (await client.stream({ method: 'GET', path: '/x' }, signal)).toArray();
    expect(Buffer.concat(chunks as Buffer[]).toString()).toBe('{"done":0,"token":"Bearer t"}');
  });

  it('wait for a server that is down for an hour, all together and with few tries, and end with the signal', async () => {
    const server = await serve();
    const time = new HurriedTime(3_000);
    const client = clientOf(server, {}, time);
    server.misbehave({ path: /x/, instead: { status: 503 }, times: 1_000_000 });
    const runs = Array.from({ length: 20 }, () => client.ask({ method: 'GET', path: '/x' }, wait()));
    await new Promise<void>((resolve) => time.after(3_600_000, resolve));
    server.behave();
    await Promise.all(runs);
    expect(server.requests.length).toBeLessThan(20 + 80 + 20);
    expect(waits.at(-1)).toMatch(/answered 503 to GET \/x; asked \d+ times, again in \d+ s$/);

    await server.stop();
    const stop = new AbortController();
    const asked = client.ask({ method: 'GET', path: '/x' }, { signal: stop.signal, waiting: () => stop.abort() });
    await expect(asked).rejects.toThrow(Interrupted);
  });

  it('whose answer is streamed may be left half read, or be no success', async () => {
    const server = await serve();
    const client = clientOf(server);
    const stop = new AbortController();
    for (const status of [200, 503]) server.misbehave({ path: /log/, instead: { status, text: 'x'.repeat(1_000_000) } });
    for await (const _chunk of await client.stream({ method: 'GET', path: '/log' }, stop.signal)) break;
    await expect(client.stream({ method: 'GET', path: '/log' }, stop.signal)).rejects.toThrow('answered 503 to GET /log');
  });

  it('to a server whose certificate is not trusted are not sent; a certificate file says whom to trust', async () => {
    const server = await serve(true);
    const failed = await clientOf(server)
      .ask({ method: 'GET', path: '/x' }, wait())
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(NotSent);
    expect(failed).toMatchObject({ lasting: true, message: expect.stringContaining('is not trusted') });
    expect(server.requests).toHaveLength(0);
    const directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-ca-'));
    writeFileSync(path.join(directory, 'ca.pem'), TEST_CERTIFICATE.cert);
    const trusting = clientOf(server, { caFile: path.join(directory, 'ca.pem') });
    rmSync(directory, { recursive: true });
    await expect(trusting.ask({ method: 'GET', path: '/x' }, wait())).resolves.toMatchObject({ status: 200 });
  });
});
