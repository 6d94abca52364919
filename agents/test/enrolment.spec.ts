import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeEnrolmentToken, enrolmentStatement, renewalStatement, type CredentialsRequest, type EnrolRequest } from '@slipway/contracts';
import { connectNats, readCredentials } from '@slipway/messaging';
import { silentLog } from '@slipway/runtime';
import { eventually, startNats, type TestNats } from '@slipway/testkit';
import { fromPublic } from '@nats-io/nkeys';
import { enrol, renewCredentials } from '../src/enrolment.js';
import { AgentHome } from '../src/home.js';
import { realClock, realTimers } from '../src/timers.js';

/* The registry is this test: it checks what the agent signs, and mints real credentials. */

let nats: TestNats;
let token: string;
let asked: EnrolRequest[];
let renewals: CredentialsRequest[];
let lifeMs = 3_600_000;
let directory: string;

const signed = (key: string, statement: Uint8Array, proof: string): boolean =>
  fromPublic(key).verify(statement, Buffer.from(proof, 'base64url'));

async function reply(publicKey: string): Promise<string> {
  const { jwt } = await nats.trust.mintUser({ role: 'agent', name: 'a1', tags: ['queue:par_command'], publicKey, expiresInMs: lifeMs });
  return JSON.stringify({ ok: { jwt, pool: 'par', executors: ['command'], expiresAt: Date.now() + lifeMs } });
}

beforeAll(async () => {
  nats = await startNats({ provisioned: false });
  const registry = await nats.connect('registry');
  const answer = (operation: string, handle: (body: never) => Promise<string>): void => {
    registry.subscribe(`slipway.agt.a1.rpc.${operation}`, {
      callback: (_error, message) => void handle(message.json<never>()).then((text) => message.respond(text)),
    });
  };
  answer('enrol', async (request: EnrolRequest) => {
    asked.push(request);
    const refused = { error: { code: 'registry.enrolment.refused', kind: 'forbidden', message: 'no' } };
    if (request.secret !== 'right' || !signed(request.publicKey, enrolmentStatement('a1', request), request.proof))
      return JSON.stringify(refused);
    return reply(request.publicKey);
  });
  answer('credentials', async (request: CredentialsRequest) => {
    if (signed(request.publicKey, renewalStatement('a1', request), request.proof)) renewals.push(request);
    return reply(request.publicKey);
  });
  await registry.flush();
  const { creds = '' } = await nats.trust.mintUser({ role: 'enrol', name: 'a1', expiresInMs: 60_000 });
  token = encodeEnrolmentToken({ servers: [nats.url], agent: 'a1', creds, secret: 'right' });
}, 60_000);
afterAll(() => nats.stop());

beforeEach(() => {
  [asked, renewals, lifeMs] = [[], [], 3_600_000];
  directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-home-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('enrolment', () => {
  it('makes its own key, proves it, and keeps what it got where only its user can read it', async () => {
    const home = new AgentHome(directory);
    const enrolment = await enrol(home, token, Date.now(), silentLog);
    expect(enrolment).toMatchObject({ agent: 'a1', servers: [nats.url], pool: 'par', executors: ['command'] });
    expect(readCredentials({ file: home.credentialsFile }).name).toBe('a1');
    for (const name of readdirSync(directory)) expect(statSync(path.join(directory, name)).mode & 0o077).toBe(0);
    expect(JSON.stringify(asked)).not.toMatch(/S[UX][A-Z2-7]{56}/);
  });

  it('happens once: the next start uses what is there, with or without the token', async () => {
    await enrol(new AgentHome(directory), token, Date.now(), silentLog);
    await enrol(new AgentHome(directory), token, Date.now(), silentLog);
    await enrol(new AgentHome(directory), undefined, Date.now(), silentLog);
    expect(asked).toHaveLength(1);
  });

  it('is asked for again with another token, which may bring other executors; the journal and the key stay', async () => {
    await enrol(new AgentHome(directory), token, Date.now(), silentLog);
    const { creds = '' } = await nats.trust.mintUser({ role: 'enrol', name: 'a1', expiresInMs: 60_000 });
    const another = encodeEnrolmentToken({ servers: [nats.url], agent: 'a1', creds, secret: 'right' });
    await enrol(new AgentHome(directory), another, Date.now(), silentLog);
    await enrol(new AgentHome(directory), another, Date.now(), silentLog);
    await enrol(new AgentHome(directory), undefined, Date.now(), silentLog);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.publicKey).toBe(asked[0]?.publicKey);
  });

  it('is asked for again when the credential has expired, with the same key', async () => {
    await enrol(new AgentHome(directory), token, Date.now(), silentLog);
    const later = Date.now() + 2 * lifeMs;
    await expect(enrol(new AgentHome(directory), undefined, later, silentLog)).rejects.toMatchObject({ code: 'agent.enrolment.missing' });
    await enrol(new AgentHome(directory), token, later, silentLog);
    expect(asked[1]?.publicKey).toBe(asked[0]?.publicKey);
  });

  it('that the registry refuses leaves nothing that looks enrolled', async () => {
    const { creds = '' } = await nats.trust.mintUser({ role: 'enrol', name: 'a1', expiresInMs: 60_000 });
    const wrong = encodeEnrolmentToken({ servers: [nats.url], agent: 'a1', creds, secret: 'wrong' });
    const home = new AgentHome(directory);
    await expect(enrol(home, wrong, Date.now(), silentLog)).rejects.toMatchObject({ code: 'registry.enrolment.refused' });
    expect(home.readEnrolment()).toBeUndefined();
  });
});

it('a credential is renewed at half of its life, and the connection outlives the first one', async () => {
  lifeMs = 8_000;
  const home = new AgentHome(directory);
  const enrolment = await enrol(home, token, Date.now(), silentLog);
  const nc = nats.adopt(await connectNats({ servers: nats.url, creds: { file: home.credentialsFile }, name: 'a1', log: silentLog }));
  const first = readCredentials({ file: home.credentialsFile });
  const stop = renewCredentials(nc, home, enrolment, { clock: realClock, timers: realTimers, log: silentLog });
  try {
    await eventually('it was renewed', () => renewals.length >= 1, 20_000);
    await eventually('the new one is kept', () => readCredentials({ file: home.credentialsFile }).jwt !== first.jwt);
    await eventually('the first one is over', () => Date.now() > (first.expiresAt ?? Infinity) + 500, 15_000);
    await eventually('the link is there', async () => (await nc.rtt()) > 0, 10_000);
  } finally {
    stop();
  }
}, 60_000);
