import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { streams, subjects } from '@slipway/contracts';
import { provision, sweepQueue } from '@slipway/messaging';
import { FaultMesh } from './fault-mesh.js';
import { appends, atOnce, deployment, executions, onceEach, shop } from './shop-documents.js';

const HOSTS = 6;

describe('streams without room', () => {
  let mesh: FaultMesh;
  let looking: JetStreamManager;
  let ran: string;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    looking = await jetstreamManager(await mesh.person(), { checkAPI: false });
    ran = join(mesh.directory, 'ran');
    await mesh.apply(...shop(HOSTS), atOnce, deployment('checkout', appends(ran)));
    await mesh.startAgent('one');
    await mesh.publish('checkout', { tag: '0.9.0' });
    await mesh.runs('checkout', 'production', '0.9.0', HOSTS, 60_000);
  }, 120_000);
  afterAll(() => mesh.stop(), 30_000);

  const limit = async (stream: string, maxBytes: number | undefined): Promise<void> => {
    const nc = await mesh.nats.connect('provision');
    const wanted = streams.filter(({ name }) => name === stream).map((one) => ({ ...one, maxBytes: maxBytes ?? one.maxBytes }));
    await provision(nc, { replicas: 1, streams: wanted, consumers: [] });
    await nc.close();
  };
  const bytesIn = async (stream: string): Promise<number> => (await looking.streams.info(stream)).state.bytes;
  /** From now on the stream has no room for another message. */
  const fill = async (stream: string): Promise<void> => limit(stream, Math.max(1, await bytesIn(stream)));
  const makeRoom = (stream: string): Promise<void> => limit(stream, undefined);
  const ranOf = (tag: string): string[] => executions(ran).filter((line) => line.startsWith(`${tag} `));
  /** All of it came to its end, each job once. */
  const settles = async (tag: string): Promise<void> => {
    await mesh.runs('checkout', 'production', tag, HOSTS, 60_000);
    expect(ranOf(tag).sort()).toEqual(onceEach(tag, HOSTS));
  };
  const refusals = (service: 'registry' | 'policy' | 'scheduler', stream: string): Promise<unknown> =>
    mesh.come(
      `the outbox of ${service} waits for room in ${stream}`,
      () => mesh.services[service].said(`Stream ${stream} refused`),
      60_000,
    );

  it("JOBS: the scheduler's outbox waits, and every job runs once when there is room", async () => {
    const scheduler = await mesh.nats.connect('scheduler');
    await mesh.come('what was answered has left the queue', async () => {
      await sweepQueue(scheduler, 'JOBS');
      return (await bytesIn('JOBS')) === 0;
    });
    await scheduler.close();
    await fill('JOBS');
    await mesh.publish('checkout', { tag: '1.0.0' });
    await refusals('scheduler', 'JOBS');
    expect(await bytesIn('JOBS')).toBe(0);
    expect((await mesh.jobs({ version: '1.0.0' })).map(({ state }) => state)).toEqual(Array.from({ length: HOSTS }, () => 'dispatched'));
    await makeRoom('JOBS');
    await settles('1.0.0');
  }, 120_000);

  it("EVT: what CI published is recorded, the registry's outbox waits, and the version goes its way when there is room", async () => {
    await fill('EVT');
    await mesh.publish('checkout', { tag: '1.1.0' });
    await refusals('registry', 'EVT');
    const { items } = await mesh.ask('registry.list', { kind: 'version', deployment: 'checkout' });
    expect(items[0]).toMatchObject({ tag: '1.1.0' });
    await makeRoom('EVT');
    await settles('1.1.0');
  }, 120_000);

  it('REPORTS: jobs go on, what the agent has to say waits in its journal and is taken when there is room', async () => {
    await fill('REPORTS');
    await mesh.publish('checkout', { tag: '1.2.0' });
    await mesh.come('every job has run', () => ranOf('1.2.0').length === HOSTS, 60_000);
    expect((await mesh.jobs({ version: '1.2.0' })).some(({ state }) => state === 'succeeded')).toBe(false);
    await makeRoom('REPORTS');
    await settles('1.2.0');
  }, 120_000);

  it('LOGS: the oldest go, and no job waits for it', async () => {
    await fill('LOGS');
    await mesh.publish('checkout', { tag: '1.3.0' });
    await settles('1.3.0');
    await makeRoom('LOGS');
  }, 120_000);

  it('CI: the publisher is told, and what it publishes when there is room is taken', async () => {
    await fill('CI');
    const ci = await mesh.nats.connect('ci');
    const receipt = await ci.request(subjects.ciVersion('checkout'), JSON.stringify({ tag: '1.4.0' }), { timeout: 5_000 });
    expect(receipt.json()).toMatchObject({ error: { description: expect.stringContaining('maximum bytes') as unknown } });
    await makeRoom('CI');
    await mesh.publish('checkout', { tag: '1.4.0' });
    await settles('1.4.0');
  }, 120_000);

  it('DLQ: what cannot be buried waits, the next message is served, and it is buried when there is room', async () => {
    expect(await mesh.deadLetters()).toEqual([]);
    await fill('DLQ');
    await mesh.publish('checkout', 'not a version');
    await mesh.publish('checkout', { tag: '1.5.0' });
    await settles('1.5.0');
    await mesh.come('the registry says so', () => mesh.services.registry.said('a dead letter could not be stored'));
    await makeRoom('DLQ');
    await mesh.come('it is buried', async () => (await mesh.deadLetters()).some(({ text }) => text === 'not a version'), 60_000);
  }, 120_000);
});
