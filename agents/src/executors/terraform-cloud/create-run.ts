import type { JsonObject } from '@slipway/core';
import { pause } from '../../timers.js';
import { Ambiguous } from '../../vendor/failures.js';
import type { VendorAnswer } from '../../vendor/vendor-client.js';
import type { Run } from '../executor.js';
import { dataOf, listOf, runSchema, type TerraformRun } from './answers.js';
import { refuseUnless, type TerraformCloudApi, told } from './api.js';
import type { Beginning } from './beginning.js';
import { hclLiteral } from './hcl.js';

/** What was sent and not answered may still be carried out behind a gateway for so long; only then is it looked for. */
const LOOK_UP_LAG_MS = 10_000;
/** Where a search is not supported, as many of the newest runs are looked through. */
const LOOK_UP_RUNS = 100;
const CONFLICT_PAUSE_MS = 15_000;

/** Stands in the run's message there, whole: `j1.1` must not be found in `j1.11`. */
const markOf = (run: Run): string => `[slipway ${run.id}]`;

export const isOurs = (run: Run, there: TerraformRun): boolean => there.attributes.message.includes(markOf(run));

function messageOf({ run, config }: Beginning): string {
  const { deployment, version, environment, resource } = run.grant;
  return `${config.message ?? `${deployment} ${version} to ${environment}, ${resource}`} ${markOf(run)}`;
}

/** Creates the run of this job, once: what may have been carried out is looked for before it is sent again. */
export async function createRun(beginning: Beginning, workspaceId: string, versionId: string | undefined): Promise<TerraformRun> {
  const { run, api, wait } = beginning;
  const body = bodyOf(beginning, workspaceId, versionId);
  for (;;) {
    let answer: VendorAnswer;
    try {
      run.progress({ step: 'run', message: 'creates the run' });
      answer = await api.sendOnce('/runs', body, wait);
    } catch (error) {
      if (!(error instanceof Ambiguous)) throw error;
      run.progress({ message: `whether the run was created is not known (${error.message}); looks for it` });
      await pause(run.timers, LOOK_UP_LAG_MS, wait.signal);
      const made = await searchRun(beginning, workspaceId);
      if (made) return made;
      continue;
    }
    if (answer.status === 409) {
      run.progress({ message: `waits: the workspace takes no run now: ${told(answer)}` });
      await pause(run.timers, CONFLICT_PAUSE_MS, wait.signal);
      continue;
    }
    refuseUnless(
      201,
      answer,
      api,
      `creating a run of workspace ${beginning.config.workspace.name}`,
      "give a team's or user's token with the right to queue plans and runs; a workspace without configuration needs a repository or configuration.directory",
    );
    const made = dataOf(runSchema, answer.json) ?? (await searchRun(beginning, workspaceId));
    if (!made) throw new Error(`${api.server} created a run and did not tell which`);
    return made;
  }
}

function bodyOf(beginning: Beginning, workspaceId: string, versionId: string | undefined): JsonObject {
  const { config } = beginning;
  const variables = Object.entries(config.runVariables ?? {}).map(([key, value]) => ({ key, value: hclLiteral(value) }));
  return {
    data: {
      type: 'runs',
      attributes: {
        message: messageOf(beginning),
        ...(config.autoApply === undefined ? {} : { 'auto-apply': config.autoApply }),
        ...(config.planOnly === undefined ? {} : { 'plan-only': config.planOnly }),
        ...(config.isDestroy === undefined ? {} : { 'is-destroy': config.isDestroy }),
        ...(variables.length === 0 ? {} : { variables }),
      },
      relationships: {
        workspace: { data: { type: 'workspaces', id: workspaceId } },
        ...(versionId === undefined ? {} : { 'configuration-version': { data: { type: 'configuration-versions', id: versionId } } }),
      },
    },
  };
}

/** The run of this job among those of the workspace, asked for once: the vendor takes 30 such questions a minute of all of us together. */
export async function searchRun({ run, api, wait }: Omit<Beginning, 'config'>, workspaceId: string): Promise<TerraformRun | undefined> {
  const answer = await api.get(`/workspaces/${workspaceId}/runs`, wait, { 'search[basic]': run.id, 'page[size]': LOOK_UP_RUNS });
  const runs = answer.status === 200 ? listOf(runSchema, answer.json) : undefined;
  if (!runs) throw new Error(`the runs of the workspace could not be read: ${told(answer)}`);
  return runs.find((there) => isOurs(run, there));
}

/** As `searchRun`, certain that there is none: also of one that was being created while we looked. */
export async function searchRunTwice(looking: Omit<Beginning, 'config'>, workspaceId: string): Promise<TerraformRun | undefined> {
  const found = await searchRun(looking, workspaceId);
  if (found) return found;
  await pause(looking.run.timers, LOOK_UP_LAG_MS, looking.wait.signal);
  return searchRun(looking, workspaceId);
}

/** Where people see the run. */
export const linkOf = (api: TerraformCloudApi, organization: string, workspace: string, runId: string): string =>
  `${api.server}/app/${encodeURIComponent(organization)}/workspaces/${encodeURIComponent(workspace)}/runs/${runId}`;

/** A run of ours that an earlier life noted. */
export const notedRun = (run: Run): string | undefined => {
  const noted = run.notes['terraformRun'];
  return typeof noted === 'string' ? noted : undefined;
};

export function noteRun(run: Run, there: TerraformRun): void {
  if (notedRun(run) !== there.id) run.note('terraformRun', there.id);
}
