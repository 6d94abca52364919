import { TERRAFORM_CLOUD_SERVER, terraformCloudRunProviderSchema, type TerraformCloudRunProviderConfig } from '@slipway/contracts';
import type { Json } from '@slipway/core';
import { includedOf, dataOf, phaseSchema, runSchema, stateVersionSchema, workspaceSchema } from '../executors/terraform-cloud/answers.js';
import { told, TerraformCloudApi } from '../executors/terraform-cloud/api.js';
import { groupOf } from '../executors/terraform-cloud/run-states.js';
import { countsOf } from '../executors/terraform-cloud/summary.js';
import { cleanText } from '../text.js';
import type { VendorAnswer, Waiting } from '../vendor/vendor-client.js';
import type { VendorClients } from '../vendor/vendor-clients.js';
import { complaintOf, type Probe, type Provider } from './provider.js';

const TIMEOUT_MS = 30_000;
const MESSAGE_LENGTH_MAX = 2_000;

/** A run of a workspace: the one it shows as current, or the one that made its state. A workspace without such a run is no data. */
export function terraformCloudRunProvider(clients: VendorClients): Provider {
  return {
    type: 'terraformCloudRun',
    validate: (config) => complaintOf(terraformCloudRunProviderSchema, config),
    secretReferences: (config) => ({ token: terraformCloudRunProviderSchema.parse(config).token }),
    reaches: (config) => ({ servers: [new URL(terraformCloudRunProviderSchema.parse(config).server ?? TERRAFORM_CLOUD_SERVER).origin] }),
    async probe(config, context): Promise<Probe> {
      const parsed = terraformCloudRunProviderSchema.parse(config);
      const over = new AbortController();
      const stopTimer = context.timers.after(parsed.timeout ?? TIMEOUT_MS, () => over.abort());
      let because = `no answer within ${(parsed.timeout ?? TIMEOUT_MS) / 1_000} s`;
      const wait: Waiting = {
        signal: AbortSignal.any([context.signal, over.signal]),
        waiting: (reason) => (because = reason),
      };
      try {
        const at = { server: parsed.server ?? TERRAFORM_CLOUD_SERVER, caFile: parsed.caFile, token: context.secrets['token'] ?? '' };
        const looking = look(new TerraformCloudApi(clients, at), parsed, wait);
        // A request under way is not torn off; who asked goes on without it.
        return await Promise.race([looking, aborted(wait.signal).then(() => ({ error: because }))]);
      } catch (error) {
        return { error: wait.signal.aborted ? because : (error as Error).message };
      } finally {
        stopTimer();
      }
    },
  };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

async function look(api: TerraformCloudApi, config: TerraformCloudRunProviderConfig, wait: Waiting): Promise<Probe> {
  const { organization, workspace: name } = config;
  const path = `/organizations/${encodeURIComponent(organization)}/workspaces/${encodeURIComponent(name)}`;
  const answer = await api.get(path, wait, { include: 'current_run,current_run.plan' });
  const workspace = answer.status === 200 ? dataOf(workspaceSchema, answer.json) : undefined;
  if (!workspace) return { error: `workspace ${organization}/${name} could not be read: ${told(answer)}` };
  if (config.run === 'applied') return lookAtApplied(api, workspace.id, wait);
  const current = workspace.relationships['current-run']?.data.id;
  if (current === undefined) return { noData: `workspace ${name} has no run` };
  return resultOf(answer, current) ?? { error: `run ${current} of workspace ${name} did not come along` };
}

async function lookAtApplied(api: TerraformCloudApi, workspaceId: string, wait: Waiting): Promise<Probe> {
  const state = await api.get(`/workspaces/${workspaceId}/current-state-version`, wait);
  if (state.status === 404) return { noData: 'the workspace has no state: nothing was applied yet' };
  const version = state.status === 200 ? dataOf(stateVersionSchema, state.json) : undefined;
  if (!version) return { error: `the state of the workspace could not be read: ${told(state)}` };
  const runId = version.relationships.run?.data.id;
  if (runId === undefined) return { noData: 'the state of the workspace was made by no run' };
  const answer = await api.get(`/runs/${runId}`, wait, { include: 'plan' });
  return resultOf(answer, runId) ?? { error: `run ${runId} could not be read: ${told(answer)}` };
}

/** From an answer that has the run, as what was asked for or beside it. */
function resultOf(answer: VendorAnswer, runId: string): Probe | undefined {
  const runs = [dataOf(runSchema, answer.json), ...includedOf(runSchema, 'runs', answer.json)];
  const run = runs.find((candidate) => candidate?.id === runId);
  if (!run || run.attributes.status === '') return undefined;
  const plan = includedOf(phaseSchema, 'plans', answer.json).find(({ id }) => id === run.relationships.plan?.data.id);
  const { attributes } = run;
  const result: Json = {
    id: run.id,
    status: cleanText(attributes.status, 100),
    group: groupOf(attributes.status),
    hasChanges: attributes['has-changes'],
    ...(countsOf(plan) ?? { additions: null, changes: null, destructions: null, imports: null }),
    isDestroy: attributes['is-destroy'],
    planOnly: attributes['plan-only'],
    autoApply: attributes['auto-apply'],
    message: cleanText(attributes.message, MESSAGE_LENGTH_MAX),
    source: cleanText(attributes.source, 100),
    createdAt: cleanText(attributes['created-at'], 100),
  };
  return { result };
}
