import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultMesh, type JobView } from './fault-mesh.js';
import { deployment, executions, shop } from './shop-documents.js';

/** A lease is renewed every 10 s: an agent that only hears with its next renewal would need about so long. On a busy machine two seconds become some more. */
const HEARS_AT_ONCE_MS = 6_000;

describe('a person who stops something, through the whole mesh', () => {
  let mesh: FaultMesh;
  let pids: string;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    pids = join(mesh.directory, 'pids');
    await mesh.apply(...shop(1), deployment('endless', `echo $$ >> ${pids}; exec sleep 600`), deployment('quick', 'true'));
    await mesh.startAgent('one');
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  const job = async (): Promise<JobView | undefined> => (await mesh.jobs({ deployment: 'endless' }))[0];

  it('ends a long command at once, although the next renewal is ten seconds away', async () => {
    await mesh.publish('endless', { tag: '1.0.0' });
    const running = await mesh.come('it runs', async () => {
      const found = await job();
      return found?.state === 'running' && executions(pids).length === 1 && found;
    });
    const began = performance.now();
    await mesh.ask('scheduler.cancel', { job: running.id, reason: 'wrong version' });
    await mesh.come('the job is cancelled', async () => (await job())?.state === 'cancelled');
    expect(performance.now() - began).toBeLessThan(HEARS_AT_ONCE_MS);
    await mesh.come('no process of it is left', () => executions(pids).every((pid) => !isAlive(Number(pid))));
    const { items } = await mesh.ask('scheduler.inbox', {});
    expect(items).toMatchObject([{ kind: 'halted', deployment: 'endless', sentence: expect.stringContaining('is halted') as unknown }]);
  }, 60_000);

  it('lets an agent take nothing new until it is resumed', async () => {
    const state = async (): Promise<string | undefined> => (await mesh.ask('scheduler.agents', {})).agents[0]?.state;
    await mesh.ask('scheduler.commandAgent', { agent: 'one', command: 'drain', reason: 'a new disk' });
    await mesh.come('it says that it drains', async () => (await state()) === 'draining');
    await mesh.publish('quick', { tag: '1.0.0' });
    const quick = async (): Promise<JobView | undefined> => (await mesh.jobs({ deployment: 'quick' }))[0];
    await mesh.come('the job is offered', async () => (await quick())?.state === 'dispatched');
    await mesh.ask('scheduler.commandAgent', { agent: 'one', command: 'resume' });
    await mesh.come('it takes the job', async () => (await quick())?.state === 'succeeded');
    expect(await state()).toBe('online');
  }, 60_000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
