import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultMesh, SERVICES, type JobView } from './fault-mesh.js';
import type { Program } from './program.js';
import { appends, atOnce, deployment, executions, onceEach, shop } from './shop-documents.js';

const HOSTS = 30;
/** A crash comes whenever so many more executions have begun, at a random moment after that. */
const EXECUTIONS_PER_CRASH = 5;
const MOMENT_MS_MAX = 150;
const DEADLINE_MS = 120_000;

describe('processes killed in the middle of a rollout', () => {
  let mesh: FaultMesh;
  let ran: string;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    ran = join(mesh.directory, 'ran');
    await mesh.apply(...shop(HOSTS), atOnce, deployment('checkout', appends(ran, 0.2)));
    await mesh.startAgent('one', { capacity: 4 });
    await mesh.startAgent('two', { capacity: 4 });
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  const crash = async (program: Program): Promise<void> => {
    // Not to wait for something: the moment shall be a different one each time.
    await pause(Math.random() * MOMENT_MS_MAX);
    await program.kill();
    program.start();
  };
  const isLive = ({ state }: JobView): boolean => ['dispatched', 'claimed', 'running', 'actionRequired', 'unknown'].includes(state);
  /** I1, seen by whoever asks while it happens; nobody answers in the moments after a crash. */
  const oneLiveJobPerTarget = async (): Promise<void> => {
    const live = (await mesh.jobs().catch(() => [])).filter(isLive).map(({ resource }) => resource);
    expect(new Set(live).size).toBe(live.length);
  };

  it(
    'each service and agent, one after the other: all settles (I13), each job is executed once (I4), never two at a target (I1)',
    async () => {
      await mesh.publish('checkout', { tag: '1.0.0' });
      await crash(mesh.services.registry);
      const victims = [...SERVICES.map((name) => mesh.services[name]), ...mesh.agents.values()];
      const crashes = Math.floor(HOSTS / EXECUTIONS_PER_CRASH) - 1;
      for (let at = 0; at < crashes; at++) {
        await mesh.come(
          `execution ${at * EXECUTIONS_PER_CRASH + 1}`,
          () => executions(ran).length > at * EXECUTIONS_PER_CRASH,
          DEADLINE_MS,
        );
        await oneLiveJobPerTarget();
        // The scheduler twice as often: it has the most to lose.
        await crash((at % 2 === 0 ? mesh.services.scheduler : victims[((at - 1) / 2) % victims.length]) as Program);
      }
      await mesh.runs('checkout', 'production', '1.0.0', HOSTS, DEADLINE_MS);
      expect(executions(ran).sort()).toEqual(onceEach('1.0.0', HOSTS));
      const jobs = await mesh.jobs();
      expect(jobs).toHaveLength(HOSTS);
      expect(jobs.every(({ state, attempt }) => state === 'succeeded' && attempt === 1)).toBe(true);
      await mesh.come('the rollout is completed', async () => (await mesh.cell('checkout', 'production'))?.rollout?.state !== 'running');
      expect(await mesh.deadLetters()).toEqual([]);
    },
    3 * DEADLINE_MS,
  );

  it(
    'all services at once, and a newer version on its way: the newest runs everywhere, nothing ran twice',
    async () => {
      const before = executions(ran).length;
      await mesh.publish('checkout', { tag: '1.1.0' });
      await mesh.come('its rollout is in its middle', () => executions(ran).length > before + EXECUTIONS_PER_CRASH, DEADLINE_MS);
      await Promise.all(SERVICES.map((name) => mesh.services[name].kill()));
      await mesh.publish('checkout', { tag: '1.2.0' });
      for (const name of SERVICES) mesh.services[name].start();
      await mesh.runs('checkout', 'production', '1.2.0', HOSTS, DEADLINE_MS);
      const lines = executions(ran);
      expect(new Set(lines).size).toBe(lines.length);
      expect(lines.filter((line) => line.startsWith('1.2.0 ')).sort()).toEqual(onceEach('1.2.0', HOSTS));
      expect((await mesh.jobs()).filter(isLive)).toEqual([]);
      expect(await mesh.deadLetters()).toEqual([]);
    },
    2 * DEADLINE_MS,
  );
});
