import { afterEach, describe, expect, it } from '@jest/globals';
import { commitOf, eventually } from '@slipway/testkit';
import { Refused } from '../../src/executors/executor.js';
import { Interrupted } from '../../src/vendor/failures.js';
import { ArgoCdBench, messagesOf, said } from './argo-cd-bench.js';

let bench: ArgoCdBench;
afterEach(async () => {
  const { violations } = bench.server;
  await bench.close();
  expect(violations).toEqual([]);
});

const AUTO = { syncPolicy: { automated: { prune: true } } };
const CHANGE = { sourceChanges: [{ targetRevision: 'v1.2.0' }] };

describe('executor argo-cd, once only', () => {
  it('finds what another agent, or an earlier life, began by the id of the run, and does not begin it again', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand' });
    const app = bench.server.have('checkout');
    expect(await bench.agent().observe(bench.run())).toBe('notStarted');
    await bench.agent().start(bench.run());
    const [second, run] = [bench.agent(), bench.run({}, { grant: { observeFirst: true } })];
    expect(await second.observe(run)).toBe('running');
    await second.start(run);
    bench.server.controller.takeUp(app);
    bench.server.controller.finish(app);
    expect(await second.observe(run)).toBe('running');
    await second.start(run);
    expect(bench.syncs()).toBe(1);
    // Of the next attempt it is certain that it has not begun: it would have replaced this one.
    expect(await second.observe(bench.run({}, { grant: { attempt: 2 } }))).toBe('notStarted');
    expect(await second.follow(run)).toMatchObject({ verb: 'succeeded' });
  });

  it('looks up what became of a sync whose answer was lost', async () => {
    bench = await ArgoCdBench.open();
    bench.server.have('checkout');
    bench.server.misbehave({ method: 'POST', path: /sync$/, loseAnswer: true });
    expect(await bench.through(bench.run())).toMatchObject({ verb: 'succeeded' });
    bench.server.misbehave({ method: 'POST', path: /sync$/, afterwards: { status: 502, text: 'bad gateway' } });
    expect(await bench.through(bench.run({}, { job: 'j2' }))).toMatchObject({ verb: 'succeeded' });
    expect(bench.syncs()).toBe(2);
    // Not carried out: sent again once that is certain.
    bench.server.misbehave({ method: 'POST', path: /sync$/, instead: { status: 502, text: 'bad gateway' } });
    const run = bench.run({}, { job: 'j3' });
    expect(await bench.through(run)).toMatchObject({ verb: 'succeeded' });
    expect(bench.syncs()).toBe(4);
    expect(messagesOf(run)).toMatch(/whether the sync was begun is looked up: .*answered 502/);
  });

  it('gives a server that fails at the sync for ever six tries', async () => {
    bench = await ArgoCdBench.open({ hurry: 500 });
    bench.server.have('checkout');
    const instead = { status: 500, body: { error: 'boom', code: 2, message: 'boom' } };
    bench.server.misbehave({ method: 'POST', path: /sync$/, instead, times: 1_000 });
    await expect(bench.agent().start(bench.run())).rejects.toThrow(/could not be begun in 6 tries: .*answered 500/);
    expect(bench.syncs()).toBe(6);
  });

  it("waits while somebody else's operation goes on, and says whose", async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand' });
    const app = bench.server.have('checkout');
    bench.server.syncedBy('alice', 'checkout');
    const run = bench.run();
    const started = bench.agent().start(run);
    await said(run, /until another operation is over: one of alice goes on/);
    expect(bench.syncs()).toBe(0);
    bench.server.controller.takeUp(app);
    bench.server.controller.finish(app);
    await started;
    expect(bench.syncs()).toBe(1);
    expect(bench.server.app('checkout').operation?.['info']).toEqual([{ name: 'slipway.job', value: 'j1.1' }]);
  });

  it('loses the race for an operation, and waits for its turn', async () => {
    bench = await ArgoCdBench.open({ hurry: 5 });
    bench.server.have('checkout');
    const body = { error: 'x', code: 9, message: 'another operation is already in progress' };
    bench.server.misbehave({ method: 'POST', path: /sync$/, instead: { status: 400, body } });
    expect(await bench.through(bench.run())).toMatchObject({ verb: 'succeeded' });
    expect(bench.syncs()).toBe(2);
  });

  it('takes an operation of auto-sync for its own when it brings about exactly what the spec now says', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand' });
    const app = bench.server.have('checkout', { spec: AUTO });
    bench.server.edit('checkout', ({ spec }) => (spec['source'].targetRevision = 'v1.2.0'));
    bench.server.controller.notice(app);
    const [agent, run] = [bench.agent(), bench.run(CHANGE)];
    await agent.start(run);
    expect(bench.syncs()).toBe(0);
    bench.server.controller.takeUp(app);
    bench.server.controller.finish(app);
    expect(await agent.follow(run)).toMatchObject({ verb: 'succeeded', outputs: { revision: commitOf('v1.2.0'), sync: 'Synced' } });
    // Another agent sees the same, without notes; an operation for something else is not ours.
    expect(await bench.agent().observe(bench.run(CHANGE))).toBe('running');
    expect(await bench.agent().observe(bench.run({ sourceChanges: [{ targetRevision: 'v1.3.0' }] }))).toBe('unknown');
  });

  it('sets targetRevision while auto-sync is on, and races with it', async () => {
    bench = await ArgoCdBench.open({ pace: { noticeMs: 0, takeUpMs: 0, syncMs: 50 } });
    bench.server.have('checkout', { spec: AUTO });
    for (const version of ['v1.1.0', 'v1.2.0', 'v1.3.0']) {
      const outcome = await bench.through(bench.run({ sourceChanges: [{ targetRevision: version }] }, { job: version }));
      expect(outcome).toMatchObject({ verb: 'succeeded', outputs: { revision: commitOf(version), sync: 'Synced' } });
    }
  });

  it('says unknown when other operations came after, and knows from the history what it saw begin', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand', hurry: 100 });
    const app = bench.server.have('checkout');
    const { controller } = bench.server;
    const [agent, run] = [bench.agent(), bench.run()];
    await agent.start(run);
    controller.takeUp(app);
    const followed = agent.follow(run);
    await eventually('its beginning was seen', () => run.notes['begunAt']);
    bench.server.misbehave({ method: 'GET', path: /checkout$/, instead: { status: 503, text: 'away' }, times: 2 });
    controller.finish(app);
    bench.server.syncedBy('bob', 'checkout');
    controller.takeUp(app);
    controller.finish(app);
    expect(await followed).toMatchObject({ verb: 'succeeded' });
    expect(await bench.agent().observe(bench.run())).toBe('unknown');

    const blind = bench.run({}, { job: 'j2' });
    blind.note('sent', 'taken');
    expect(await bench.agent().follow(blind)).toMatchObject({
      verb: 'unknown',
      message: expect.stringContaining('last operation is one of bob'),
    });
    // What began before the job was made is certainly not its own.
    expect(await bench.agent().observe(bench.run({}, { job: 'ffffffff-0000-7000-8000-000000000000' }))).toBe('notStarted');
  });

  it('waits for a sync window, tells which, and ends its wait when the run is to end', async () => {
    bench = await ArgoCdBench.open({ hurry: 100 });
    bench.server.have('checkout');
    bench.server.closedWindow = { kind: 'deny', schedule: '0 22 * * *', duration: '9h' };
    const run = bench.run();
    const started = bench.agent().start(run);
    await said(run, /until a sync window allows it; active: deny "0 22 \* \* \*" for 9h/);
    bench.server.closedWindow = undefined;
    await started;

    bench.server.closedWindow = { kind: 'deny', schedule: '0 22 * * *', duration: '9h' };
    await eventually('the first is over', () => !bench.server.app('checkout').operation);
    const second = bench.run({}, { job: 'j2' });
    const refused = bench.agent().start(second);
    await said(second, /until a sync window/);
    second.end.abort();
    await expect(refused).rejects.toThrow(Interrupted);
    expect(await bench.agent().cancel(second)).toBe(true);
    expect(bench.server.count('DELETE', /operation/)).toBe(0);
  });

  it('terminates its own operation when cancelled, and waits until it is gone', async () => {
    bench = await ArgoCdBench.open({ pace: { syncMs: 1_000_000, terminateMs: 60 } });
    bench.server.have('checkout');
    const [agent, run] = [bench.agent(), bench.run()];
    await agent.start(run);
    await eventually('it runs', () => bench.server.app('checkout').status['operationState']);
    const followed = agent.follow(run);
    run.end.abort();
    expect(await agent.cancel(run)).toBe(true);
    expect(bench.server.app('checkout').operation).toBeUndefined();
    expect(await followed).toMatchObject({ verb: 'cancelled', message: 'the sync was terminated: Operation terminated' });
    expect(bench.server.count('DELETE', /operation/)).toBe(1);

    // Somebody else's is left alone.
    bench.server.syncedBy('alice', 'checkout');
    expect(await agent.cancel(run)).toBe(true);
    expect(bench.server.count('DELETE', /operation/)).toBe(1);
  });

  it('does not say that nothing was begun, or that all is stopped, when auto-sync will deploy the spec it wrote', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand', hurry: 100 });
    const app = bench.server.have('checkout', { spec: AUTO });
    bench.server.denied.add('sync');
    const refused = bench.agent().start(bench.run(CHANGE));
    await expect(refused).rejects.not.toBeInstanceOf(Refused);
    await expect(refused).rejects.toThrow(/auto-sync may deploy the spec, .*the token may not do this/);
    bench.server.denied.clear();
    bench.server.denied.add('update');
    await expect(bench.agent().start(bench.run({ sourceChanges: [{ targetRevision: 'v2' }] }))).rejects.toBeInstanceOf(Refused);
    bench.server.denied.clear();

    bench.server.closedWindow = { kind: 'deny', schedule: '0 22 * * *', duration: '9h' };
    const [agent, run] = [bench.agent(), bench.run({ sourceChanges: [{ targetRevision: 'v1.3.0' }] }, { job: 'j2' })];
    const started = agent.start(run);
    await said(run, /until a sync window/);
    run.end.abort();
    await expect(started).rejects.toThrow(Interrupted);
    expect(await agent.cancel(run)).toBe(false);
    // Taken up by auto-sync meanwhile, it can be stopped.
    bench.server.controller.notice(app);
    bench.server.controller.takeUp(app);
    const cancelled = agent.cancel(run);
    await eventually('it is terminated', () => app.status['operationState'].phase === 'Terminating');
    bench.server.controller.finish(app, 'Failed', { message: 'Operation terminated' });
    expect(await cancelled).toBe(true);
  });

  it('goes back by the history where the config says so and auto-sync is off, and by a sync otherwise', async () => {
    bench = await ArgoCdBench.open();
    bench.server.have('checkout');
    const context = { job: { rollback: true } };
    const to = (targetRevision: string) => ({ sourceChanges: [{ targetRevision }], rollback: 'history' });
    await bench.through(bench.run(to('v1.0.0')));
    await bench.through(bench.run(to('v1.1.0'), { job: 'j2' }));
    const back = bench.run(to('v1.0.0'), { job: 'j3', context });
    bench.server.misbehave({ method: 'POST', path: /rollback$/, loseAnswer: true });
    expect(await bench.through(back)).toMatchObject({ verb: 'succeeded', outputs: { revision: commitOf('v1.0.0') } });
    expect(bench.server.count('POST', /rollback$/)).toBe(1);
    expect(bench.syncs()).toBe(2);
    // Another agent knows it by what it went back to.
    expect(await bench.agent().observe(bench.run(to('v1.0.0'), { job: 'j3', context }))).toBe('running');
    // Never deployed before: a sync.
    await bench.through(bench.run(to('v0.9.0'), { job: 'j4', context }));
    expect(bench.syncs()).toBe(3);
  });

  it('follows the Applications that an Application deploys until they are well too', async () => {
    bench = await ArgoCdBench.open({ hurry: 50 });
    bench.server.have('checkout');
    bench.server.have('web');
    bench.server.edit(
      'checkout',
      ({ status }) => (status['resources'] = [{ group: 'argoproj.io', kind: 'Application', namespace: 'argocd', name: 'web' }]),
    );
    bench.server.controller.healths.set('web', ['Progressing']);
    const run = bench.run();
    const followed = bench.through(run);
    await said(run, /its Application web: health is Progressing/);
    bench.server.controller.healths.set('web', ['Healthy']);
    bench.server.controller.reconcile(bench.server.app('web'));
    expect(await followed).toMatchObject({ verb: 'succeeded' });

    bench.server.controller.healths.set('web', ['Degraded']);
    expect(await bench.through(bench.run({ children: 'ignore' }, { job: 'j2' }))).toMatchObject({ verb: 'succeeded' });
    const failed = await bench.through(bench.run({ degradedGrace: '5s' }, { job: 'j3' }));
    expect(failed.message).toMatch(/^the sync succeeded, but its Application web: health is Degraded \(for 5 s\)/);
  });
});
