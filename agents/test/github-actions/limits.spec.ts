import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, type VendorReply } from '@slipway/testkit';
import { GithubBench, lastMessage } from './github-bench.js';

let bench: GithubBench;

afterEach(async () => {
  const { violations, warnings } = bench.server;
  await bench.close();
  expect([...violations, ...warnings]).toEqual([]);
});

const later = (ms: number): Promise<void> => new Promise((resolve) => bench.time.after(ms, resolve));

describe('many runs of one repository', () => {
  it('are read from its list: forty for ten minutes take a few hundred requests, most of which cost nothing', async () => {
    bench = await new GithubBench({ hurry: 200 }).open();
    const agent = bench.agent();
    const runs = Array.from({ length: 40 }, (_, at) => bench.run({ job: `job-${at}` }));
    await Promise.all(runs.map((run) => agent.start(run)));
    const before = bench.server.requests.length;
    expect(before).toBe(80);
    const followed = runs.map((run) => agent.follow(run));
    await eventually('all are seen', () => runs.every((run) => lastMessage(run) === 'queued in GitHub'));
    const seen = bench.server.requests.length - before;
    // One list shows them all.
    expect(seen).toBeLessThan(8);
    await later(600_000);
    const polls = bench.server.requests.slice(before);
    expect(polls.length).toBeLessThan(120);
    expect(polls.filter(({ status }) => status !== 304).length).toBeLessThan(8);
    for (const run of bench.server.runs) bench.server.conclude(run, 'success');
    for (const outcome of await Promise.all(followed)) expect(outcome.verb).toBe('succeeded');
    // Each one's jobs, its log's link and its log.
    expect(bench.server.requests.length - before - polls.length).toBeLessThan(40 * 4);
  });

  it('that work have their steps read in turn, a few in a round', async () => {
    bench = await new GithubBench({ hurry: 200 }).open();
    bench.server.course = { startsAfter: 0, endsAfter: 1_000, conclusion: 'success' };
    const agent = bench.agent();
    const runs = Array.from({ length: 20 }, (_, at) => bench.run({ job: `job-${at}` }));
    await Promise.all(runs.map((run) => agent.start(run)));
    const before = bench.server.requests.length;
    for (const run of runs) void agent.follow(run);
    await eventually('the steps of all are seen', () =>
      runs.every((run) => run.said.progress.some((said) => (said as { step?: string }).step)),
    );
    const rounds = bench.server.requests.slice(before).filter(({ path }) => path.endsWith('/actions/runs')).length;
    const jobs = bench.server.requests.slice(before).filter(({ path }) => path.endsWith('/jobs')).length;
    expect(jobs).toBeLessThanOrEqual(5 * (rounds + 1));
  });

  it('that wait for reviewers have these read once a minute each, while others move', async () => {
    bench = await new GithubBench().open();
    const agent = bench.agent();
    const runs = Array.from({ length: 6 }, (_, at) => bench.run({ job: `job-${at}` }));
    await Promise.all(runs.map((run) => agent.start(run)));
    for (const run of runs) void agent.follow(run);
    const [moving, ...others] = bench.server.runs;
    const pending = [{ environment: 'production', reviewers: ['ann'], waitMinutes: 0 }];
    for (const run of others) bench.server.change(run, { status: 'waiting', pending });
    await eventually('all ask', () => runs.filter((run) => run.said.asked.length > 0).length === 5);
    for (let minute = 0; minute < 4; minute++) {
      await later(60_000);
      bench.server.change(moving!, { status: minute % 2 === 0 ? 'in_progress' : 'queued' });
    }
    expect(bench.server.count('GET', /pending_deployments$/)).toBeLessThan(5 * 7);
  });

  it('are dispatched one in a second, whoever waits says so; one that is to end leaves the row', async () => {
    bench = await new GithubBench({ hurry: 10 }).open();
    const agent = bench.agent();
    const begunAt = bench.time.monotonic();
    const runs = Array.from({ length: 10 }, (_, at) => bench.run({ job: `job-${at}` }));
    const started = runs.map((run) => agent.start(run).catch(() => 'ended'));
    const last = runs.at(-1)!;
    await eventually('it waits', () => lastMessage(last)?.includes('one dispatch in a second'));
    last.end();
    const ends = await Promise.all(started);
    expect(ends.at(-1)).toBe('ended');
    await expect(agent.cancel(last)).resolves.toBe(true);
    expect(bench.server.runs).toHaveLength(9);
    expect(bench.time.monotonic() - begunAt).toBeGreaterThan(8_000);
  });

  it('that begin later, or long ago, are found too', async () => {
    bench = await new GithubBench().open();
    const agent = bench.agent();
    const old = bench.run({ job: 'job-old' });
    await agent.start(old);
    bench.server.runs[0]!.createdAt -= 8 * 3_600_000;
    old.note('github.sent', Date.now() - 8 * 3_600_000);
    const runs = [old, ...Array.from({ length: 6 }, (_, at) => bench.run({ job: `job-${at}` }))];
    const followed = runs.map(async (run) => {
      await agent.start(run);
      return agent.follow(run);
    });
    await eventually('all are seen', () => runs.every((run) => lastMessage(run) === 'queued in GitHub'));
    for (const run of bench.server.runs) bench.server.conclude(run, 'success');
    for (const outcome of await Promise.all(followed)) expect(outcome.verb).toBe('succeeded');
  });
});

describe('a limit of requests', () => {
  const refusals: [string, VendorReply, number][] = [
    ['names when to come back (429)', { status: 429, headers: { 'retry-after': '900' } }, 900],
    [
      'names when to come back (403)',
      { status: 403, headers: { 'retry-after': '900' }, body: { message: 'You have exceeded a secondary rate limit' } },
      900,
    ],
    [
      'is secondary and names nothing',
      { status: 403, body: { message: 'You have exceeded a secondary rate limit. Please wait a few minutes' } },
      60,
    ],
    ['is a 429 that names nothing', { status: 429, text: 'slow down' }, 60],
  ];

  it.each(refusals)('that %s is obeyed by forty runs together', async (_what, refusal, seconds) => {
    bench = await new GithubBench({ hurry: 1_000 }).open();
    const agent = bench.agent();
    bench.server.misbehave({ path: /./, instead: refusal, times: 1_000_000 });
    const runs = Array.from({ length: 40 }, (_, at) => bench.run({ job: `job-${at}` }));
    const started = runs.map((run) => agent.start(run));
    await later(3_600_000);
    const asked = bench.server.requests.length;
    bench.server.behave();
    await Promise.all(started);
    // All forty were under way when the first was refused; from then on one asks for all.
    expect(asked).toBeLessThanOrEqual(40 + Math.ceil(3_600 / seconds) + 2);
    if (seconds === 60) expect(asked).toBeLessThanOrEqual(40 + 9);
    expect(bench.server.runs).toHaveLength(40);
    expect(runs[0]?.said.progress).toContainEqual({
      message: expect.stringMatching(/wants fewer requests \((403|429)\); asked \d+ times, again in \d+ s$/),
    });
  });

  it('that is used up is waited for until it is renewed, by GitHub’s clock', async () => {
    bench = await new GithubBench({ hurry: 1_000 }).open();
    const reset = String(Math.ceil(Date.now() / 1_000) + 1_800);
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
    bench.server.misbehave({ path: /./, instead: { status: 403, headers, body: { message: 'API rate limit exceeded' } } });
    const begunAt = bench.time.monotonic();
    await bench.agent().start(bench.run());
    expect(bench.time.monotonic() - begunAt).toBeGreaterThan(1_790_000);
    expect(bench.server.requests).toHaveLength(3);
  });

  it('that refuses a dispatch does not send it twice', async () => {
    bench = await new GithubBench().open();
    bench.server.misbehave({ method: 'POST', path: /dispatches$/, instead: { status: 403, headers: { 'retry-after': '30' } } });
    await bench.agent().start(bench.run());
    expect(bench.server.runs).toHaveLength(1);
  });

  it('that draws near is stretched until it is renewed', async () => {
    bench = await new GithubBench({ hurry: 500 }).open();
    bench.server.course = { startsAfter: 0, endsAfter: 100_000, conclusion: 'success' };
    bench.server.remaining = 60;
    const agent = bench.agent();
    const run = bench.run();
    await agent.start(run);
    const { steps } = bench.server.runs[0]!.jobs[0]!;
    void agent.follow(run);
    // Something changes all the time, so that every answer counts.
    const begunAt = bench.time.monotonic();
    let changes = 0;
    while (bench.time.monotonic() - begunAt < 1_800_000) {
      await later(5_000);
      steps[0]!.name = `step ${++changes}`;
      bench.server.change(bench.server.runs[0]!, {});
    }
    expect(bench.server.remaining).toBeGreaterThan(20);
  });
});
