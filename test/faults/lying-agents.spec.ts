import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { ClaimAnswer } from '@slipway/contracts';
import { FaultMesh, type JobView } from './fault-mesh.js';
import { ScriptedAgent } from './scripted-agent.js';
import { atOnce, deployment, shop } from './shop-documents.js';

/** One of PostgreSQL's integers is smaller. */
const LARGE = 3_000_000_000;

describe('agents that say what is not theirs to say', () => {
  let mesh: FaultMesh;
  let streams: JetStreamManager;
  /** Holds the job; is right. */
  let holder: ScriptedAgent;
  /** Of the same pool. */
  let liar: ScriptedAgent;
  /** Of another pool. */
  let stranger: ScriptedAgent;
  let job: JobView;
  let epoch: number;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    streams = await jetstreamManager(await mesh.person(), { checkAPI: false });
    const retry = { retry: { attempts: 2, delay: '0s', jitter: 0 } };
    await mesh.apply(...shop(1), atOnce, deployment('checkout', 'true', retry));
    holder = await ScriptedAgent.enrol(mesh, 'holder', 'par');
    liar = await ScriptedAgent.enrol(mesh, 'liar', 'par');
    stranger = await ScriptedAgent.enrol(mesh, 'stranger', 'fra');
    await Promise.all([holder.beat(mesh, 'par'), liar.beat(mesh, 'par')]);
    await mesh.publish('checkout', { tag: '1.0.0' });
    job = await dispatched(1);
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  const view = async (): Promise<JobView> => (await mesh.jobs({ id: job.id }))[0] as JobView;
  const dispatched = (attempt: number): Promise<JobView> =>
    mesh.come(`attempt ${attempt} is dispatched`, async () =>
      (await mesh.jobs()).find((one) => one.state === 'dispatched' && one.attempt === attempt),
    );
  /** Everything that was reported has been taken, or buried. */
  const taken = () =>
    mesh.come('all reports are taken', async () => {
      const { num_pending, num_ack_pending } = await streams.consumers.info('REPORTS', 'scheduler');
      return num_pending === 0 && num_ack_pending === 0;
    });
  const buried = async (code: string): Promise<number> => (await mesh.deadLetters()).filter(({ error }) => error.code === code).length;
  /** I3: whatever was said, the job is as it was, to the last field. */
  const changesNothing = async (lie: () => Promise<unknown>): Promise<void> => {
    const before = await view();
    await lie();
    await taken();
    expect(await view()).toEqual(before);
  };

  it('a claim of a job of another pool is denied, whatever pool the agent says it is in (I12)', async () => {
    await changesNothing(async () => {
      const refused = { granted: false, code: 'job.claim.pool' };
      expect(await stranger.claim(job.id, 1)).toMatchObject(refused);
      await stranger.beat(mesh, 'fra');
      expect(await stranger.claim(job.id, 1)).toMatchObject(refused);
      await stranger.beat(mesh, 'par');
      expect(await stranger.claim(job.id, 1)).toMatchObject(refused);
    });
  });

  it('a claim of a wrong attempt, and of a job that does not exist, is denied', () =>
    changesNothing(async () => {
      expect(await liar.claim(job.id, 7)).toMatchObject({ granted: false, code: 'job.claim.stale' });
      expect(await liar.claim('no-such-job', 1)).toMatchObject({ granted: false, code: 'job.claim.missing' });
    }));

  it('a second claim gives the holder the same lease, and nobody else any', async () => {
    const first = (await holder.claim(job.id, 1)) as Extract<ClaimAnswer, { granted: true }>;
    expect(first).toMatchObject({ granted: true, attempt: 1 });
    epoch = first.epoch;
    expect(await holder.claim(job.id, 1)).toMatchObject({ granted: true, epoch });
    expect(await liar.claim(job.id, 1)).toMatchObject({ granted: false, code: 'job.claim.held' });
    expect(await view()).toMatchObject({ state: 'claimed', agent: 'holder', epoch });
  });

  it("a renewal of another agent's job, or with another epoch, is told to stop and moves no lease", () =>
    changesNothing(async () => {
      expect(await liar.renew(job.id, epoch)).toMatchObject({ go: 'stop' });
      expect(await stranger.renew(job.id, epoch)).toMatchObject({ go: 'stop' });
      expect(await holder.renew(job.id, epoch + 1)).toMatchObject({ go: 'stop' });
    }));

  it('the end of a job, told by who does not hold it, is a dead letter that says who does (I3)', async () => {
    await changesNothing(async () => {
      await liar.report(job.id, 'succeeded', { epoch, n: 1 });
      await liar.report(job.id, 'failed', { epoch: LARGE, n: LARGE });
      await stranger.report(job.id, 'succeeded', { epoch, n: 2 });
    });
    expect(await buried('scheduler.report.forbidden')).toBe(3);
    const letter = (await mesh.deadLetters())[0];
    expect(letter?.error.message).toContain('agent holder holds');
  });

  it('a report of a job that does not exist is a dead letter after a while', async () => {
    await liar.report('no-such-job', 'succeeded', { epoch: 1, n: 1 });
    await mesh.come('it is buried', async () => (await buried('scheduler.job.missing')) === 1);
  });

  it('reports said twice, with numbers of before, or with an epoch that never was, change nothing (I3)', async () => {
    await holder.report(job.id, 'started', { epoch, n: 1 });
    await holder.report(job.id, 'progress', { epoch, n: 3, percent: 40 });
    await taken();
    expect(await view()).toMatchObject({ state: 'running', percent: 40 });
    await changesNothing(async () => {
      await holder.report(job.id, 'started', { epoch, n: 1 });
      await holder.report(job.id, 'progress', { epoch, n: 3, percent: 90 });
      await holder.report(job.id, 'progress', { epoch, n: 2, percent: 20 });
      await holder.report(job.id, 'succeeded', { epoch: epoch + 5, n: 4 });
      await holder.report(job.id, 'succeeded', { epoch: LARGE, n: 4 });
    });
  });

  it('a report that no row could hold is a dead letter and takes no other with it', async () => {
    await changesNothing(async () => {
      await holder.report(job.id, 'progress', { epoch, n: LARGE });
      await holder.report(job.id, 'progress', { epoch, n: 4, message: 'nul \u0000 nul' });
    });
    expect((await mesh.deadLetters()).filter(({ subject }) => subject.endsWith(`${job.id}.progress`))).toHaveLength(2);
    await holder.report(job.id, 'progress', { epoch, n: 5, percent: 60 });
    await taken();
    expect(await view()).toMatchObject({ percent: 60 });
  });

  it('what an earlier attempt still says changes nothing of the next (I3)', async () => {
    await holder.report(job.id, 'failed', { epoch, n: 6, message: 'first try' });
    job = await dispatched(2);
    await changesNothing(() => holder.report(job.id, 'succeeded', { epoch, n: 7 }));
    const old = epoch;
    const answer = (await holder.claim(job.id, 2)) as Extract<ClaimAnswer, { granted: true }>;
    expect(answer).toMatchObject({ granted: true, attempt: 2 });
    epoch = answer.epoch;
    expect(epoch).toBeGreaterThan(old);
    await changesNothing(async () => {
      await holder.report(job.id, 'succeeded', { epoch: old, n: 8 });
      expect(await holder.renew(job.id, old)).toMatchObject({ go: 'stop' });
      expect(await holder.claim(job.id, 1)).toMatchObject({ granted: false, code: 'job.claim.stale' });
    });
  });

  it('the true holder finishes, and after the end nothing changes any more (I6)', async () => {
    expect(await holder.renew(job.id, epoch)).toMatchObject({ go: 'on' });
    await holder.report(job.id, 'started', { epoch, n: 1 });
    await holder.report(job.id, 'succeeded', { epoch, n: 2 });
    await mesh.runs('checkout', 'production', '1.0.0', 1);
    await changesNothing(async () => {
      await holder.report(job.id, 'failed', { epoch, n: 3 });
      await holder.report(job.id, 'succeeded', { epoch, n: 2 });
      await liar.report(job.id, 'failed', { epoch, n: 4 });
      expect(await holder.claim(job.id, 2)).toMatchObject({ granted: false, code: 'job.claim.over' });
      expect(await liar.claim(job.id, 2)).toMatchObject({ granted: false, code: 'job.claim.over' });
      expect(await holder.renew(job.id, epoch)).toMatchObject({ go: 'stop' });
    });
  });

  it('and the next version goes its way', async () => {
    await mesh.publish('checkout', { tag: '1.1.0' });
    job = await dispatched(1);
    const answer = (await liar.claim(job.id, 1)) as Extract<ClaimAnswer, { granted: true }>;
    await liar.report(job.id, 'succeeded', { epoch: answer.epoch, n: 1 });
    await mesh.runs('checkout', 'production', '1.1.0', 1);
  });
});
