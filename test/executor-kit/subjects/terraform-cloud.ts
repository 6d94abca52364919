import { TerraformCloudServer, type TerraformStandInRun } from '@slipway/testkit';
import { TerraformCloudExecutor } from '../../../agents/src/executors/terraform-cloud/terraform-cloud.js';
import { VendorClients } from '../../../agents/src/vendor/vendor-clients.js';
import { HurriedTime } from '../../../agents/test/hurried-time.js';
import type { Life, Subject } from '../subject.js';

const TOKEN = 'tfc-token';
const SECRET = 'hunter2-of-the-workspace';
const SLOW_MS = 100;

/** The executor and a stand-in of HCP Terraform, whose runs plan until the story lets them end. */
export async function terraformCloudSubject(): Promise<Subject> {
  const server = await new TerraformCloudServer().start();
  const workspace = server.addWorkspace('shop', { 'auto-apply': true });
  server.script = { holds: 'planning' };
  const time = new HurriedTime(100);
  const life = (): Life => {
    const clients = new VendorClients({ clock: time, timers: time, random: () => 0.5 });
    return { executor: new TerraformCloudExecutor(clients), kill: () => clients.close() };
  };
  const ours = (runId: string): TerraformStandInRun[] =>
    server.runs.filter(({ attributes }) => attributes.message.includes(`[slipway ${runId}]`));
  const become = (runId: string, ...statuses: string[]): void => {
    for (const run of ours(runId)) for (const status of statuses) if (!run.over) run.become(status);
  };
  const post = { method: 'POST', path: /^\/runs$/ };
  const logs = (planLog: string) => ({ arrange: () => void (server.script = { ...server.script, planLog }), endsAs: ['succeeded'] });
  return {
    config: {
      type: 'terraform-cloud',
      server: server.url,
      token: 'env:TFC_TOKEN',
      organization: 'acme',
      workspace: { name: 'shop' },
      variables: [{ key: 'PASSWORD', category: 'env', secret: 'env:PASSWORD' }],
    },
    secrets: { token: TOKEN, 'variable env PASSWORD': SECRET },
    time,
    life,
    otherAgent: life,
    begun: (runId) => ours(runId).length,
    goesOn: (runId) => ours(runId).some(({ over }) => !over),
    finish: (runId, how) => (how === 'succeeded' ? become(runId, 'planned', 'applying', 'applied') : become(runId, 'errored')),
    observesElsewhere: true,
    instants: (reached) => void (server.witness = reached),
    loseStartAnswer: () => server.misbehave({ ...post, loseAnswer: true }),
    startAnswers502AfterDoing: () => server.misbehave({ ...post, afterwards: { status: 502, text: 'bad gateway' } }),
    down: () => server.stop(),
    up: async () => void (await server.start()),
    slow: () => server.misbehave({ path: /./, delayMs: SLOW_MS, times: 1_000_000 }),
    ignoreCancel: () => void (server.script = { ...server.script, ignoresCancel: {} }),
    askPerson: (runId) => become(runId, 'policy_override'),
    personActs: (runId) => ours(runId)[0]?.override(),
    asksToConfirm: () => {
      workspace.attributes['auto-apply'] = false;
      server.script = {};
    },
    hostile: {
      'a log of control characters and terminal sequences': logs('\u0000\u001b[31mred\u001b[0m\u0007\n'),
      'a log with a secret': logs(`the password is ${SECRET}, the token ${TOKEN}\n`),
      'much log': logs('x'.repeat(1_000_000)),
      'a page of a proxy instead of the run': {
        arrange: () => server.misbehave({ path: /^\/runs\/[^/]+$/, instead: { status: 200, text: '<html>' }, times: 3 }),
        endsAs: ['succeeded'],
      },
      'a status that nobody knows': {
        arrange: () => void (server.script = { before: ['\u001b[31m_unknown'], holds: '\u001b[31m_unknown' }),
        endsAs: ['succeeded'],
      },
    },
    close: async () => {
      await server.stop();
      return server.violations.filter((violation) => !/status must be equal to one of the allowed values$/.test(violation));
    },
  };
}
