import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, type StandInRun } from '@slipway/testkit';
import type { Outcome } from '../../src/executors/executor.js';
import type { GithubActionsExecutor } from '../../src/executors/github-actions/github-actions.js';
import { GithubBench, lastMessage, type GithubRun } from './github-bench.js';

let bench: GithubBench;
let agent: GithubActionsExecutor;
let run: GithubRun;
let followed: Promise<Outcome>;
let github: StandInRun;

beforeEach(async () => {
  bench = await new GithubBench().open();
  agent = bench.agent();
});

afterEach(async () => {
  const { violations, warnings } = bench.server;
  await bench.close();
  expect([...violations, ...warnings]).toEqual([]);
});

/** Begun, and followed. */
async function begin(over: Parameters<GithubBench['run']>[0] = {}): Promise<void> {
  run = bench.run(over);
  await agent.start(run);
  github = bench.server.runs[0]!;
  followed = agent.follow(run);
}

const told = (message: string | RegExp): Promise<unknown> =>
  eventually(`it says ${String(message)}`, () => {
    const last = lastMessage(run) ?? '';
    return typeof message === 'string' ? last === message : message.test(last);
  });
const asked = (): Promise<unknown> => eventually('a person is asked', () => run.said.asked.length > 0);

describe('a run that is followed', () => {
  it('shows its steps, and ends with what is known of it and with the logs of its jobs', async () => {
    bench.server.course = { startsAfter: 2, endsAfter: 3, conclusion: 'success' };
    await begin();
    const outcome = await followed;
    const url = `${bench.server.url}/acme/shop/actions/runs/${github.id}`;
    expect(outcome).toEqual({
      verb: 'succeeded',
      outputs: { workflowRunId: github.id, runAttempt: 1, conclusion: 'success', url },
      links: { run: url },
    });
    expect(run.said.progress).toContainEqual({ message: 'queued in GitHub', links: { run: url } });
    expect(run.said.progress).toContainEqual({ message: 'running in GitHub', percent: 50, step: 'deploy: Apply', links: { run: url } });
    expect(run.said.log).toBe(`job deploy: success\nlog of run ${github.id}\n`);
    expect(run.hidden).toContainEqual(expect.stringContaining('/storage/'));
    expect(bench.server.count('GET', /storage/)).toBe(1);
  });

  it.each([
    ['success', 'succeeded', undefined],
    ['failure', 'failed', /^run \d+ of deploy.yml failed: job deploy at step Apply$/],
    ['timed_out', 'failed', /was ended by its own time limit in GitHub/],
    ['startup_failure', 'failed', /could not be started: GitHub found the workflow file invalid/],
    ['cancelled', 'cancelled', /was cancelled in GitHub$/],
    ['skipped', 'failed', /concluded skipped: none of its jobs deployed anything \(onSkipped: failed\)$/],
    ['neutral', 'failed', /concluded neutral/],
    ['stale', 'unknown', /GitHub gave run \d+ of deploy.yml up \(stale\)/],
  ])('that concludes %s has %s', async (conclusion, verb, message) => {
    await begin();
    bench.server.conclude(github, conclusion);
    const outcome = await followed;
    expect(outcome.verb).toBe(verb);
    if (message) expect(outcome.message).toMatch(message);
    expect(outcome.outputs).toMatchObject({ conclusion });
  });

  it('that skipped everything counts as the config says', async () => {
    await begin({ config: { onSkipped: 'succeeded' } });
    bench.server.conclude(github, 'skipped');
    await expect(followed).resolves.toMatchObject({ verb: 'succeeded', message: expect.stringContaining('onSkipped: succeeded') });
  });

  it('in states that nobody knows, or settling, is followed on', async () => {
    await begin();
    bench.server.change(github, { status: 'meditating' });
    await told('GitHub says "meditating", which this agent does not know; it follows the run on');
    bench.server.change(github, { status: 'completed', conclusion: 'sublime' });
    await told(/"completed, sublime"/);
    bench.server.change(github, { conclusion: null });
    await told(/"completed"/);
    bench.server.change(github, { status: null });
    await told(/"no status"/);
    bench.server.conclude(github, 'success');
    await expect(followed).resolves.toMatchObject({ verb: 'succeeded' });
  });

  it('held by its concurrency group says so', async () => {
    await begin();
    bench.server.change(github, { status: 'pending' });
    await told('waits in GitHub for its turn: another run of its concurrency group goes first');
  });

  it('that waits for reviewers asks for them with the link, and goes on afterwards', async () => {
    await begin();
    bench.server.change(github, { status: 'waiting', pending: [{ environment: 'production', reviewers: ['ann', 'bob'], waitMinutes: 0 }] });
    await asked();
    expect(run.said.asked[0]).toEqual({
      message: `run ${github.id} of deploy.yml waits in GitHub for a review for environment production by ann or bob`,
      link: `${bench.server.url}/acme/shop/actions/runs/${github.id}`,
    });
    bench.server.change(github, { status: 'in_progress', pending: [] });
    await told('running in GitHub');
    bench.server.conclude(github, 'success');
    await expect(followed).resolves.toMatchObject({ verb: 'succeeded' });
  });

  it('that waits for a person is not said to go on because GitHub is down meanwhile', async () => {
    await begin();
    bench.server.change(github, { status: 'waiting', pending: [{ environment: 'production', reviewers: ['ann'], waitMinutes: 0 }] });
    await asked();
    const before = run.said.progress.length;
    bench.server.misbehave({ path: /./, instead: { status: 503 }, times: 3 });
    const requests = bench.server.requests.length;
    await eventually('it is asked on', () => bench.server.requests.length > requests + 5);
    expect(run.said.progress).toHaveLength(before);
  });

  it('that waits for a timer only asks nobody', async () => {
    await begin();
    bench.server.change(github, { status: 'waiting', pending: [{ environment: 'production', reviewers: [], waitMinutes: 30 }] });
    await told('waits in GitHub for the timer of environment production (30 min)');
    expect(run.said.asked).toEqual([]);
  });

  it('that GitHub holds for an approval asks a person, and is not over', async () => {
    await begin();
    bench.server.change(github, { status: 'completed', conclusion: 'action_required' });
    await asked();
    expect(run.said.asked[0]).toMatchObject({ message: `run ${github.id} of deploy.yml waits in GitHub for an approval` });
    bench.server.change(github, { status: 'queued', conclusion: null });
    await told('queued in GitHub');
  });

  it('that somebody has run again is followed in its latest attempt', async () => {
    await begin();
    bench.server.change(github, { status: 'in_progress', attempt: 2 });
    await told(/^attempt 2: running in GitHub$/);
    bench.server.conclude(github, 'failure');
    await expect(followed).resolves.toMatchObject({
      verb: 'failed',
      message: `run ${github.id} of deploy.yml (attempt 2) failed: job deploy at step Apply`,
      outputs: { runAttempt: 2 },
    });
  });

  it('says that GitHub is down, and when it is not any more', async () => {
    bench.server.course = { startsAfter: 1, endsAfter: 1_000, conclusion: 'success' };
    await begin();
    await told('running in GitHub');
    await bench.server.stop();
    await told(/connection refused; asked \d+ times, again in \d+ s$/);
    await bench.server.start();
    await told('running in GitHub');
  });

  it('that was deleted, or is not shown any more, is unknown after few requests', async () => {
    await begin();
    bench.server.runs.length = 0;
    await expect(followed).resolves.toEqual({ verb: 'unknown', message: `run ${github.id} is not shown any more: 404 Not Found` });
    expect(bench.server.requests.length).toBeLessThan(15);
  });

  it.each([
    ['no JSON', { text: '<html>log in</html>' }],
    ['another type', { body: [1, 2, 3] }],
    ['fields of other types', { body: { id: 'x', status: 5, conclusion: {} } }],
    [
      'a status of a million characters',
      { body: { id: 1, status: 'x'.repeat(1_000_000), display_title: 7, html_url: 'javascript:alert(1)' } },
    ],
  ])('goes on through answers with %s', async (_what, answer) => {
    await begin();
    bench.server.misbehave({ path: /\/runs\/\d+(\/jobs)?$/, instead: { status: 200, ...answer }, times: 4 });
    const requests = bench.server.requests.length;
    await eventually('they were read', () => bench.server.requests.length > requests + 5);
    bench.server.conclude(github, 'success');
    await expect(followed).resolves.toMatchObject({ verb: 'succeeded' });
  });

  it('of which the logs can’t be had ends all the same', async () => {
    await begin();
    bench.server.misbehave({ path: /\/logs$/, instead: { status: 410, body: { message: 'expired' } } });
    bench.server.conclude(github, 'success');
    await expect(followed).resolves.toMatchObject({ verb: 'succeeded' });
    expect(run.said.log).toBe('the log of job deploy could not be read: GitHub answered 410 expired\n');
  });

  it('has the end of a log that is too long', async () => {
    await begin();
    github.jobs[0]!.log = `${'x'.repeat(500_000)}the end\n`;
    bench.server.conclude(github, 'failure');
    await followed;
    expect(run.said.log).toMatch(/x+the end\n$/);
    expect(run.said.log.length).toBeLessThan(70_000);
    expect(run.said.lost).toBeGreaterThan(400_000);
  });
});

describe('a run that is to end', () => {
  it('is cancelled, and ends as cancelled', async () => {
    await begin();
    run.end();
    await expect(agent.cancel(run)).resolves.toBe(true);
    await expect(followed).resolves.toMatchObject({ verb: 'cancelled', outputs: { conclusion: 'cancelled' } });
    expect(bench.server.count('POST', /force-cancel$/)).toBe(0);
  });

  it('is forced when it does not obey', async () => {
    bench.server.cancelIsIgnored = true;
    await begin();
    run.end();
    await expect(agent.cancel(run)).resolves.toBe(true);
    expect(bench.server.count('POST', /force-cancel$/)).toBe(1);
    await expect(followed).resolves.toMatchObject({ verb: 'cancelled' });
  });

  it('and does not, is not said to have ended', async () => {
    await begin();
    bench.server.misbehave({ method: 'POST', path: /cancel$/, instead: { status: 409, body: { message: 'not now' } }, times: 1_000 });
    run.end();
    await expect(agent.cancel(run)).resolves.toBe(false);
    expect(bench.server.requests.length).toBeLessThan(150);
  });

  it('that can’t be cancelled just yet is asked again', async () => {
    await begin();
    bench.server.misbehave({ method: 'POST', path: /cancel$/, instead: { status: 409, body: { message: 'not yet' } }, times: 2 });
    run.end();
    await expect(agent.cancel(run)).resolves.toBe(true);
    expect(bench.server.count('POST', /cancel$/)).toBe(3);
  });

  it('but had ended before, has the outcome that it had', async () => {
    await begin();
    bench.server.conclude(github, 'success');
    run.end();
    await expect(agent.cancel(run)).resolves.toBe(true);
    await expect(followed).resolves.toMatchObject({ verb: 'succeeded' });
    await expect(agent.cancel(run)).resolves.toBe(true);
    expect(github.conclusion).toBe('success');
  });

  it('while nobody knows whether it began is looked up and cancelled', async () => {
    bench.server.listLag = 6;
    bench.server.misbehave({ method: 'POST', path: /dispatches$/, loseAnswer: true });
    run = bench.run();
    const started = agent.start(run).catch((error: unknown) => error);
    await eventually('it looks', () => bench.server.count('GET', /\/runs$/) >= 2);
    run.end();
    await expect(started).resolves.toBeInstanceOf(Error);
    await expect(agent.cancel(run)).resolves.toBe(true);
    expect(bench.server.runs).toMatchObject([{ conclusion: 'cancelled' }]);
  });

  it('while it is looked up, and had succeeded, has succeeded', async () => {
    bench.server.listLag = 2;
    bench.server.misbehave({ method: 'POST', path: /dispatches$/, loseAnswer: true });
    run = bench.run();
    const started = agent.start(run);
    await eventually('it looks', () => bench.server.count('GET', /\/runs$/) >= 2);
    bench.server.conclude(bench.server.runs[0]!, 'success');
    run.end();
    await started;
    const ended = agent.follow(run);
    await expect(agent.cancel(run)).resolves.toBe(true);
    await expect(ended).resolves.toMatchObject({ verb: 'succeeded' });
  });

  it('with credentials that may not cancel is not said to have ended', async () => {
    await begin();
    bench.server.tokens.set('ghp_test', 'read');
    run.end();
    await expect(agent.cancel(run)).rejects.toThrow(/GitHub did not let run \d+ be cancelled: 403/);
  });
});
