import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { isUnknownStatus, messagesOf, Scene } from './scene.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
  scene.server.addWorkspace('shop');
});
afterEach(async () => {
  const { violations } = scene.server;
  await scene.close();
  expect(violations).toEqual([]);
});

function takeUnknownStatuses(): void {
  expect(scene.server.violations.splice(0).filter((violation) => !isUnknownStatus(violation))).toEqual([]);
}

const POST_RUNS = /^\/runs$/;

describe('a run', () => {
  it('that is applied without asking succeeds with its plan, cost, policies, outputs and log', async () => {
    const { server } = scene;
    server.script = {
      additions: 2,
      changes: 1,
      cost: { prior: '10.0', proposed: '12.5' },
      policies: 'pass',
      planLog: 'Plan: 2 to add\n',
      applyLog: 'Apply complete!\n',
    };
    server.named('shop').outputs = [
      { name: 'url', value: 'https://shop.example', sensitive: false },
      { name: 'password', value: 'hunter2', sensitive: true },
    ];
    const run = scene.run({ autoApply: true });
    const outcome = await scene.carryOut(run);
    const [made] = server.runs;
    const link = `${server.url}/app/acme/workspaces/shop/runs/${made?.id}`;
    expect(outcome).toEqual({
      verb: 'succeeded',
      message: 'applied; 2 to add, 1 to change, 0 to destroy; costs 12.5 a month, was 10.0; policies (sentinel) passed: 3 passed, 0 failed',
      links: { terraform: link },
      outputs: {
        runId: made?.id,
        status: 'applied',
        plan: { additions: 2, changes: 1, destructions: 0, imports: 0, hasChanges: true },
        cost: { priorMonthly: '10.0', proposedMonthly: '12.5', deltaMonthly: '2.5' },
        policies: [{ kind: 'sentinel', status: 'passed', passed: 3, mandatoryFailed: 0, advisoryFailed: 0 }],
        state: { url: 'https://shop.example' },
        changes: { resources: [{ address: 'terraform_data.app', actions: ['create'] }], outputs: ['url'] },
      },
    });
    expect(made?.attributes).toMatchObject({ message: 'checkout 1.0.0 to staging, host-1 [slipway j1.1]', 'auto-apply': true });
    expect(run.said.log).toBe('Plan: 2 to add\nApply complete!\n');
    expect(messagesOf(run)).toEqual(
      expect.arrayContaining(['planning', 'planned: 2 to add, 1 to change, 0 to destroy', expect.stringMatching(/^applying: 2 to add/)]),
    );
    expect(run.said.progress).toContainEqual({ links: { terraform: link } });
    expect(run.said.asked).toEqual([]);
    expect(server.count('GET', /\/runs$/)).toBe(0);
    // Addresses that are secrets, whole and in part.
    expect(run.hidden).toEqual(expect.arrayContaining([expect.stringMatching(/log-secret-plan/), expect.stringMatching(/^plan-secret/)]));
    expect(JSON.stringify([run.said, outcome])).not.toMatch(/archivist|hunter2|secret-looking/);
  });

  it('that needs confirmation asks once, and is applied when a person confirms it', async () => {
    scene.server.script = { destructions: 1, additions: 0 };
    const run = scene.run();
    await scene.executor.start(run);
    const ended = scene.executor.follow(run);
    await eventually('a person is asked', () => run.said.asked.length > 2);
    const [made] = scene.server.runs;
    const asked = {
      message: 'confirm the plan: 0 to add, 0 to change, 1 to destroy',
      link: expect.stringContaining(`/runs/${made?.id}`),
      confirms: made?.id,
    };
    expect(new Set(run.said.asked.map((question) => JSON.stringify(question))).size).toBe(1);
    expect(run.said.asked[0]).toEqual(asked);
    run.confirm();
    expect(await ended).toMatchObject({ verb: 'succeeded', message: expect.stringMatching(/^applied/) });
    expect(scene.server.count('POST', /\/actions\/apply$/)).toBe(1);
  });

  it('that a person confirms there goes on as well', async () => {
    const run = scene.run();
    await scene.executor.start(run);
    const ended = scene.executor.follow(run);
    await eventually('a person is asked', () => run.said.asked.length > 0);
    expect(scene.server.runs[0]?.act('apply')).toBe(202);
    expect(await ended).toMatchObject({ verb: 'succeeded' });
  });

  it('whose token may not apply says so, whether it is told before or when it tries', async () => {
    scene.server.script = { permissions: { 'can-apply': false } };
    const told = scene.run({}, { job: 'j1' });
    await scene.executor.start(told);
    void scene.executor.follow(told);
    await eventually('a person is asked', () => told.said.asked.length > 0);
    expect(told.said.asked[0]).toEqual({
      message: expect.stringMatching(/^confirm the plan there, this agent's token may not/),
      link: expect.any(String),
    });

    scene.server.script = {};
    const tries = scene.run({}, { job: 'j2' });
    await scene.executor.start(tries);
    void scene.executor.follow(tries);
    await eventually('a person is asked', () => tries.said.asked.length > 0);
    scene.server.misbehave({ method: 'POST', path: /actions\/apply/, instead: { status: 403 }, times: 100 });
    tries.confirm();
    await eventually('it is refused', () => tries.said.asked.some((asked) => /may not/.test(JSON.stringify(asked))));
    expect(scene.server.count('POST', /actions\/apply/)).toBe(1);
  });

  it.each([
    ['a lost answer', { loseAnswer: true } as const],
    ['a gateway that fails', { afterwards: { status: 502, text: 'bad gateway' } }],
    ['somebody who was quicker', { instead: { status: 409 } }],
  ])('is applied once after %s to the confirmation', async (_what, fault) => {
    const run = scene.run();
    await scene.executor.start(run);
    const ended = scene.executor.follow(run);
    await eventually('a person is asked', () => run.said.asked.length > 0);
    scene.server.misbehave({ method: 'POST', path: /actions\/apply/, ...fault });
    run.confirm();
    expect(await ended).toMatchObject({ verb: 'succeeded' });
    expect(scene.server.runs[0]?.statuses.filter((status) => status === 'applying')).toHaveLength(1);
  });

  it('without changes succeeds and says so; one for planning only applies nothing', async () => {
    scene.server.script = { additions: 0 };
    expect(await scene.carryOut(scene.run())).toMatchObject({ verb: 'succeeded', message: expect.stringMatching(/^no changes/) });
    scene.server.script = {};
    const planned = await scene.carryOut(scene.run({ planOnly: true }, { job: 'j2' }));
    expect(planned).toMatchObject({
      verb: 'succeeded',
      message: 'planned only, as asked: nothing was applied; 1 to add, 0 to change, 0 to destroy',
    });
    expect(scene.server.runs.every(({ statuses }) => !statuses.includes('applying'))).toBe(true);
  });

  it('that fails says where and with what', async () => {
    scene.server.script = { errsIn: 'plan', planLog: '╷\n│ Error: Invalid reference\n│ \n' };
    expect(await scene.carryOut(scene.run({ autoApply: true }))).toMatchObject({
      verb: 'failed',
      message: 'the plan failed; Invalid reference',
    });
    const line = JSON.stringify({
      '@level': 'error',
      '@message': 'Error: x',
      diagnostic: { severity: 'error', summary: 'disk is full', detail: 'on vda' },
    });
    scene.server.script = { errsIn: 'apply', applyLog: `{"@level":"info","@message":"app: Creating..."}\n${line}\n` };
    const run = scene.run({ autoApply: true }, { job: 'j2' });
    expect(await scene.carryOut(run)).toMatchObject({
      verb: 'failed',
      message: 'the apply failed: what it had done until then stays; disk is full',
    });
    expect(run.said.log).toContain('app: Creating...\nError: disk is full\non vda\n');
  });

  it('that policies hold asks for a decision there, which no confirmation here answers; then goes on', async () => {
    scene.server.script = { policies: 'soft' };
    const run = scene.run({ autoApply: true });
    await scene.executor.start(run);
    const ended = scene.executor.follow(run);
    await eventually('a person is asked', () => run.said.asked.length > 0);
    expect(run.said.asked[0]).toEqual({
      message: 'a person must decide there (policy override): policies (sentinel) soft failed: 3 passed, 1 failed',
      link: expect.any(String),
    });
    scene.server.runs[0]?.override();
    expect(await ended).toMatchObject({ verb: 'succeeded' });
    scene.server.script = { policies: 'hard' };
    expect(await scene.carryOut(scene.run({ autoApply: true }, { job: 'j2' }))).toMatchObject({
      verb: 'failed',
      message: 'it ended as errored; policies (sentinel) hard failed: 3 passed, 1 failed',
    });
  });

  it('whose tasks await a decision shows what they found', async () => {
    scene.server.script = { stage: 'awaiting_override' };
    const run = scene.run();
    await scene.executor.start(run);
    void scene.executor.follow(run);
    await eventually('a person is asked', () => run.said.asked.length > 0);
    expect(run.said.asked[0]).toMatchObject({
      message:
        'a person must decide there (post plan awaiting decision): policies (opa) failed: 2 passed, 1 failed, 1 advisory failed; tasks of stage post plan: awaiting override',
    });
    run.end();
    takeUnknownStatuses();
  });

  it('that is in no state we know is followed on', async () => {
    scene.server.script = { before: ['fetching', 'dreaming_of_plans', 'planning'] };
    const run = scene.run({ autoApply: true });
    expect(await scene.carryOut(run)).toMatchObject({ verb: 'succeeded' });
    expect(messagesOf(run)).toContain('dreaming of plans');
    takeUnknownStatuses();
  });

  it('of a workspace that somebody locked waits, and says who and why', async () => {
    scene.server.lock('shop', { type: 'users', name: 'ada' }, 'moving house');
    const run = scene.run({ autoApply: true });
    await scene.executor.start(run);
    const ended = scene.executor.follow(run);
    await eventually('it waits', () => messagesOf(run).includes('pending: waits: the workspace is locked by ada (moving house)'));
    scene.server.lock('shop', undefined);
    expect(await ended).toMatchObject({ verb: 'succeeded' });
  });

  it.each([
    ['discarded', ['planned'], 'cancelled', /^discarded there by somebody: nothing was applied/],
    ['canceled', ['planning'], 'cancelled', /^cancelled there by somebody before anything was applied/],
    ['canceled', ['planning', 'planned', 'applying'], 'failed', /^cancelled there by somebody in the middle of the apply/],
  ])('that somebody else leaves %s after %j is %s', async (status, before, verb, message) => {
    const run = scene.run();
    await scene.executor.start(run);
    const [made] = scene.server.runs;
    for (const one of [...before, status]) made?.become(one);
    expect(await scene.executor.follow(run)).toMatchObject({ verb, message: expect.stringMatching(message) });
  });
});

describe('hostile answers', () => {
  it.each([
    ['a page of a proxy', { status: 200, text: '<html>sign in</html>' }],
    ['an answer without the run', { status: 200, body: { data: { id: 'x', attributes: { status: 7, actions: 'none' } } } }],
    ['a fault of the server', { status: 500, text: 'panic' }],
  ])('to a look are waited out: %s', async (_what, instead) => {
    const run = scene.run({ autoApply: true });
    await scene.executor.start(run);
    scene.server.misbehave({ path: /^\/runs\/[^/]+$/, instead, times: 8 });
    expect(await scene.executor.follow(run)).toMatchObject({ verb: 'succeeded' });
    expect(messagesOf(run).some((message) => message.startsWith('waits: '))).toBe(true);
  });

  it('that a run is gone is believed at the third time', async () => {
    const run = scene.run({ autoApply: true });
    await scene.executor.start(run);
    scene.server.misbehave({ path: /^\/runs\//, instead: { status: 404 }, times: 2 });
    expect(await scene.executor.follow(run)).toMatchObject({ verb: 'succeeded' });
    scene.server.misbehave({ path: /^\/runs\//, instead: { status: 404 }, times: 100 });
    expect(await scene.executor.follow(run)).toMatchObject({
      verb: 'unknown',
      message: expect.stringContaining('is not to be seen any more'),
    });
    expect(scene.server.count('POST', POST_RUNS)).toBe(1);
  });

  it('of storage leave the log out, and hold nothing up', async () => {
    scene.server.misbehave({ path: /log-secret/, instead: { status: 503, text: 'down' }, times: 1_000 });
    scene.server.misbehave({ path: /plan-secret/, instead: { status: 200, text: 'no plan' } });
    scene.server.misbehave({ path: /state-version-outputs/, instead: { status: 403 } });
    const run = scene.run({ autoApply: true });
    const outcome = await scene.carryOut(run);
    expect(outcome).toMatchObject({ verb: 'succeeded', outputs: { status: 'applied' } });
    expect(run.said.log).toBe('the redacted plan left out: it is no plan\noutputs of the state left out: it answered 403\n');
  });

  it('in the log are shown in bounds: one that never ends, or ignores ranges', async () => {
    scene.server.script = { planLog: 'x'.repeat(300_000) };
    const run = scene.run({ planOnly: true });
    expect(await scene.carryOut(run)).toMatchObject({ verb: 'succeeded' });
    expect(run.said.log).toHaveLength(300_001);
    scene.server.misbehave({ path: /log-secret/, instead: { status: 200, text: 'y'.repeat(2_000_000) }, times: 1_000 });
    const flooded = scene.run({ planOnly: true }, { job: 'j2' });
    expect(await scene.carryOut(flooded)).toMatchObject({ verb: 'succeeded' });
    expect(flooded.said.log).toBe('');
  });
});
