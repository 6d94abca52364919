import { Buffer } from 'node:buffer';
import { jetstreamManager } from '@nats-io/jetstream';
import { createCurve, createUser } from '@nats-io/nkeys';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeEnrolmentToken, enrolmentStatement, subjects, type EnrolmentToken } from '@slipway/contracts';
import {
  connectNats,
  createAgentRequests,
  createRequests,
  formatCredentials,
  hostParts,
  listDeadLetters,
  replayDeadLetter,
  toHostedParts,
  type Hosting,
  type Requests,
} from '@slipway/messaging';
import { createMemoryStore } from '@slipway/persistence';
import { systemClock, systemIds } from '@slipway/runtime';
import { eventually, silentLog, startNats, type TestNats } from '@slipway/testkit';
import { natsAgentCredentials } from '../src/enrolment/credentials.nats.js';
import { natsJobQueues } from '../src/enrolment/job-queues.nats.js';
import { createRegistry } from '../src/parts.js';
import { tables } from '../src/tables.js';
import { SHOP } from './fixture.js';

const DEADLINE_MS = 10_000;

describe('the registry on a real NATS server', () => {
  let nats: TestNats;
  let hosting: Hosting;
  let person: Requests;
  beforeAll(async () => {
    nats = await startNats();
    const nc = await nats.connect('registry');
    const parts = createRegistry({
      store: createMemoryStore(tables),
      clock: systemClock,
      ids: systemIds,
      log: silentLog,
      requests: createRequests(nc, { now: systemClock.now }),
      nudge: () => undefined,
      credentials: natsAgentCredentials(nats.trust, [nats.url], systemClock),
      queues: natsJobQueues(nc),
    });
    const options = { service: 'registry', version: '0.1.0', anchors: () => nats.trust.anchors(), log: silentLog, now: systemClock.now };
    hosting = await hostParts(nc, toHostedParts(parts), options);
    person = createRequests(await nats.connect('person'), { now: systemClock.now, sign: { file: nats.creds.person } });
  }, 120_000);
  afterAll(async () => {
    await hosting.close();
    await nats.stop();
  });

  const versions = async (): Promise<string[]> =>
    ((await person.ask('registry.list', { kind: 'version', deployment: 'checkout' })).items as { tag: string }[]).map((v) => v.tag);

  it('records what CI publishes by a request; a version for an unknown deployment is a dead letter, and goes when it is replayed', async () => {
    const ci = await nats.connect('ci');
    const early = await ci.request(subjects.ciVersion('checkout'), JSON.stringify({ tag: '1.0.0' }));
    expect(early.json()).toMatchObject({ stream: 'CI' });
    await ci.request(subjects.ciVersion('checkout'), 'garbage');
    const ops = await nats.connect('ops');
    const letters = await eventually(
      'two dead letters',
      async () => {
        const found = await listDeadLetters(ops, { limit: 10 });
        return found.length === 2 ? found : undefined;
      },
      DEADLINE_MS,
    );
    expect(letters.map((letter) => letter.error.code).sort()).toEqual(['messaging.body.notJson', 'registry.deployment.unknown']);

    await person.ask('registry.apply', { files: [{ file: 'mesh.yaml', text: SHOP }] });
    await ci.request(subjects.ciVersion('checkout'), JSON.stringify({ tag: '1.1.0' }));
    await eventually('1.1.0 is recorded', async () => (await versions()).includes('1.1.0'), DEADLINE_MS);
    const letter = letters.find(({ error }) => error.code === 'registry.deployment.unknown');
    await replayDeadLetter(await nats.connect('replay'), letter?.id ?? 0);
    await eventually('1.0.0 is recorded', async () => (await versions()).includes('1.0.0'), DEADLINE_MS);
  });

  const enrol = async ({ agent, creds, servers, secret }: EnrolmentToken) => {
    const key = createUser();
    const said = { secret, publicKey: key.getPublicKey(), curveKey: createCurve().getPublicKey() };
    const proof = Buffer.from(key.sign(enrolmentStatement(agent, said))).toString('base64url');
    const nc = nats.adopt(await connectNats({ servers, creds: { text: creds }, name: agent, log: silentLog, whenRefused: 'close' }));
    const reply = await createAgentRequests(nc, agent).ask('enrol', { ...said, proof });
    return { key, reply };
  };

  it('enrols an agent by its token, makes its queues, and drops its connection when it is revoked', async () => {
    const { token } = await person.ask('registry.inviteAgent', { agent: 'par-1', pool: 'par', executors: ['command'] });
    const invitation = decodeEnrolmentToken(token);
    if (!invitation) throw new Error('the token cannot be read');
    const { key, reply } = await enrol(invitation);
    expect(reply).toMatchObject({ pool: 'par', executors: ['command'] });

    const manager = await jetstreamManager(await nats.connect('provision'), { checkAPI: false });
    for (const queue of ['par_command', 'par_verify']) expect((await manager.consumers.info('JOBS', queue)).name).toBe(queue);

    const creds = { text: formatCredentials(reply.jwt, key) };
    const agent = nats.adopt(await connectNats({ servers: nats.url, creds, name: 'par-1', log: silentLog, whenRefused: 'close' }));
    await agent.flush();
    await person.ask('registry.revokeAgent', { agent: 'par-1', reason: 'test' });
    await eventually('the connection is closed', () => agent.isClosed(), DEADLINE_MS);
    await expect(
      connectNats({ servers: nats.url, creds, name: 'par-1', log: silentLog, whenRefused: 'close' }).then((nc) => nc.flush()),
    ).rejects.toThrow();
  });
});
