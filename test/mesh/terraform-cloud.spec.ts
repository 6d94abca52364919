import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TerraformCloudServer } from '@slipway/testkit';
import { FaultMesh } from '../faults/fault-mesh.js';
import type { Program } from '../faults/program.js';
import { atOnce, shop } from '../faults/shop-documents.js';

/* The whole way through the real mesh to HCP Terraform (a stand-in that is judged by the vendor's own document). */

const DEADLINE_MS = 60_000;

describe('infrastructure that HCP Terraform applies', () => {
  let mesh: FaultMesh;
  let server: TerraformCloudServer;
  let agent: Program;

  beforeAll(async () => {
    [mesh, server] = await Promise.all([FaultMesh.start(), new TerraformCloudServer().start()]);
    await mesh.apply(...shop(1), atOnce);
    agent = await mesh.startAgent('par-1', { executors: ['terraform-cloud'], env: { TFC_TOKEN: 'tfc-token' } });
  }, 120_000);

  afterAll(async () => {
    await mesh.stop();
    await server.stop();
  }, 60_000);

  it('waits for a person though the agent is killed meanwhile, is applied once it is confirmed, and is measured', async () => {
    server.addWorkspace('infra');
    const access = { server: server.url, token: 'env:TFC_TOKEN', organization: 'acme' };
    await mesh.apply({
      kind: 'Deployment',
      name: 'infra',
      system: 'shop',
      resources: 'true',
      pool: 'par',
      executor: { type: 'terraform-cloud', ...access, workspace: { name: 'infra' }, runVariables: { release: '{{ version.tag }}' } },
      verification: [
        {
          metric: 'applied',
          provider: { type: 'terraformCloudRun', ...access, workspace: 'infra', run: 'applied' },
          successCondition: 'result.status == "applied" && result.destructions == 0',
        },
      ],
    });
    await mesh.publish('infra', { tag: '1.0.0' });
    const asking = async () => {
      const { jobs } = await mesh.ask('scheduler.jobs', { deployment: 'infra' });
      return jobs.find(({ state }) => state === 'actionRequired');
    };
    const asked = await mesh.come('a person is asked', asking, DEADLINE_MS);
    expect(asked.message).toBe('confirm the plan: 1 to add, 0 to change, 0 to destroy');
    await agent.kill();
    agent.start();
    await mesh.ask('scheduler.confirm', { job: asked.id, reason: 'read it' });
    await mesh.runs('infra', 'production', '1.0.0', 1, DEADLINE_MS);
    const measured = async () => {
      const { jobs } = await mesh.ask('scheduler.jobs', { deployment: 'infra' });
      return jobs.some(({ kind, state }) => kind === 'verify' && state === 'succeeded');
    };
    await mesh.come('it is measured', measured, DEADLINE_MS);
    expect(server.runs.map(({ status }) => status)).toEqual(['applied']);
    expect(server.runs[0]?.attributes.variables).toEqual([{ key: 'release', value: '"1.0.0"' }]);
    expect(server.count('POST', /actions\/apply$/)).toBe(1);
    const { jobs } = await mesh.ask('scheduler.jobs', { deployment: 'infra' });
    expect(jobs.find(({ id }) => id === asked.id)).toMatchObject({
      state: 'succeeded',
      links: { terraform: expect.stringContaining('/runs/run-') },
    });
    expect(agent.said('tfc-token')).toBe(false);
    expect(server.violations).toEqual([]);
  }, 180_000);
});
