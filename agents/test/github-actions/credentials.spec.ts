import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { Refused } from '../../src/executors/executor.js';
import { GithubBench, type GithubRun } from './github-bench.js';

const HOUR_MS = 3_600_000;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const PEM = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;
const APP = { id: 'Iv23test', privateKey: 'file:/run/secrets/app.pem' };

let bench: GithubBench;

beforeEach(async () => {
  bench = await new GithubBench({ hurry: 50 }).open();
  bench.server.tokens.clear();
  bench.server.app = { id: 'Iv23test', publicKey, installation: 42, lastsMs: HOUR_MS };
});

afterEach(async () => {
  const { violations, warnings } = bench.server;
  await bench.close();
  expect([...violations, ...warnings]).toEqual([]);
});

/** With these credentials instead of a token. */
function runAs(app: object = {}, key = PEM): GithubRun {
  const run = bench.run({ secrets: { privateKey: key } });
  const { token: _, ...config } = run.config;
  return { ...run, config: { ...config, app: { ...APP, ...app } } };
}

describe('a GitHub App', () => {
  it('finds its installation by the repository, and gets one token for many requests, which no log shows', async () => {
    const run = runAs();
    const agent = bench.agent();
    await agent.start(run);
    expect(bench.server.runs).toHaveLength(1);
    expect(bench.server.count('GET', /installation$/)).toBe(1);
    const bought = bench.server.requests.find(({ path }) => path.endsWith('/access_tokens'));
    expect(bought).toMatchObject({
      path: '/app/installations/42/access_tokens',
      body: { repositories: ['shop'], permissions: { actions: 'write' } },
    });
    const [token] = [...bench.server.tokens.keys()];
    expect(run.hidden).toContain(token);
    bench.server.course = { startsAfter: 1, endsAfter: 2, conclusion: 'success' };
    await expect(agent.follow(run)).resolves.toMatchObject({ verb: 'succeeded' });
    expect(bench.server.issued).toBe(1);
  });

  it('whose installation is given does not look for it; its key may come with written line ends', async () => {
    await bench.agent().start(runAs({ installation: 42 }, PEM.trim().replaceAll('\n', '\\n')));
    expect(bench.server.count('GET', /installation$/)).toBe(0);
    expect(bench.server.runs).toHaveLength(1);
  });

  it('gets another token before one ends, and when one is not taken any more', async () => {
    bench.server.app!.lastsMs = HOUR_MS / 10;
    const run = runAs();
    const agent = bench.agent();
    await agent.start(run);
    const followed = agent.follow(run);
    await eventually('it comes to its end', () => bench.server.issued >= 2, 30_000);
    const issued = bench.server.issued;
    bench.server.tokens.clear();
    await eventually('a new token', () => bench.server.issued > issued);
    bench.server.conclude(bench.server.runs[0]!, 'success');
    await expect(followed).resolves.toMatchObject({ verb: 'succeeded' });
  });

  it('of which the machine’s clock is wrong goes by GitHub’s', async () => {
    const { time } = bench;
    const now = time.now.bind(time);
    time.now = () => now() + 7 * HOUR_MS;
    await bench.agent().start(runAs());
    expect(bench.server.runs).toHaveLength(1);
    // Once refused, then with the right times.
    expect(bench.server.count('GET', /installation$/)).toBe(2);
  });

  it('that many runs use gets one token', async () => {
    const agent = bench.agent();
    const runs = Array.from({ length: 20 }, (_, at) => ({ ...runAs(), id: `job-${at}.1` }));
    await Promise.all(runs.map((run) => agent.start(run)));
    expect(bench.server.issued).toBe(1);
    expect(bench.server.runs).toHaveLength(20);
  });

  it.each([
    [
      'with another key',
      {},
      () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      /^GitHub did not accept the key of App Iv23test: 401 A JSON web token could not be decoded; give its client id/,
      2,
    ],
    [
      'with what is no key',
      {},
      () => 'hunter2',
      /^app.privateKey of GitHub App Iv23test is no private key in PEM; give the file that GitHub made for the App$/,
      0,
    ],
    ['with another id', { id: 'Iv99' }, () => PEM, /^GitHub did not accept the key of App Iv99: 401 'Issuer' claim/, 2],
    [
      'with an installation that is not its own',
      { installation: 43 },
      () => PEM,
      /^GitHub gave no token for acme\/shop to App Iv23test \(installation 43\): 404 Not Found; the App needs the permission Actions: read and write/,
      1,
    ],
  ])('%s is refused with what would be right', async (_what, app, key, message, requests) => {
    const refused = await bench
      .agent()
      .start(runAs(app, key()))
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refused);
    expect((refused as Error).message).toMatch(message);
    expect(bench.server.requests.length).toBeLessThanOrEqual(requests);
  });

  it('that is not installed at the repository is refused', async () => {
    bench.server.misbehave({ path: /installation$/, instead: { status: 404, body: { message: 'Not Found' } } });
    await expect(bench.agent().start(runAs())).rejects.toThrow(
      'GitHub App Iv23test is not installed for acme/shop: 404 Not Found; install it there, or name another App',
    );
  });

  it('whose token can’t be had for a while waits; the dispatch is not in doubt for that', async () => {
    bench.server.misbehave({ path: /access_tokens$/, instead: { status: 500 }, times: 8 });
    const run = runAs();
    await bench.agent().start(run);
    expect(bench.server.runs).toHaveLength(1);
    expect(run.said.progress).toContainEqual({ message: expect.stringContaining('answered 500 to POST') });
  });
});
