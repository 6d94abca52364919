import { afterEach, describe, expect, it } from '@jest/globals';
import { commitOf } from '@slipway/testkit';
import { Refused } from '../../src/executors/executor.js';
import { ArgoCdBench, said } from './argo-cd-bench.js';

let bench: ArgoCdBench;
afterEach(async () => {
  const { violations } = bench.server;
  await bench.close();
  expect(violations).toEqual([]);
});

const AUTO = { syncPolicy: { automated: { prune: true } } };
const CHANGE = { sourceChanges: [{ targetRevision: 'v1.2.0' }] };

describe('executor argo-cd', () => {
  it('syncs the wanted revision with the id of the run and tells revision, health, images and where to look', async () => {
    bench = await ArgoCdBench.open();
    bench.server.have('checkout').status['summary'] = { images: ['shop/checkout:1.2.0'] };
    const run = bench.run({ revision: 'v1.2.0', prune: true, syncOptions: ['CreateNamespace=true'] });
    const outcome = await bench.through(run);
    const url = `${bench.server.url}/applications/argocd/checkout`;
    expect(outcome).toEqual({
      verb: 'succeeded',
      outputs: { revision: commitOf('v1.2.0'), health: 'Healthy', sync: 'OutOfSync', images: ['shop/checkout:1.2.0'], url },
      links: { application: url },
    });
    const [sent] = bench.server.requests.filter(({ path }) => path.endsWith('/sync'));
    expect(sent?.body).toEqual({
      name: 'checkout',
      project: 'shop',
      revision: 'v1.2.0',
      prune: true,
      infos: [{ name: 'slipway.job', value: 'j1.1' }],
      syncOptions: { items: ['CreateNamespace=true'] },
    });
    expect(run.said.progress).toContainEqual({ links: { application: url } });
  });

  it('creates an Application from its template, and updates it with the next version', async () => {
    bench = await ArgoCdBench.open();
    const template = (targetRevision: string, finalizers?: string[]) => ({
      template: {
        labels: { team: 'shop' },
        ...(finalizers ? { finalizers } : {}),
        spec: {
          destination: { name: 'in-cluster', namespace: 'shop' },
          source: { repoURL: 'https://charts.example.org', chart: 'checkout', targetRevision },
        },
      },
    });
    const first = await bench.through(bench.run(template('1.0.0', ['resources-finalizer.argocd.argoproj.io'])));
    expect(first).toMatchObject({ verb: 'succeeded', outputs: { sync: 'Synced' } });
    expect(bench.server.app('checkout').spec).toMatchObject({ project: 'shop', source: { targetRevision: '1.0.0' } });
    const second = await bench.through(bench.run(template('1.1.0'), { job: 'j2' }));
    expect(second).toMatchObject({ verb: 'succeeded', outputs: { revision: commitOf('1.1.0'), sync: 'Synced' } });
    // An update replaces finalizers: those that are there are sent along.
    expect(bench.server.app('checkout').metadata['finalizers']).toEqual(['resources-finalizer.argocd.argoproj.io']);
    expect(bench.syncs()).toBe(2);
  });

  it('writes Helm parameters and Kustomize images into the sources they belong to, and leaves the rest', async () => {
    bench = await ArgoCdBench.open();
    const helm = {
      parameters: [
        { name: 'image.tag', value: '1.0.0', forceString: true },
        { name: 'replicas', value: '3' },
      ],
    };
    const sources = [
      { repoURL: 'https://charts.example.org', chart: 'checkout', targetRevision: '4.1.0', helm },
      { repoURL: 'https://git.example.org/overlays.git', path: 'x', targetRevision: 'main', kustomize: { images: ['a:1', 'b=c/b:1'] } },
    ];
    bench.server.have('checkout', { spec: { sources } });
    const sourceChanges = [
      { position: 1, helmParameters: { 'image.tag': '1.2.0', port: 8080 } },
      { position: 2, kustomizeImages: ['b=c/b:2'] },
    ];
    const outcome = await bench.through(bench.run({ sourceChanges, revisions: [{ position: 2, revision: 'v7' }] }));
    expect(outcome).toMatchObject({ verb: 'succeeded', outputs: { revisions: [commitOf('4.1.0'), commitOf('v7')] } });
    const [one, two] = bench.server.app('checkout').spec['sources'];
    expect(one.helm.parameters).toEqual([
      { name: 'image.tag', value: '1.2.0', forceString: true },
      { name: 'replicas', value: '3' },
      { name: 'port', value: '8080' },
    ]);
    expect(two.kustomize.images).toEqual(['a:1', 'b=c/b:2']);
    const [sent] = bench.server.requests.filter(({ path }) => path.endsWith('/sync'));
    expect(sent?.body).toMatchObject({ revisions: ['v7'], sourcePositions: [2] });
  });

  it('does not believe Synced and Healthy of before the sync: it waits until it was compared, and asks for that', async () => {
    bench = await ArgoCdBench.open({ pace: { reconcileMs: 1_000_000 }, hurry: 100 });
    const app = bench.server.have('checkout');
    app.status['health'] = { status: 'Healthy' };
    app.status['sync'] = { status: 'Synced', revision: commitOf('main') };
    const run = bench.run();
    bench.server.controller.healths.set('checkout', ['Progressing']);
    bench.server.controller.deaf = true;
    const followed = bench.through(run);
    await said(run, /until Argo CD has compared it after the sync/);
    bench.server.controller.deaf = false;
    expect(bench.server.app('checkout').status['health']).toEqual({ status: 'Healthy' });
    await said(run, /health is Progressing/);
    bench.server.controller.healths.set('checkout', ['Healthy']);
    bench.server.controller.reconcile(app);
    expect(await followed).toMatchObject({ verb: 'succeeded' });
    expect(bench.server.requests.some(({ query }) => query.get('refresh') === 'normal')).toBe(true);
  });

  it('waits while it is Progressing, Suspended or something unknown, and fails only when it stays Degraded', async () => {
    bench = await ArgoCdBench.open({ hurry: 5 });
    bench.server.have('checkout');
    bench.server.controller.healths.set('checkout', ['Progressing', 'Degraded', 'Suspended', 'Enlightened', 'Missing', 'Healthy']);
    const run = bench.run();
    expect(await bench.through(run)).toMatchObject({ verb: 'succeeded' });

    bench.server.controller.healths.set('checkout', ['Degraded']);
    bench.server.trees.set('checkout', [
      { kind: 'Pod', namespace: 'checkout', name: 'checkout-1', uid: 'u1', health: { status: 'Degraded' } },
    ]);
    bench.server.events.set('checkout/checkout-1', [
      { type: 'Normal', reason: 'Pulled', message: 'pulled' },
      { type: 'Warning', reason: 'BackOff', message: 'Back-off restarting failed container' },
    ]);
    const failed = await bench.through(bench.run({ degradedGrace: '10s' }, { job: 'j2' }));
    expect(failed).toMatchObject({ verb: 'failed', outputs: { health: 'Degraded' } });
    expect(failed.message).toBe(
      'the sync succeeded, but health is Degraded (for 10 s); Pod checkout/checkout-1: BackOff: Back-off restarting failed container',
    );
  });

  it('takes Suspended for healthy where the config says so, and gives up after healthTimeout', async () => {
    bench = await ArgoCdBench.open({ hurry: 100 });
    bench.server.have('checkout');
    bench.server.controller.healths.set('checkout', ['Suspended']);
    expect(await bench.through(bench.run({ suspended: 'healthy' }))).toMatchObject({ verb: 'succeeded', outputs: { health: 'Suspended' } });
    const late = await bench.through(bench.run({ healthTimeout: '5m' }, { job: 'j2' }));
    expect(late.message).toBe('the sync succeeded, but was not healthy within 300 s: health is Suspended');
  });

  it('tells why a sync failed: its message, the resources, conditions and events', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand', hurry: 2 });
    const app = bench.server.have('checkout');
    const run = bench.run();
    const agent = bench.agent();
    await agent.start(run);
    const { controller } = bench.server;
    controller.takeUp(app);
    bench.server.edit('checkout', ({ status }) => (status['conditions'] = [{ type: 'SyncError', message: 'failed last sync' }]));
    bench.server.trees.set('checkout', [{ kind: 'Job', namespace: 'checkout', name: 'migrate', uid: 'u2' }]);
    bench.server.events.set('checkout/migrate', [
      { type: 'Warning', reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' },
    ]);
    controller.finish(app, 'Failed', {
      message: 'one or more synchronization tasks completed unsuccessfully',
      resources: [
        { kind: 'Service', namespace: 'checkout', name: 'web', status: 'Synced', message: 'created' },
        { kind: 'Job', namespace: 'checkout', name: 'migrate', hookPhase: 'Failed', hookType: 'PreSync', message: 'exit code 1' },
        { group: 'apps', kind: 'Deployment', namespace: 'checkout', name: 'web', status: 'SyncFailed', message: 'quota exceeded' },
      ],
    });
    expect(await agent.follow(run)).toMatchObject({
      verb: 'failed',
      message:
        'the sync ended as Failed: one or more synchronization tasks completed unsuccessfully; Job checkout/migrate: exit code 1; ' +
        'Deployment checkout/web: quota exceeded; SyncError: failed last sync; Job checkout/migrate: BackoffLimitExceeded: Job has reached the limit',
    });
  });

  it('follows a sync that is tried again, and states it does not know, to the end', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand' });
    const app = bench.server.have('checkout');
    const { controller } = bench.server;
    const run = bench.run();
    const agent = bench.agent();
    await agent.start(run);
    const followed = agent.follow(run);
    controller.takeUp(app);
    controller.retry(app);
    await said(run, /failed, will be tried again: one or more objects failed/);
    bench.server.edit('checkout', ({ status }) => Object.assign(status['operationState'], { phase: 'Levitating', message: 'floating' }));
    await said(run, /floating/);
    controller.finish(app);
    controller.reconcile(app);
    expect(await followed).toMatchObject({ verb: 'succeeded' });
  });

  it('is refused at once, and asks no more, when token, Application, revision or template are not right', async () => {
    bench = await ArgoCdBench.open();
    const refusal = async (run: ReturnType<ArgoCdBench['run']>): Promise<string> => {
      const error: unknown = await bench
        .agent()
        .start(run)
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Refused);
      return (error as Error).message;
    };
    expect(await refusal(bench.run({}, { token: 'stolen' }))).toMatch(/^the token is not accepted: .*invalid session/);
    expect(await refusal(bench.run())).toMatch(/^there is no Application checkout in project shop, .*write a template/);
    expect(bench.server.requests.filter(({ path }) => !path.includes('stream'))).toHaveLength(2);

    bench.server.have('checkout');
    bench.server.denied.add('sync');
    expect(await refusal(bench.run())).toMatch(/policy line "p, proj:shop:<role>, applications, <action>, shop\/checkout, allow"/);
    bench.server.denied.clear();
    bench.server.unknownRevisions.add('v9');
    expect(await refusal(bench.run({ revision: 'v9' }))).toMatch(/unable to resolve 'v9' to a commit SHA/);
    expect(await refusal(bench.run({ sourceChanges: [{ position: 2, targetRevision: 'v1' }] }))).toMatch(/names source 2, and .* has 1/);
    bench.server.edit('checkout', ({ spec }) => Object.assign(spec, AUTO));
    expect(await refusal(bench.run({ revision: 'v1.2.0' }))).toMatch(/^auto-sync is on, .*targetRevision under sourceChanges/);
    bench.server.edit(
      'checkout',
      ({ metadata }) =>
        (metadata['ownerReferences'] = [{ kind: 'ApplicationSet', name: 'all', apiVersion: 'argoproj.io/v1alpha1', uid: 'u' }]),
    );
    expect(await refusal(bench.run(CHANGE))).toMatch(/belongs to the ApplicationSet all, which would undo/);
    expect(bench.server.app('checkout').operation).toBeUndefined();
  });

  it('is refused by what is no Argo CD', async () => {
    bench = await ArgoCdBench.open();
    bench.server.misbehave({ path: /checkout$/, instead: { status: 200, text: '<html>sign in</html>' } });
    await expect(bench.agent().start(bench.run())).rejects.toThrow(
      /something that is no JSON: is that the address of Argo CD's API server/,
    );
    bench.server.misbehave({ path: /checkout$/, instead: { status: 404, text: '<html>nothing here</html>' } });
    await expect(bench.agent().start(bench.run())).rejects.toThrow(/answered 404: <html>/);
  });

  it('shows what would change: the spec by the run, the resources as Argo CD compares them, and never a Secret', async () => {
    bench = await ArgoCdBench.open();
    bench.server.have('checkout');
    bench.server.managed.set('checkout', [
      resource('Deployment', { spec: { replicas: 2, image: 'a:1' } }, { spec: { replicas: 3, image: 'a:1' } }),
      resource('Secret', { data: { password: 'aHVudGVyMg==' } }, { data: { password: 'aHVudGVyMw==' } }),
      resource('Service', null, { spec: {} }),
      resource('ConfigMap', { data: { a: '1' } }, { data: { a: '1' } }),
    ]);
    const text = await bench.agent().diff(bench.run(CHANGE));
    expect(text).toMatch(/spec.source.targetRevision: "main" → "v1.2.0"/);
    expect(text).toMatch(/Deployment checkout\/x:\n {2}spec.replicas: 2 → 3\n/);
    expect(text).toMatch(/Secret checkout\/x: differs \(not shown\)\nService checkout\/x: will be created$/);
    expect(text).not.toMatch(/aHVu|ConfigMap/);
    expect(bench.syncs()).toBe(0);
    const created = bench.run({ application: { name: 'new', project: 'shop' }, template: { spec: { destination: {}, source: {} } } });
    expect(await bench.agent().diff(created)).toBe('the Application new does not exist yet and will be created');
  });
});

const resource = (kind: string, live: object | null, predicted: object) => ({
  kind,
  namespace: 'checkout',
  name: 'x',
  normalizedLiveState: JSON.stringify(live),
  predictedLiveState: JSON.stringify(predicted),
});
