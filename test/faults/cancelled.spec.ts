import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultMesh, type JobView } from './fault-mesh.js';
import { deployment, executions, shop } from './shop-documents.js';

/** A lease is renewed every 10 s: an agent that only hears with its next renewal would need about so long. */
const HEARS_AT_ONCE_MS = 2_000;

describe('a person who stops something, through the whole mesh', () => {
  let mesh: FaultMesh;
  let pids: string;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    pids = join(mesh.directory, 'pids');
    await mesh.apply(...shop(1), deployment('endless', `echo $$ >> ${pids}; exec sleep 600`));
    await mesh.startAgent('one');
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  const job = async (): Promise<JobView | undefined> => (await mesh.jobs({ deployment: 'endless' }))[0];

  it('ends a long command within two seconds of the word, although the next renewal is ten seconds away', async () => {
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
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
