import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AGENT_JETSTREAM_PREFIX, jobReportSchema, subjects } from '@slipway/contracts';
import { connectNats, createPublisher, createTrust, ensureJobQueue, PullSource, revokeUser } from '@slipway/messaging';
import type { TestNats } from '@slipway/testkit';
import { eventually, silentLog, startNats } from '@slipway/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import { range } from './fixtures.js';

const now = () => 1_700_000_000_000;
const DENIED = /permissions violation/i;

describe('accounts', () => {
  let nats: TestNats;
  let ops: NatsConnection;
  let scheduler: NatsConnection;
  beforeAll(async () => {
    nats = await startNats();
    ops = await nats.connect('ops');
    scheduler = await nats.connect('scheduler');
    const registry = await nats.connect('registry');
    await ensureJobQueue(registry, 'par', 'command');
    await ensureJobQueue(registry, 'fra', 'command');
  });
  afterAll(() => nats.stop());

  const count = async (stream: string): Promise<number> =>
    (await (await jetstreamManager(ops, { checkAPI: false })).streams.info(stream)).state.messages;
  const pull = (nc: NatsConnection, consumer: string) =>
    new PullSource(nc, { stream: 'JOBS', consumer, apiPrefix: AGENT_JETSTREAM_PREFIX });
  const send = (messages: { subject: string; id: string; body: string }[]) =>
    createPublisher(scheduler, { source: 'scheduler', now }).publish(messages);
  const job = (pool: string, id: string) => ({ subject: subjects.jobQueue(pool, 'command', id), id, body: '{}' });

  it('I12: an agent pulls from the queues of its pool, in both formats of acknowledgement, and from no other', async () => {
    const agent = await nats.connectAgent('par-1', ['par_command']);
    await send([job('par', 'j1'), job('fra', 'j2')]);
    const source = pull(agent, 'par_command');
    const [message] = await source.next(10);
    expect(message?.subject).toBe('slipway.job.par.command.j1');
    message?.working();
    expect(await message?.ackConfirmed(2_000)).toBe(true);
    source.close();
    await expect(agent.request(`${AGENT_JETSTREAM_PREFIX}.CONSUMER.MSG.NEXT.JOBS.fra_command`, '{}')).rejects.toThrow(DENIED);
    await expect(agent.request('$JS.ACK.JOBS.fra_command.1.2.1.0.0', '+ACK')).rejects.toThrow(DENIED);
    await expect(agent.request('$JS.ACK.hub.HASH.JOBS.fra_command.1.2.1.0.0', '+ACK')).rejects.toThrow(DENIED);
    const manager = await jetstreamManager(ops, { checkAPI: false });
    const open = async (queue: string): Promise<number> => {
      const { num_pending, num_ack_pending } = await manager.consumers.info('JOBS', queue);
      return num_pending + num_ack_pending;
    };
    expect([await open('par_command'), await open('fra_command')]).toEqual([0, 1]);
  });

  it('I12: an agent writes below its own name only, single and in batches', async () => {
    const agent = await nats.connectAgent('par-2', ['par_command']);
    const before = await count('REPORTS');
    const report = (n: number) => ({ subject: subjects.agentReport('par-2', 'j1', 'progress'), id: `j1.1.${n}`, body: '{}' });
    const publisher = createPublisher(agent, { source: 'agent', now });
    await publisher.publish([report(1)]);
    await publisher.publish(range(2, 21).map(report));
    expect(await count('REPORTS')).toBe(before + 21);
    await expect(agent.request(subjects.agentReport('par-1', 'j1', 'succeeded'), '{}')).rejects.toThrow(DENIED);
    await expect(agent.request(subjects.agentRequest('par-1', 'claim'), '{}')).rejects.toThrow(DENIED);
    await expect(agent.request('slipway.evt.decision.checkout.production.allowed', '{}')).rejects.toThrow(DENIED);
    await expect(agent.request('slipway.rpc.registry.list', '{}')).rejects.toThrow(DENIED);
    await expect(agent.request('$JS.API.STREAM.INFO.EVT', '')).rejects.toThrow(DENIED);
    expect(await count('REPORTS')).toBe(before + 21);
  });

  it('I12: an agent reads nothing but its own inbox and nudges', async () => {
    const agent = await nats.connectAgent('par-3', ['par_command']);
    const refused: string[] = [];
    for (const subject of ['slipway.>', 'slipway.nudge.par-1', '_INBOX.>', '_OWN.>', '_OWN.par-1.>', 'slipway.agt.>', '>']) {
      agent.subscribe(subject, { callback: (error) => void (error && refused.push(subject)) });
    }
    await eventually('all seven are refused', () => refused.length === 7);
    const nudges: string[] = [];
    agent.subscribe(subjects.agentNudge('par-3'), { callback: (_error, message) => void nudges.push(message.subject) });
    await agent.flush();
    await send([{ subject: subjects.agentNudge('par-3'), id: 'n1', body: '{}' }]);
    await eventually('its own nudge arrives', () => nudges.length === 1);
  });

  it('I12: an agent cannot have the server write into the services account by naming a reply subject', async () => {
    const agent = await nats.connectAgent('par-4', ['par_command']);
    const before = { EVT: await count('EVT'), JOBS: await count('JOBS') };
    for (const reply of ['slipway.evt.rollout.checkout.production.promoted', 'slipway.job.par.command.forged']) {
      agent.publish(subjects.agentReport('par-4', 'j9', 'progress'), '{}', { reply });
      agent.publish(`${AGENT_JETSTREAM_PREFIX}.CONSUMER.MSG.NEXT.JOBS.par_command`, '{"batch":1,"no_wait":true}', { reply });
    }
    await agent.flush();
    await eventually('its reports are stored', async () => (await count('REPORTS')) > 0);
    expect({ EVT: await count('EVT'), JOBS: await count('JOBS') }).toEqual(before);
  });

  it('I12: what an agent has the server send in the name of another agent is never a report', async () => {
    const agent = await nats.connectAgent('par-7', ['par_command']);
    const forged = subjects.agentReport('par-1', 'j1', 'succeeded');
    agent.publish(subjects.agentReport('par-7', 'j9', 'progress'), '{}', { reply: forged });
    await agent.request(subjects.agentReport('par-7', 'j9', 'progress'), '{}');
    const jsm = await jetstreamManager(ops, { checkAPI: false });
    const stored = await jsm.direct.getMessage('REPORTS', { last_by_subj: forged }).catch(() => undefined);
    // The server may deliver its own acknowledgement there; the schema at the door keeps it out.
    expect(jobReportSchema.safeParse(stored?.json() ?? undefined).success).toBe(false);
  });

  it('lets CI publish the versions of its deployments and nothing else', async () => {
    const user = await nats.trust.mintUser({ role: 'ci', name: 'github', tags: ['deployment:checkout'], expiresInMs: 60_000 });
    const ci = nats.adopt(await connectNats({ servers: nats.url, creds: { text: user.creds ?? '' }, name: 'ci', log: silentLog }));
    const receipt = await ci.request(subjects.ciVersion('checkout'), '{"tag":"1.4.2"}');
    expect(receipt.json()).toMatchObject({ stream: 'CI', seq: 1 });
    await expect(ci.request(subjects.ciVersion('billing'), '{"tag":"1"}')).rejects.toThrow(DENIED);
    await expect(ci.request('slipway.evt.version.checkout.published', '{}')).rejects.toThrow(DENIED);
    await expect(ci.request('slipway.rpc.registry.list', '{}')).rejects.toThrow(DENIED);
    const before = await count('EVT');
    ci.publish(subjects.ciVersion('checkout'), '{"tag":"1.4.3"}', { reply: 'slipway.evt.version.checkout.published' });
    await eventually('the version is stored', async () => (await count('CI')) === 2);
    expect(await count('EVT')).toBe(before);
  });

  it('keeps each service to its own subjects', async () => {
    await expect(scheduler.request('slipway.evt.decision.checkout.production.allowed', '{}')).rejects.toThrow(DENIED);
    await expect(scheduler.request('$JS.API.STREAM.DELETE.EVT', '')).rejects.toThrow(DENIED);
    await expect(ops.request('slipway.evt.rollout.checkout.production.started', '{}')).rejects.toThrow(DENIED);
    await expect((await nats.connect('person')).request('slipway.rpc.registry.feed', '{"since":0}')).rejects.toThrow(DENIED);
  });

  it('drops a revoked agent at once, and its key never gets in again', async () => {
    const agent = await nats.connectAgent('par-5', ['par_command']);
    const bystander = await nats.connectAgent('par-6', ['par_command']);
    await revokeUser(nats.trust, nats.url, { account: 'AGENTS', publicKey: agent.publicKey, now: Date.now() });
    await eventually('its connection is closed', () => agent.isClosed(), 10_000);
    expect(bystander.isClosed()).toBe(false);
    await bystander.flush();
    const again = await createTrust(nats.keysDir);
    expect(again.anchors().revocations.AGENTS).toHaveProperty(agent.publicKey);
    expect(again.accountJwt('AGENTS')).toBe(nats.trust.accountJwt('AGENTS'));
  });

  it('refuses who has no credential, or one of another mesh', async () => {
    await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow(/authorization/i);
    const stranger = await (await createTrust(`${nats.keysDir}-other`)).mintUser({ role: 'person', name: 'eve' });
    const creds = { text: stranger.creds ?? '' };
    await expect(connectNats({ servers: nats.url, creds, name: 'eve', log: silentLog, waitForServer: false })).rejects.toThrow(
      /authorization/i,
    );
  });

  it('refuses names and tags that would widen a permission', async () => {
    await expect(nats.trust.mintUser({ role: 'agent', name: '*' })).rejects.toMatchObject({ code: 'messaging.credential.invalid' });
    await expect(nats.trust.mintUser({ role: 'agent', name: 'a', tags: ['queue:a.>'] })).rejects.toMatchObject({
      code: 'messaging.credential.invalid',
    });
  });
});
