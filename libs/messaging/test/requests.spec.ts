import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SlipwayError } from '@slipway/core';
import type { Caller, Hosting, HostedParts } from '@slipway/messaging';
import { connectNats, createAgentRequests, createRequests, hostParts, readCredentials, signRequest } from '@slipway/messaging';
import type { TestNats } from '@slipway/testkit';
import { eventually, silentLog, startNats } from '@slipway/testkit';
import { Svcm } from '@nats-io/services';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';

describe('requests', () => {
  let nats: TestNats;
  let hosting: Hosting;
  let person: NatsConnection;
  const callers: Caller[] = [];
  const beats: string[] = [];
  const now = () => Date.now();
  const parts: HostedParts = {
    consumers: {},
    operations: {
      'scheduler.agents': async (_request, caller) => {
        callers.push(caller);
        return { agents: [] };
      },
      'scheduler.pause': async ({ deployment }, caller) => {
        callers.push(caller);
        if (deployment === 'ghost')
          throw new SlipwayError({ code: 'scheduler.rollout.missing', kind: 'missing', message: 'There is no rollout of ghost.' });
        if (deployment === 'broken') throw new TypeError('undefined is not a function');
        return { done: `paused ${deployment}` };
      },
      'scheduler.takeDecisions': async (_request, caller) => {
        callers.push(caller);
        return { taken: 0 };
      },
    },
    agentRequests: {
      renew: async (_request: never, agent: string) => ({ jobs: [], agent: agent === 'par-1' ? 'on' : 'drain' }),
      hb: async (_request: never, agent: string) => void beats.push(agent),
    },
  };
  beforeAll(async () => {
    nats = await startNats();
    const nc = await nats.connect('scheduler');
    hosting = await hostParts(nc, parts, {
      service: 'scheduler',
      version: '0.1.0',
      anchors: () => nats.trust.anchors(),
      log: silentLog,
      now,
    });
    person = await nats.connect('person');
  });
  afterAll(async () => {
    await hosting.close();
    await nats.stop();
  });

  const signed = () => createRequests(person, { now, sign: { file: nats.creds.person } });
  async function as(tags: string[]): Promise<ReturnType<typeof createRequests>> {
    const user = await nats.trust.mintUser({ role: 'person', name: 'bob', tags });
    const creds = { text: user.creds ?? '' };
    return createRequests(nats.adopt(await connectNats({ servers: nats.url, creds, name: 'bob', log: silentLog })), { now, sign: creds });
  }

  it('know by signature who asks, in which groups and roles', async () => {
    expect(await signed().ask('scheduler.pause', { deployment: 'checkout', environment: 'production' })).toEqual({
      done: 'paused checkout',
    });
    expect(callers.at(-1)).toEqual({ name: 'user:ada', groups: ['releasers'], role: 'admin' });
  });

  it('give back the error of the service, by its code', async () => {
    await expect(signed().ask('scheduler.pause', { deployment: 'ghost', environment: 'production' })).rejects.toMatchObject({
      code: 'scheduler.rollout.missing',
      kind: 'missing',
      message: 'There is no rollout of ghost.',
    });
    await expect(signed().ask('scheduler.pause', { deployment: 'broken', environment: 'production' })).rejects.toMatchObject({
      kind: 'bug',
    });
  });

  it('are refused by role, and without a signature where one is needed', async () => {
    const viewer = await as(['role:viewer']);
    expect(await viewer.ask('scheduler.agents', {})).toEqual({ agents: [] });
    await expect(viewer.ask('scheduler.pause', { deployment: 'checkout', environment: 'production' })).rejects.toMatchObject({
      code: 'messaging.request.forbidden',
      message: 'user:bob is viewer and cannot ask for scheduler.pause: that needs operator.',
    });
    const unsigned = createRequests(person, { now });
    expect(await unsigned.ask('scheduler.agents', {})).toEqual({ agents: [] });
    await expect(unsigned.ask('scheduler.pause', { deployment: 'checkout', environment: 'production' })).rejects.toMatchObject({
      kind: 'forbidden',
    });
  });

  it('of other services come in by permission alone', async () => {
    const policy = createRequests(await nats.connect('policy'), { now });
    expect(await policy.ask('scheduler.takeDecisions', { decisions: [] })).toEqual({ taken: 0 });
    expect(callers.at(-1)).toEqual({ name: 'service', groups: [], role: 'service' });
  });

  it('are refused when signed for another subject, another body, long ago, by a revoked or a foreign key', async () => {
    const credentials = readCredentials({ file: nats.creds.person });
    const subject = 'slipway.rpc.scheduler.pause';
    const body = JSON.stringify({ deployment: 'checkout', environment: 'production' });
    const ask = async (made: Record<string, string>, sent = body) => {
      const h = headers();
      for (const [name, value] of Object.entries(made)) h.set(name, value);
      return (await person.request(subject, sent, { headers: h, timeout: 2_000 })).json<{ error?: { code: string } }>().error?.code;
    };
    const bytes = new TextEncoder().encode(body);
    expect(await ask(signRequest(credentials, { subject, body: bytes }, now()))).toBeUndefined();
    expect(await ask(signRequest(credentials, { subject: 'slipway.rpc.scheduler.abort', body: bytes }, now()))).toBe(
      'messaging.identity.signature',
    );
    expect(await ask(signRequest(credentials, { subject, body: bytes }, now()), body.replace('checkout', 'catalog'))).toBe(
      'messaging.identity.signature',
    );
    expect(await ask(signRequest(credentials, { subject, body: bytes }, now() - 61_000))).toBe('messaging.identity.stale');
    const agent = await nats.trust.mintUser({ role: 'agent', name: 'par-9' });
    expect(await ask(signRequest(readCredentials({ text: agent.creds ?? '' }), { subject, body: bytes }, now()))).toBe(
      'messaging.identity.issuer',
    );
    const leaver = await nats.trust.mintUser({ role: 'person', name: 'leaver', tags: ['role:admin'] });
    await nats.trust.revokeUser('SERVICES', leaver.publicKey, now() + 1_000);
    expect(await ask(signRequest(readCredentials({ text: leaver.creds ?? '' }), { subject, body: bytes }, now()))).toBe(
      'messaging.identity.revoked',
    );
  });

  it('that do not parse are answered with what would be right, on every subject', async () => {
    const reply = (await person.request('slipway.rpc.scheduler.agents', 'not json')).json<{ error: { code: string } }>();
    expect(reply.error.code).toBe('messaging.request.invalid');
    const h = (await person.request('slipway.rpc.scheduler.agents', '[1]')).headers;
    expect(h?.get('Nats-Service-Error-Code')).toBe('422');
    const agent = await nats.connectAgent('par-1', []);
    const answered = (await agent.request('slipway.agt.par-1.rpc.renew', '{"jobs":1}')).json<{ error: { message: string } }>();
    expect(answered.error.message).toContain('jobs');
  });

  it('of agents are answered by the name in their subject; heartbeats arrive', async () => {
    const agent = await nats.connectAgent('par-1', []);
    expect(await createAgentRequests(agent, 'par-1').ask('renew', { jobs: [] })).toEqual({ jobs: [], agent: 'on' });
    agent.publish('slipway.agt.par-1.hb', 'nonsense');
    agent.publish(
      'slipway.agt.par-1.hb',
      JSON.stringify({
        agent: 'par-1',
        pool: 'par',
        at: 1,
        version: '1',
        state: 'online',
        labels: {},
        executors: [],
        capacity: 1,
        jobs: [],
      }),
    );
    await eventually('the good heartbeat arrives', () => beats.length === 1);
    expect(beats).toEqual(['par-1']);
  });

  it('never answer into anything but an inbox', async () => {
    const ops = await nats.connect('ops');
    const seen: string[] = [];
    ops.subscribe('slipway.evt.>', { callback: (_error, message) => void seen.push(message.subject) });
    await ops.flush();
    const before = callers.length;
    person.publish('slipway.rpc.scheduler.agents', '{}', { reply: 'slipway.evt.rollout.checkout.production.started' });
    await eventually('it was handled', () => callers.length > before);
    await signed().ask('scheduler.agents', {});
    await ops.flush();
    expect(seen).toEqual([]);
  });

  it('are answered where nobody else can look', async () => {
    const ops = await nats.connect('ops');
    const seen: string[] = [];
    ops.subscribe('_INBOX.>', { callback: (_error, message) => void seen.push(message.subject) });
    let refused = false;
    ops.subscribe('_OWN.ada.>', { callback: (error) => void (refused ||= error !== null) });
    await ops.flush();
    await signed().ask('scheduler.agents', {});
    await ops.flush();
    await eventually('the inbox of somebody else is refused', () => refused);
    expect(seen).toEqual([]);
  });

  it('to nobody fail at once, and say so', async () => {
    await expect(signed().ask('policy.decisions', {})).rejects.toMatchObject({ code: 'messaging.request.unanswered', kind: 'unavailable' });
  });

  it('can be discovered with the NATS service protocol', async () => {
    const client = new Svcm(await nats.connect('ops')).client();
    const infos = [];
    for await (const info of await client.info('scheduler')) infos.push(info);
    const [info] = infos;
    expect(info).toMatchObject({ name: 'scheduler', version: '0.1.0' });
    expect(info?.endpoints.map((e) => e.subject)).toContain('slipway.rpc.scheduler.pause');
    expect(info?.endpoints[0]?.metadata).toMatchObject({ role: 'viewer', about: 'Agents as last heard of.' });
  });
});
