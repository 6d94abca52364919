import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { commitOf, TEST_CERTIFICATE } from '@slipway/testkit';
import { Refused } from '../../src/executors/executor.js';
import { argoCdHealthProvider } from '../../src/providers/argo-cd-health.js';
import { ArgoCdBench, messagesOf } from './argo-cd-bench.js';

let bench: ArgoCdBench;
afterEach(async () => {
  const { violations } = bench.server;
  await bench.close();
  expect(violations).toEqual([]);
});

const HOUR_MS = 3_600_000;

describe('executor argo-cd in bad times', () => {
  it('waits for a server that is down for an hour, with twenty runs and few requests', async () => {
    bench = await ArgoCdBench.open({ hurry: 1_500 });
    const jobs = Array.from({ length: 20 }, (_, at) => `job${at}`);
    for (const name of jobs) bench.server.have(name);
    const runs = jobs.map((name) => bench.run({ application: { name, project: 'shop' } }, { job: name }));
    bench.server.misbehave({ path: /./, instead: { status: 503, text: 'away' }, times: 1_000_000 });
    const agent = bench.agent();
    const outcomes = runs.map((run) => bench.through(run, agent));
    await new Promise<void>((resolve) => bench.time.after(HOUR_MS, resolve));
    // About one a minute for all of them together, and at most one opening of each stream.
    expect(bench.server.requests.length).toBeLessThan(80 + jobs.length);
    expect(messagesOf(runs[0]!)).toMatch(/Argo CD does not answer: .*answered 503 to GET .*again in \d+ s/);
    expect(bench.syncs()).toBe(0);
    bench.server.behave();
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ verb: 'succeeded' });
    expect(bench.syncs()).toBe(jobs.length);
  });

  it('goes on without the stream, and when it is cut again and again', async () => {
    bench = await ArgoCdBench.open({ hurry: 50 });
    bench.server.have('checkout');
    bench.server.misbehave({ path: /stream/, instead: { status: 403, text: 'no' }, times: 2 });
    bench.server.misbehave({ path: /stream/, loseAnswer: true, times: 3 });
    expect(await bench.through(bench.run())).toMatchObject({ verb: 'succeeded' });
  });

  it('does not believe or break at answers that make no sense', async () => {
    bench = await ArgoCdBench.open({ hurry: 50 });
    bench.server.have('checkout');
    const [agent, run] = [bench.agent(), bench.run()];
    await agent.start(run);
    const answers: unknown[] = [
      [],
      { metadata: { name: 7 } },
      { metadata: { name: 'checkout' }, status: 'Healthy', operation: 'none' },
      {
        metadata: { name: 'checkout' },
        status: { operationState: [], health: { status: 'Healthy' } },
        operation: { info: 'x'.repeat(5_000_000) },
      },
    ];
    for (const body of answers) bench.server.misbehave({ method: 'GET', path: /checkout$/, instead: { status: 200, body } });
    bench.server.misbehave({ method: 'GET', path: /checkout$/, instead: { status: 200, text: '<html>\u001b[31msign in</html>' } });
    const outcome = await agent.follow(run);
    // An Application without an operation of ours is one where others came after, of which nothing is known.
    expect(['succeeded', 'unknown']).toContain(outcome.verb);
  });

  it('says unknown when what it follows may not be read any more, and failed when it is deleted', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand' });
    bench.server.have('checkout');
    const [agent, run] = [bench.agent(), bench.run()];
    await agent.start(run);
    bench.server.denied.add('get');
    await expect(agent.follow(run)).rejects.toThrow('the Application cannot be read any more: permission denied');
    bench.server.denied.clear();
    bench.server.remove('checkout');
    expect(await agent.follow(run)).toMatchObject({ verb: 'failed', message: expect.stringContaining('was deleted meanwhile') });
    expect(await agent.cancel(run)).toBe(true);
  });

  it('refuses a certificate that is not trusted, and takes one whose authority is named', async () => {
    bench = await ArgoCdBench.open({ tls: true });
    bench.server.have('checkout');
    const refused = bench.agent().start(bench.run());
    await expect(refused).rejects.toThrow(Refused);
    await expect(refused).rejects.toThrow(/is not trusted .*caFile/);
    expect(bench.server.requests).toHaveLength(0);
    await expect(bench.agent().start(bench.run({ caFile: '/nowhere/ca.pem' }))).rejects.toThrow(
      /caFile \/nowhere\/ca.pem could not be read/,
    );
    const directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-ca-'));
    const caFile = path.join(directory, 'ca.pem');
    writeFileSync(caFile, TEST_CERTIFICATE.cert);
    expect(await bench.through(bench.run({ caFile }))).toMatchObject({ verb: 'succeeded' });
    rmSync(directory, { recursive: true });
  });

  it('complains of a config that is not right before it asks anybody', async () => {
    bench = await ArgoCdBench.open();
    const { validate } = bench.agent();
    const complaint = (over: object): string | undefined => validate(bench.config(over));
    expect(complaint({})).toBeUndefined();
    expect(complaint({ application: { name: 'x' } })).toMatch(/^executor.application.project is missing; write the AppProject/);
    expect(complaint({ token: 'eyJhbGciOi' })).toMatch(/^executor.token what stands here is not a reference to a secret/);
    expect(complaint({ revision: 'a', revisions: [{ position: 1, revision: 'a' }] })).toMatch(/revisions cannot stand beside revision/);
    expect(complaint({ revision: 'a', sourceChanges: [{ targetRevision: 'b' }] })).toMatch(/sets targetRevision where revision says/);
    expect(complaint({ sourceChanges: [{ position: 2 }] })).toMatch(/changes nothing/);
    expect(complaint({ template: { spec: { destination: {}, source: {}, project: 'x' } } })).toMatch(
      /has a project; it stands under application/,
    );
    expect(complaint({ template: { spec: { destination: {}, source: {} } }, revision: 'a' })).toMatch(
      /revision cannot stand beside template/,
    );
    expect(bench.agent().reaches(bench.config({ server: 'https://argocd.example.org/root/' }))).toEqual({
      servers: ['https://argocd.example.org'],
    });
  });
});

describe('provider argoCdHealth', () => {
  const probe = (over: object = {}, token = 'good-token') => {
    const provider = argoCdHealthProvider(bench.opened());
    const config = {
      type: 'argoCdHealth',
      server: bench.server.url,
      token: 'env:T',
      application: { name: 'checkout', project: 'shop' },
      ...over,
    };
    expect(provider.validate(config)).toBeUndefined();
    const { signal } = new AbortController();
    return provider.probe(config, {
      timers: bench.time,
      clock: bench.time,
      signal,
      secrets: { token },
      dueAt: bench.time.now(),
      hide: () => {},
    });
  };

  it('tells health, sync, revision, operation, images and conditions', async () => {
    bench = await ArgoCdBench.open();
    bench.server.have('checkout');
    expect(await bench.through(bench.run())).toMatchObject({ verb: 'succeeded' });
    bench.server.edit('checkout', ({ status }) => {
      status['summary'] = { images: ['a:1'] };
      status['conditions'] = [{ type: 'SharedResourceWarning', message: 'shared \u001b[31mresource' }];
    });
    expect(await probe()).toEqual({
      result: {
        health: 'Healthy',
        sync: 'Synced',
        revision: commitOf('main'),
        revisions: [commitOf('main')],
        operation: 'Succeeded',
        reconciledAt: bench.server.app('checkout').status['reconciledAt'],
        images: ['a:1'],
        conditions: [{ type: 'SharedResourceWarning', message: 'shared resource' }],
      },
    });
  });

  it('has no data of what was not compared since the last operation', async () => {
    bench = await ArgoCdBench.open({ pace: 'by hand' });
    const app = bench.server.have('checkout');
    bench.server.syncedBy('alice', 'checkout');
    expect(await probe()).toMatchObject({ result: { operation: 'Pending' } });
    bench.server.controller.takeUp(app);
    bench.server.controller.finish(app);
    expect(await probe()).toEqual({ noData: 'Argo CD has not compared the Application since its last operation' });
    bench.server.edit('checkout', ({ status }) => delete status['reconciledAt']);
    expect(await probe()).toEqual({ noData: 'Argo CD has not compared the Application yet' });
  });

  it('cannot tell of an Application that is not there, with a wrong token, or when nobody answers in time', async () => {
    bench = await ArgoCdBench.open();
    expect(await probe()).toEqual({ error: `${bench.server.url}: applications.argoproj.io "checkout" not found` });
    expect(await probe({}, 'stolen')).toEqual({ error: `${bench.server.url}: invalid session: signature is invalid` });
    await bench.server.stop();
    expect(await probe({ timeout: '5s' })).toEqual({ error: expect.stringMatching(/no answer within 5 s: .*connection refused/) });
  });
});
