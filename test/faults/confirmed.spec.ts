import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { subjects, type InboxItem } from '@slipway/contracts';
import { FaultMesh, type JobView } from './fault-mesh.js';
import { ScriptedAgent } from './scripted-agent.js';
import { atOnce, deployment, shop } from './shop-documents.js';

const SLIPWAY = fileURLToPath(new URL('../../cli/bin/slipway.mjs', import.meta.url));

describe('a person who is asked, at the command line and through the whole mesh', () => {
  let mesh: FaultMesh;
  let agent: ScriptedAgent;
  let job: JobView;
  let epoch: number;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    await mesh.apply(...shop(1), atOnce, deployment('network', 'true'));
    agent = await ScriptedAgent.enrol(mesh, 'anna', 'par');
    await agent.beat(mesh, 'par');
    await mesh.publish('network', { tag: '1.0.0' });
    job = await mesh.come('the job is offered', async () => (await mesh.jobs()).find((one) => one.state === 'dispatched'));
    const grant = await agent.claim(job.id, 1);
    epoch = grant?.granted === true ? grant.epoch : 0;
    await agent.report(job.id, 'started', { epoch, n: 1 });
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  /** A command; on a busy machine it may take so long that the lease would not outlast two of them. */
  const slipway = async (...args: string[]) => {
    await agent.renew(job.id, epoch);
    const all = ['--server', mesh.nats.url, '--creds', mesh.nats.creds.person, ...args];
    const ran = spawnSync(process.execPath, [SLIPWAY, ...all], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, NO_COLOR: '1' },
    });
    return { code: ran.status, out: ran.stdout, err: ran.stderr };
  };
  const asks = async (n: number, message: string, answer: { link?: string; question?: string }): Promise<void> => {
    await agent.report(job.id, 'actionRequired', { epoch, n, message, ...answer });
    await mesh.come(`${message} is asked`, async () => (await mesh.jobs({ id: job.id }))[0]?.message === message);
  };
  const inbox = async (): Promise<InboxItem[]> => (await mesh.ask('scheduler.inbox', {})).items;
  const shown = async (): Promise<string> =>
    [await slipway('inbox'), await slipway('status'), await slipway('watch', '--once')].map(({ out }) => out).join('\n---\n');

  it('is refused, with the link, what must be done elsewhere', async () => {
    await asks(2, 'review it', { link: 'https://vendor.example/runs/1' });
    const { code, err } = await slipway('confirm', job.id);
    expect([code, err]).toEqual([
      5,
      expect.stringContaining('https://vendor.example/runs/1: review it. (scheduler.job.confirm.elsewhere)'),
    ]);
    const text = await shown();
    expect(text.split('---').filter((part) => part.includes('review it'))).toHaveLength(3);
    expect(text).not.toContain('slipway confirm');
  }, 120_000);

  it('gives the command that the inbox prints, and the agent is told at once', async () => {
    await asks(3, 'Plan: 2 to add', { question: 'aaaa1111' });
    const command = `slipway confirm ${job.id} --question aaaa1111`;
    expect((await shown()).split('---').filter((part) => part.includes(command))).toHaveLength(3);
    const nudges: string[] = [];
    const nats = await mesh.person();
    nats.subscribe(subjects.agentNudge('anna'), { callback: (_, message) => void nudges.push(message.subject) });
    await nats.flush();
    const stale = await slipway('confirm', job.id, '--question', 'ffff0000', '--output', 'json');
    expect([stale.code, JSON.parse(stale.err)]).toMatchObject([5, { error: { code: 'scheduler.job.confirm.otherQuestion' } }]);
    expect((await agent.renew(job.id, epoch))?.confirmed).toBeUndefined();

    const [, ...words] = ((await inbox())[0]?.asks[0] ?? '').replace('<text>', 'read').split(' ');
    const said = await slipway(...words, '--output', 'json');
    expect([said.code, JSON.parse(said.out)]).toEqual([0, { done: `job ${job.id} is confirmed (Plan: 2 to add); agent anna goes on` }]);
    expect(await agent.renew(job.id, epoch)).toMatchObject({ go: 'on', confirmed: 'aaaa1111' });
    await mesh.come('the agent is told to renew', () => nudges.length > 0);
    expect(await inbox()).toEqual([]);
    expect((await slipway('status')).out).toMatch(/confirmed by user:\S+ \(read\); agent anna goes on/);
  }, 120_000);

  it('answers nothing once the job has gone on, has ended, or never was', async () => {
    await agent.report(job.id, 'progress', { epoch, n: 4, message: 'applying' });
    await mesh.come('it goes on', async () => (await mesh.jobs({ id: job.id }))[0]?.state === 'running');
    expect(await slipway('confirm', job.id)).toMatchObject({
      code: 5,
      err: expect.stringContaining('(scheduler.job.confirm.notAsked)') as unknown,
    });
    await agent.report(job.id, 'succeeded', { epoch, n: 5 });
    await mesh.come('it ends', async () => (await mesh.jobs({ id: job.id }))[0]?.state === 'succeeded');
    expect(await slipway('confirm', job.id)).toMatchObject({
      code: 5,
      err: expect.stringContaining('(scheduler.job.confirm.over)') as unknown,
    });
    expect(await slipway('confirm', 'nope')).toMatchObject({ code: 4, err: expect.stringContaining('(scheduler.job.missing)') as unknown });
    expect((await mesh.jobs({ id: job.id }))[0]).toMatchObject({ confirmation: { question: 'aaaa1111', reason: 'read' } });
    expect(await mesh.deadLetters()).toEqual([]);
  }, 120_000);
});
