import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ArgoCdServer, GithubServer, QUICK, type StandInRun } from '@slipway/testkit';
import { FaultMesh } from '../faults/fault-mesh.js';
import type { Program } from '../faults/program.js';
import { atOnce, shop } from '../faults/shop-documents.js';

/*
 * The whole way through the real mesh: what CI published goes by an agent to a vendor's system (a stand-in that is judged by the vendor's own
 * document), and what becomes of it there stands in status, inbox and logs.
 */

const TOKEN = 'ghp_a-token-that-nobody-may-see';
const DEADLINE_MS = 60_000;

const byGithub = (name: string, github: GithubServer, more: object = {}): object => ({
  kind: 'Deployment',
  name,
  system: 'shop',
  resources: 'true',
  pool: 'par',
  executor: {
    type: 'github-actions',
    server: github.api,
    repository: github.repository,
    workflow: 'deploy.yml',
    ref: 'main',
    inputs: { version: '{{ version.tag }}' },
    token: 'env:GITHUB_TOKEN',
    ...more,
  },
});

/** An Application of Argo CD that is measured there afterwards, and goes back when it is bad. */
const byArgoCd = (server: string): object[] => {
  const there = { server, token: 'env:ARGOCD_TOKEN', application: { name: 'web', project: 'shop' } };
  return [
    {
      kind: 'Deployment',
      name: 'web',
      system: 'shop',
      resources: 'resource.identifier == "host-01"',
      pool: 'par',
      executor: { type: 'argo-cd', ...there, sourceChanges: [{ targetRevision: 'v{{ version.tag }}' }] },
      verification: [
        {
          metric: 'healthy',
          provider: { type: 'argoCdHealth', ...there },
          interval: '1s',
          count: 4,
          successCondition: 'result.health == "Healthy"',
        },
      ],
    },
    { kind: 'Policy', name: 'web-goes-back', selector: 'deployment.name == "web"', rules: [{ rollback: { on: ['verificationFailure'] } }] },
  ];
};

describe('deployments that vendors carry out', () => {
  let mesh: FaultMesh;
  let github: GithubServer;
  let argo: ArgoCdServer;
  let agent: Program;

  beforeAll(async () => {
    [mesh, github, argo] = await Promise.all([FaultMesh.start(), new GithubServer().start(), new ArgoCdServer({ pace: QUICK }).start()]);
    github.tokens.set(TOKEN, 'write');
    await mesh.apply(...shop(2), atOnce);
    agent = await mesh.startAgent('par-1', {
      executors: ['github-actions', 'argo-cd'],
      env: { GITHUB_TOKEN: TOKEN, WRONG_TOKEN: 'ghp_wrong-token', ARGOCD_TOKEN: 'good-token' },
    });
  }, 120_000);

  afterAll(async () => {
    await mesh.stop();
    await Promise.all([github.stop(), argo.stop()]);
  }, 60_000);

  const runsOf = (version: string): StandInRun[] => github.runs.filter(({ inputs }) => inputs['version'] === version);
  const jobs = (deployment: string) => mesh.jobs({ deployment });

  it('a workflow runs once for each target, though the agent is killed in the middle', async () => {
    await mesh.apply(byGithub('api', github));
    await mesh.publish('api', { tag: '1.0.0' });
    await mesh.come('both workflows were dispatched', () => runsOf('1.0.0').length === 2, DEADLINE_MS);
    await agent.kill();
    for (const run of runsOf('1.0.0')) github.conclude(run, 'success');
    agent.start();
    await mesh.runs('api', 'production', '1.0.0', 2, DEADLINE_MS);
    expect(runsOf('1.0.0')).toHaveLength(2);
    expect(github.count('POST', /dispatches$/)).toBe(2);
    const { jobs: views } = await mesh.ask('scheduler.jobs', { deployment: 'api' });
    expect(views.map(({ links }) => Object.values(links ?? {}).some((link) => link.includes('/actions/runs/')))).toEqual([true, true]);
  }, 120_000);

  it('what a person must do in the vendor’s system stands in the inbox, with the link', async () => {
    await mesh.publish('api', { tag: '1.1.0' });
    await mesh.come('both workflows were dispatched', () => runsOf('1.1.0').length === 2, DEADLINE_MS);
    const [reviewed, other] = runsOf('1.1.0') as [StandInRun, StandInRun];
    github.conclude(other, 'success');
    github.change(reviewed, { status: 'waiting', pending: [{ environment: 'production', reviewers: ['octo'], waitMinutes: 0 }] });
    const asked = await mesh.come(
      'the inbox tells of it',
      async () => (await mesh.ask('scheduler.inbox', {})).items.find((item) => JSON.stringify(item).includes('actions/runs')),
      DEADLINE_MS,
    );
    expect(JSON.stringify(asked)).toContain(`/actions/runs/${reviewed.id}`);
    github.conclude(reviewed, 'success');
    await mesh.runs('api', 'production', '1.1.0', 2, DEADLINE_MS);
  }, 120_000);

  it('cancel reaches the vendor', async () => {
    await mesh.publish('api', { tag: '1.2.0' });
    await mesh.come('both workflows were dispatched', () => runsOf('1.2.0').length === 2, DEADLINE_MS);
    const live = (await jobs('api')).filter(({ version }) => version === '1.2.0');
    for (const { id } of live) await mesh.ask('scheduler.cancel', { job: id, reason: 'a trial' });
    const states = await mesh.come(
      'both are cancelled',
      async () => {
        const now = (await jobs('api')).filter(({ version }) => version === '1.2.0').map(({ state }) => state);
        return now.every((state) => state === 'cancelled') ? now : undefined;
      },
      DEADLINE_MS,
    );
    expect(states).toEqual(['cancelled', 'cancelled']);
    expect(runsOf('1.2.0').map(({ conclusion }) => conclusion)).toEqual(['cancelled', 'cancelled']);
  }, 120_000);

  it('wrong credentials reject the job with what would be right, are asked about a few times only, and are seen nowhere', async () => {
    const before = github.requests.length;
    await mesh.apply(byGithub('wrong', github, { token: 'env:WRONG_TOKEN' }));
    await mesh.publish('wrong', { tag: '1.0.0' });
    const rejected = await mesh.come(
      'both jobs are rejected',
      async () => {
        const all = await jobs('wrong');
        return all.length === 2 && all.every(({ state }) => state === 'rejected') ? all : undefined;
      },
      DEADLINE_MS,
    );
    expect(rejected[0]?.message).toMatch(/token|credentials/i);
    expect(github.requests.length - before).toBeLessThanOrEqual(4);
    expect(JSON.stringify(rejected)).not.toContain('ghp_');
    expect(agent.said('ghp_')).toBe(false);
  }, 120_000);

  it('an Application that turns bad while it is measured is brought back to the version before', async () => {
    argo.have('web');
    await mesh.apply(...byArgoCd(argo.url));
    await mesh.publish('web', { tag: '1.0.0' });
    await mesh.runs('web', 'production', '1.0.0', 1, DEADLINE_MS);
    const verified = async (version: string): Promise<boolean> =>
      (await jobs('web')).some((job) => job.kind === 'verify' && job.version === version && job.state === 'succeeded');
    await mesh.come('1.0.0 is verified', () => verified('1.0.0'), DEADLINE_MS);
    await mesh.publish('web', { tag: '1.1.0' });
    await mesh.come(
      '1.1.0 was deployed',
      async () => (await jobs('web')).some((job) => job.kind === 'deploy' && job.version === '1.1.0' && job.state === 'succeeded'),
      DEADLINE_MS,
    );
    argo.edit('web', (app) => void (app.status['health'] = { status: 'Degraded' }));
    await mesh.come(
      'it is back at 1.0.0',
      async () =>
        argo.app('web').spec['source'].targetRevision === 'v1.0.0' &&
        (await mesh.cell('web', 'production'))?.running[0]?.version === '1.0.0',
      DEADLINE_MS,
    );
    expect(argo.count('POST', /\/sync$/)).toBe(3);
  }, 180_000);

  it('what the agent asked for is as the vendors’ documents have it', () => {
    expect([...github.violations, ...argo.violations]).toEqual([]);
  });
});
