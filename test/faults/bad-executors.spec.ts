import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import type { LogChunk } from '@slipway/contracts';
import { FaultMesh, type JobView } from './fault-mesh.js';
import { appends, deployment, executions, shop } from './shop-documents.js';

const FLOOD_BYTES = 30_000_000;
/** Of one job's log, with what stands around the text. */
const LOG_KEPT_BYTES_MAX = 10_000_000;

describe('programs that misbehave, through the whole mesh', () => {
  let mesh: FaultMesh;
  let ran: string;
  let pids: string;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    ran = join(mesh.directory, 'ran');
    pids = join(mesh.directory, 'pids');
    const retry = { attempts: 2, delay: '0s', jitter: 0, on: ['timedOut'] };
    await mesh.apply(
      ...shop(2),
      deployment(
        'endless',
        `if [ {{ version.tag }} = 1.1.0 ]; then echo $$ >> ${pids}; exec sleep 600; fi; ${appends(ran)}`,
        { retry, resources: 'resource.identifier == "host-01"' },
        { timeout: '1s' },
      ),
      deployment('flooding', `yes "all is well" | head -c ${FLOOD_BYTES}; ${appends(ran)}`, {
        resources: 'resource.identifier == "host-01"',
      }),
      deployment('forking', `sleep 600 & echo $! >> ${pids}; ${appends(ran)}; exit 0`),
      deployment('good', appends(ran)),
    );
    await mesh.startAgent('one', { capacity: 2 });
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  const started = (): number[] => executions(pids).map(Number);
  const jobsOf = (name: string, version: string): Promise<JobView[]> => mesh.jobs({ deployment: name, version });
  /** The next good version goes its way. */
  const goesOn = async (tag: string): Promise<void> => {
    await mesh.publish('good', { tag });
    await mesh.runs('good', 'production', tag, 2);
  };

  it('one that never ends is stopped at its time limit, tried again, and then halts its rollout; what ran before still runs', async () => {
    await mesh.publish('endless', { tag: '1.0.0' });
    await mesh.runs('endless', 'production', '1.0.0', 1);
    await mesh.publish('endless', { tag: '1.1.0' });
    await mesh.come('the job has timed out', async () => (await jobsOf('endless', '1.1.0'))[0]?.state === 'timedOut', 60_000);
    expect((await jobsOf('endless', '1.1.0'))[0]).toMatchObject({
      attempt: 2,
      message: expect.stringMatching(/time limit|stopped after/) as unknown,
    });
    expect(started()).toHaveLength(2);
    await mesh.come('no process of it is left', () => started().every((pid) => !isAlive(pid)));
    const cell = await mesh.come('its rollout is halted', async () => {
      const seen = await mesh.cell('endless', 'production');
      return seen?.rollout?.state === 'halted' && seen;
    });
    expect(cell.running).toEqual([expect.objectContaining({ version: '1.0.0' })]);
    await mesh.publish('endless', { tag: '1.2.0' });
    await mesh.runs('endless', 'production', '1.2.0', 1);
    await goesOn('1.0.0');
  }, 120_000);

  it('one that floods its log succeeds; of the log is kept what is bearable, with the gap told, and other jobs go on', async () => {
    await mesh.publish('flooding', { tag: '1.0.0' });
    await goesOn('1.1.0');
    await mesh.runs('flooding', 'production', '1.0.0', 1, 60_000);
    const streams = await jetstreamManager(await mesh.person(), { checkAPI: false });
    const [job] = await jobsOf('flooding', '1.0.0');
    const subject = `slipway.agt.one.log.${job?.id}`;
    expect((await streams.streams.info('LOGS')).state.bytes).toBeLessThan(LOG_KEPT_BYTES_MAX);
    const last = (await streams.direct.getMessage('LOGS', { last_by_subj: subject }))?.json<LogChunk>();
    const first = (await streams.direct.getMessage('LOGS', { seq: 1, next_by_subj: subject }))?.json<LogChunk>();
    expect(first?.text).toContain('all is well');
    expect(last?.lostBytes).toBeGreaterThan(0);
  }, 90_000);

  it('one that forks and exits succeeds at once, and what it left behind is ended', async () => {
    const before = started().length;
    await mesh.publish('forking', { tag: '1.0.0' });
    await mesh.runs('forking', 'production', '1.0.0', 2);
    expect(started()).toHaveLength(before + 2);
    await mesh.come('what it left behind is gone', () => started().every((pid) => !isAlive(pid)));
    await goesOn('1.2.0');
  }, 60_000);

  it('and no message was lost over it', async () => {
    expect(await mesh.deadLetters()).toEqual([]);
    const unfinished = (await mesh.jobs()).filter(({ finishedAt }) => finishedAt === undefined);
    expect(unfinished).toEqual([]);
  });
});

/** Whether the process runs; one that has ended and waits to be noticed does not. */
function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  try {
    process.kill(pid, 0);
    return !existsSync(stat) || readFileSync(stat, 'utf8').split(') ').at(-1)?.[0] !== 'Z';
  } catch {
    return false;
  }
}
