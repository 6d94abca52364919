import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AGENT_JETSTREAM_PREFIX, subjects } from '@slipway/contracts';
import { createPublisher, ensureJobQueue, PullSource, sweepQueue } from '@slipway/messaging';
import { eventually, startNats, type TestNats } from '@slipway/testkit';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { range } from './fixtures.js';

describe('sweeping the queue of jobs', () => {
  let nats: TestNats;
  let manager: JetStreamManager;
  beforeAll(async () => {
    nats = await startNats();
    manager = await jetstreamManager(await nats.connect('ops'), { checkAPI: false });
  });
  afterAll(() => nats.stop());

  it('takes away what was acknowledged without a gap, queue by queue, and nothing else', async () => {
    const registry = await nats.connect('registry');
    await ensureJobQueue(registry, 'par', 'command');
    await ensureJobQueue(registry, 'fra', 'command');
    const scheduler = await nats.connect('scheduler');
    const invite = (pool: string, id: string) => ({
      subject: subjects.jobQueue(pool, 'command', id),
      id,
      body: JSON.stringify({ job: id }),
    });
    await createPublisher(scheduler, { source: 'scheduler', now: () => 0 }).publish([
      ...range(1, 6).map((n) => invite('par', `p${n}`)),
      ...range(1, 3).map((n) => invite('fra', `f${n}`)),
    ]);
    const agent = await nats.connectAgent('par-1', ['par_command']);
    const left = async (): Promise<number> => (await manager.streams.info('JOBS')).state.messages;
    expect([await sweepQueue(scheduler, 'JOBS'), await left()]).toEqual([0, 9]);

    const source = new PullSource(agent, { stream: 'JOBS', consumer: 'par_command', apiPrefix: AGENT_JETSTREAM_PREFIX });
    const taken = await source.next(6);
    for (const at of [0, 1, 3, 4, 5]) taken[at]?.ack();
    await eventually('two are known as answered without a gap', async () => {
      await sweepQueue(scheduler, 'JOBS');
      return (await left()) === 7;
    });
    taken[2]?.ack();
    await eventually('all of that queue are gone', async () => {
      await sweepQueue(scheduler, 'JOBS');
      return (await left()) === 3;
    });
    source.close();
  });
});
