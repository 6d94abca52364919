import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, type TerraformRunScript } from '@slipway/testkit';
import type { Outcome } from '../../src/executors/executor.js';
import { isUnknownStatus, Scene, type SceneRun } from './scene.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ factor: 20 });
  scene.server.addWorkspace('shop');
});
afterEach(async () => {
  const { violations } = scene.server;
  await scene.close();
  expect(violations.filter((violation) => !isUnknownStatus(violation))).toEqual([]);
});

async function follow(script: TerraformRunScript, status: string, over = {}): Promise<{ run: SceneRun; ended: Promise<Outcome> }> {
  scene.server.script = script;
  const run = scene.run(over);
  await scene.executor.start(run);
  const ended = scene.executor.follow(run);
  await eventually(`it is ${status}`, () => scene.server.runs[0]?.status === status);
  return { run, ended };
}

async function stop(run: SceneRun): Promise<boolean> {
  run.end();
  return scene.executor.cancel(run);
}

const actions = (): string[] => scene.server.requests.flatMap(({ path }) => /actions\/(.+)$/.exec(path)?.[1] ?? []);

describe('a run that is to stop', () => {
  it('is discarded before it began and where it waits for a person, and cancelled while it works', async () => {
    const pending = await follow({ holds: 'pending' }, 'pending');
    expect(await stop(pending.run)).toBe(true);
    expect(await pending.ended).toMatchObject({ verb: 'cancelled', message: 'discarded: nothing was applied' });
    expect(actions()).toEqual(['discard']);
  });

  it.each([
    ['planned', {}, 'discard', /^discarded: nothing was applied/],
    ['policy_override', { policies: 'soft' }, 'discard', /^discarded: nothing was applied/],
    ['planning', { holds: 'planning' }, 'cancel', /^cancelled before anything was applied/],
    ['applying', { holds: 'applying' }, 'cancel', /^cancelled in the middle of the apply: what it had done until then stays/],
  ] as const)('when it is %s', async (status, script, action, message) => {
    const { run, ended } = await follow(script, status, status === 'applying' ? { autoApply: true } : {});
    expect(await stop(run)).toBe(true);
    expect(await ended).toMatchObject({ verb: 'cancelled', message: expect.stringMatching(message) });
    expect(actions()).toEqual([action]);
  });

  it('by force only after a cancel that did not help, and when the server lets it', async () => {
    const { run, ended } = await follow({ holds: 'applying', ignoresCancel: { forceAfterMs: 50 } }, 'applying', { autoApply: true });
    expect(await stop(run)).toBe(true);
    expect(await ended).toMatchObject({ verb: 'cancelled' });
    expect(actions()).toEqual(['cancel', 'force-cancel']);
  });

  it('and does not within the time for that, or may not be stopped by this token, is not confirmed', async () => {
    const { run } = await follow({ holds: 'applying', ignoresCancel: {} }, 'applying', { autoApply: true });
    expect(await stop(run)).toBe(false);
    expect(actions()).toEqual(['cancel']);
    expect(run.said.log).toContain('the run was asked to stop, and had not when the time for that was over\n');

    scene.server.addWorkspace('other');
    scene.server.script = { holds: 'planning', permissions: { 'can-cancel': false } };
    const denied = scene.run({ workspace: { name: 'other' } }, { job: 'j2' });
    await scene.executor.start(denied);
    void scene.executor.follow(denied);
    await eventually('it plans', () => scene.server.named('other').runs[0]?.status === 'planning');
    expect(await stop(denied)).toBe(false);
    expect(denied.said.log).toContain("the run can't be stopped by this agent's token (it is planning); stop it there\n");
    expect(actions()).toEqual(['cancel']);
  });

  it.each([
    ['a lost answer', { loseAnswer: true } as const, 1],
    ['a state that changed meanwhile', { instead: { status: 409 } }, 2],
    ['a gateway that fails', { instead: { status: 502 } }, 2],
  ])('is looked at again after %s', async (_what, fault, asked) => {
    const { run } = await follow({ holds: 'planning' }, 'planning');
    scene.server.misbehave({ method: 'POST', path: /actions\/cancel/, ...fault });
    expect(await stop(run)).toBe(true);
    expect(actions()).toHaveLength(asked);
  });

  it('and is over already, is over; one that was never begun is not there', async () => {
    const { run, ended } = await follow({}, 'applied', { autoApply: true });
    expect(await ended).toMatchObject({ verb: 'succeeded' });
    expect(await scene.executor.cancel(run)).toBe(true);
    expect(await scene.executor.cancel(scene.run({}, { job: 'j9' }))).toBe(true);
    expect(actions()).toEqual([]);
  });

  it('by an agent that did not begin it, is found and stopped', async () => {
    await follow({ holds: 'planning' }, 'planning');
    expect(await stop(scene.run())).toBe(true);
    expect(scene.server.runs[0]?.status).toBe('canceled');
  });

  it('while the server is down is not confirmed', async () => {
    const { run } = await follow({ holds: 'planning' }, 'planning');
    await scene.server.stop();
    expect(await stop(run)).toBe(false);
    expect(run.said.log).toMatch(/the stop waits: 127\.0\.0\.1:\d+: connection refused/);
    await scene.server.start();
  });
});
