import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { Refused } from '../../src/executors/executor.js';
import { GithubBench, lastMessage } from './github-bench.js';

const DISPATCH = /\/dispatches$/;
let bench: GithubBench;

const open = async (options: ConstructorParameters<typeof GithubBench>[0] = {}): Promise<GithubBench> =>
  (bench = await new GithubBench(options).open());

afterEach(async () => {
  const { violations, warnings } = bench.server;
  await bench.close();
  expect([...violations, ...warnings]).toEqual([]);
});

/** What beginning it fails with. */
const failureOf = (run: ReturnType<GithubBench['run']>): Promise<unknown> =>
  bench
    .agent()
    .start(run)
    .catch((error: unknown) => error);

describe('a dispatch at github.com', () => {
  beforeEach(() => open());

  it('hands over inputs and the run’s id, and gets the id of the workflow run', async () => {
    const run = bench.run();
    await bench.agent().start(run);
    expect(bench.server.runs).toMatchObject([
      { title: 'deploy job-1.1', ref: 'main', inputs: { version: '1.0.0', slipway_job: 'job-1.1' } },
    ]);
    expect(run.notes['github.run']).toBe(bench.server.runs[0]?.id);
    const post = bench.server.requests.find(({ method }) => method === 'POST');
    expect(post?.headers).toMatchObject({ authorization: 'Bearer ghp_test', 'x-github-api-version': '2022-11-28' });
    // One look before, and the dispatch.
    expect(bench.server.requests).toHaveLength(2);
  });

  it('twice is one run, whichever agents ask', async () => {
    const run = bench.run();
    const agent = bench.agent();
    await agent.start(run);
    await agent.start(run);
    await bench.agent().start(bench.run());
    expect(bench.server.count('POST', DISPATCH)).toBe(1);
  });

  it('of which GitHub tells no id, or nothing that can be read, is found by the run’s name', async () => {
    bench.server.listLag = 2;
    bench.server.misbehave({ method: 'POST', path: DISPATCH, afterwards: { status: 204 } });
    await bench.agent().start(bench.run());
    bench.server.misbehave({ method: 'POST', path: DISPATCH, afterwards: { status: 200, text: '<html>ok</html>' } });
    const run = bench.run({ job: 'job-2' });
    await bench.agent().start(run);
    expect(run.notes['github.run']).toBe(bench.server.runsOf('job-2.1')[0]?.id);
    expect(bench.server.runs).toHaveLength(2);
  });

  it.each([
    ['that was taken and answered with 502', { afterwards: { status: 502, text: 'bad gateway' } }],
    ['that was taken and answered with 500', { afterwards: { status: 500 } }],
    ['whose answer was lost', { loseAnswer: true as const }],
  ])('%s is looked up, and not sent again', async (_what, fault) => {
    bench.server.listLag = 3;
    bench.server.misbehave({ method: 'POST', path: DISPATCH, ...fault });
    const run = bench.run();
    await bench.agent().start(run);
    expect(run.notes['github.run']).toBe(bench.server.runs[0]?.id);
    expect(bench.server.count('POST', DISPATCH)).toBe(1);
    expect(bench.server.runs).toHaveLength(1);
  });

  it('that was not taken, as far as can be seen, is not known to have begun, and not sent again', async () => {
    bench.server.misbehave({ method: 'POST', path: DISPATCH, instead: { status: 502, text: 'bad gateway' } });
    const failed = await failureOf(bench.run());
    expect(failed).not.toBeInstanceOf(Refused);
    expect((failed as Error).message).toMatch(
      /^GitHub may have taken the dispatch \(.*answered 502 to POST .*: bad gateway\), and no run of deploy.yml named with job-1.1 appeared within a minute; its run-name must hold \$\{\{ inputs.slipway_job \}\}$/,
    );
    expect(bench.server.count('POST', DISPATCH)).toBe(1);
    expect(bench.server.requests.length).toBeLessThan(12);
  });

  it('is looked up through strange answers', async () => {
    bench.server.listLag = 3;
    bench.server.misbehave({ method: 'POST', path: DISPATCH, loseAnswer: true });
    const run = bench.run();
    const started = bench.agent().start(run);
    await eventually('the first look after it', () => bench.server.count('GET', /\/runs$/) >= 2);
    bench.server.misbehave({ path: /\/runs$/, instead: { status: 200, text: '<html>log in</html>' } });
    await started;
    expect(run.notes['github.run']).toBe(bench.server.runs[0]?.id);
  });

  it.each([
    [
      'an unknown workflow',
      { workflow: 'ship.yml' },
      {},
      /^there is no workflow ship.yml in acme\/shop that the token may see at .*: 404 Not Found; check both names/,
      1,
    ],
    ['an unknown repository', { repository: 'acme/none' }, {}, /^there is no workflow deploy.yml in acme\/none/, 1],
    [
      'a wrong token',
      {},
      { token: 'ghp_wrong' },
      /did not accept the token for acme\/shop: 401 Bad credentials; give one that is valid$/,
      1,
    ],
    [
      'a token that may only read',
      {},
      { token: 'ghp_read' },
      /^the token may not use deploy.yml in acme\/shop: 403 Resource not accessible.*it needs the permission Actions: read and write$/,
      2,
    ],
    [
      'an unknown ref',
      { ref: 'nowhere' },
      {},
      /^GitHub does not dispatch deploy.yml of acme\/shop at nowhere: 422 No ref found for: nowhere; the file at that branch/,
      2,
    ],
    [
      'an input that the workflow lacks',
      { inputs: { color: 'red' } },
      {},
      /422 Unexpected inputs provided: \["color"\]; .*with the inputs slipway_job, color$/,
      2,
    ],
    ['another name for the run’s id', { jobInput: 'deploy_id' }, {}, /Unexpected inputs provided: \["deploy_id"\]/, 2],
  ])('with %s is refused with what would be right, after few requests', async (_what, config, secrets, message, requests) => {
    bench.server.tokens.set('ghp_read', 'read');
    const run = bench.run({ config, secrets: { token: 'ghp_test', ...secrets } });
    const refused = await failureOf(run);
    expect(refused).toBeInstanceOf(Refused);
    expect((refused as Error).message).toMatch(message);
    expect(bench.server.requests).toHaveLength(requests);
    expect(bench.server.runs).toEqual([]);
    expect(run.notes['github.sent'] ?? null).toBeNull();
  });

  it('at a server that is not GitHub is refused', async () => {
    bench.server.misbehave({ path: /./, instead: { status: 200, text: '<html>welcome</html>' } });
    await expect(bench.agent().start(bench.run())).rejects.toThrow(
      /answered something that is not GitHub's API; for an Enterprise Server write server: https/,
    );
  });

  it('waits for a GitHub that is down for an hour, and is then sent once; forty runs ask little more than one', async () => {
    await bench.close();
    await open({ hurry: 3_000 });
    bench.server.misbehave({ path: /./, instead: { status: 503 }, times: 1_000_000 });
    const agent = bench.agent();
    const runs = Array.from({ length: 40 }, (_, at) => bench.run({ job: `job-${at}` }));
    const started = runs.map((run) => agent.start(run));
    await new Promise<void>((resolve) => bench.time.after(3_600_000, resolve));
    const asked = bench.server.requests.length;
    bench.server.behave();
    await Promise.all(started);
    expect(asked).toBeLessThan(40 + 80);
    expect(bench.server.runs).toHaveLength(40);
    expect(bench.server.count('POST', DISPATCH)).toBe(40);
    expect(runs[0]?.said.progress).toContainEqual({
      message: expect.stringMatching(/answered 503 to GET .*asked \d+ times, again in \d+ s$/),
    });
  });

  it('that is cancelled while GitHub is down was never sent, and that is certain', async () => {
    bench.server.misbehave({ path: /./, instead: { status: 503 }, times: 1_000_000 });
    const agent = bench.agent();
    const run = bench.run();
    const started = agent.start(run).catch((error: unknown) => error);
    await eventually('it waits', () => lastMessage(run)?.includes('503'));
    run.end();
    await expect(started).resolves.toBeInstanceOf(Error);
    await expect(agent.cancel(run)).resolves.toBe(true);
    expect(bench.server.count('POST', /./)).toBe(0);
  });
});

describe('a run that another agent began', () => {
  beforeEach(() => open());

  const elsewhere = (job = 'job-1') => bench.run({ job, grant: { observeFirst: true, epoch: 2 } });

  it('is found by its id, without notes', async () => {
    await bench.agent().start(bench.run());
    const agent = bench.agent();
    await expect(agent.observe(elsewhere())).resolves.toBe('running');
    bench.server.conclude(bench.server.runs[0]!, 'success');
    const run = elsewhere();
    await expect(agent.observe(run)).resolves.toBe('succeeded');
    await expect(agent.follow(run)).resolves.toMatchObject({ verb: 'succeeded' });
    expect(bench.server.runs).toHaveLength(1);
  });

  it('is found and cancelled though the list lags', async () => {
    bench.server.listLag = 4;
    await bench.agent().start(bench.run());
    await expect(bench.agent().cancel(elsewhere())).resolves.toBe(true);
    expect(bench.server.runs).toMatchObject([{ status: 'completed', conclusion: 'cancelled' }]);
  });

  it('is found behind a thousand others, which is more than GitHub gives for one search', async () => {
    await bench.agent().start(bench.run());
    const [ours] = bench.server.runs;
    for (let at = 0; at < 1_150; at++) bench.server.addRun(`deploy other-${at}.1`).createdAt -= (1_150 - at) * 1_000;
    ours!.createdAt -= 1_160_000;
    await expect(bench.agent().observe(elsewhere())).resolves.toBe('running');
    const searches = bench.server.requests.map(({ query }) => query.get('created')?.replace(/\d{4}-\S+?Z/g, 'T'));
    expect(new Set(searches)).toEqual(new Set(['>=T', undefined, 'T..T']));
  });

  it('is looked for from when its job was made, which its id tells', async () => {
    const made = Date.now() - 86_400_000;
    const id = `${made
      .toString(16)
      .padStart(12, '0')
      .replace(/^(.{8})/, '$1-')}-7000-8000-000000000000`;
    await bench.agent().start(bench.run({ job: id }));
    expect(bench.server.requests[0]?.query.get('created')).toBe(`>=${new Date(made - 3_600_000).toISOString().slice(0, 19)}Z`);
  });

  it('is not taken for one whose id begins or ends alike', async () => {
    for (const title of ['deploy job-1.12', 'deploy xjob-1.1', 'deploy job-1.1a']) bench.server.addRun(title);
    await expect(bench.agent().observe(elsewhere())).resolves.toBe('notStarted');
    bench.server.addRun('deploy (job-1.1)');
    await expect(bench.agent().observe(elsewhere())).resolves.toBe('running');
  });

  it('is known not to exist once the list had its time, and then begun once', async () => {
    bench.server.addRun('deploy job-7.1');
    const agent = bench.agent();
    const run = elsewhere();
    await expect(agent.observe(run)).resolves.toBe('notStarted');
    expect(bench.server.requests.length).toBeLessThan(12);
    await agent.start(run);
    expect(bench.server.runsOf('job-1.1')).toHaveLength(1);
  });

  it('can’t be known where the workflow does not name its runs', async () => {
    delete bench.server.workflows[0]!.runName;
    await bench.agent().start(bench.run());
    await expect(bench.agent().observe(elsewhere())).rejects.toThrow(
      "1 run of deploy.yml may be this job's, and its name does not tell; give the workflow a run-name with ${{ inputs.slipway_job }}, which was job-1.1",
    );
  });

  it('can’t be known with credentials that are not taken, or when GitHub has it no more', async () => {
    const wrong = bench.run({ secrets: { token: 'ghp_wrong' }, grant: { observeFirst: true } });
    await expect(bench.agent().observe(wrong)).rejects.toThrow('401 Bad credentials');
    const gone = bench.run({ notes: { 'github.run': 999 } });
    await expect(bench.agent().observe(gone)).rejects.toThrow('run 999 of acme/shop could not be read: 404');
  });
});

describe('a dispatch at an Enterprise Server', () => {
  beforeEach(() => open({ enterprise: true }));

  it('is sent again without the field that the server does not know, and found by its name; the server is remembered', async () => {
    bench.server.listLag = 2;
    const agent = bench.agent();
    await agent.start(bench.run());
    expect(bench.server.count('POST', DISPATCH)).toBe(2);
    const run = bench.run({ job: 'job-2' });
    await agent.start(run);
    expect(bench.server.count('POST', DISPATCH)).toBe(3);
    expect(run.notes['github.run']).toBe(bench.server.runsOf('job-2.1')[0]?.id);
    expect(bench.server.runs).toHaveLength(2);
  });

  it('whose answer was lost is looked up once the server is known; before that it may have been the refusal that was lost', async () => {
    const agent = bench.agent();
    bench.server.misbehave({ method: 'POST', path: DISPATCH, loseAnswer: true });
    await expect(agent.start(bench.run())).rejects.toThrow('GitHub may have taken the dispatch');
    expect(bench.server.runs).toEqual([]);
    await agent.start(bench.run({ job: 'job-2' }));
    bench.server.misbehave({ method: 'POST', path: DISPATCH, loseAnswer: true });
    await agent.start(bench.run({ job: 'job-3' }));
    expect(bench.server.runsOf('job-3.1')).toHaveLength(1);
  });

  it('of a workflow that does not name its runs begins and is not known', async () => {
    delete bench.server.workflows[0]!.runName;
    await expect(bench.agent().start(bench.run())).rejects.toThrow(
      /^GitHub took the dispatch, and no run of deploy.yml named with job-1.1 appeared within a minute: 1 run of deploy.yml may be this job's/,
    );
    expect(bench.server.runs).toHaveLength(1);
  });
});

describe('a GitHub whose certificate is not trusted', () => {
  it('is not sent anything', async () => {
    await open({ tls: true });
    const refused = await failureOf(bench.run());
    expect(refused).toBeInstanceOf(Refused);
    expect((refused as Error).message).toMatch(
      /^the certificate of 127.0.0.1:\d+ is not trusted \(.*\); name its authority's certificate with caFile$/,
    );
    expect(bench.server.requests).toEqual([]);
  });
});
