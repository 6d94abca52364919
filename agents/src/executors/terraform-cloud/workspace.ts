import type { TerraformCloudConfig } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';
import { pause } from '../../timers.js';
import { Refused } from '../executor.js';
import {
  dataOf,
  includedOf,
  listOf,
  projectSchema,
  runSchema,
  workspaceSchema,
  type TerraformRun,
  type TerraformWorkspace,
} from './answers.js';
import { refuseUnless } from './api.js';
import type { Beginning } from './beginning.js';

/** A new workspace fetches its repository for the first time; a run before that has nothing to run. */
const FIRST_FETCH_MS = 120_000;
const FETCH_POLL_MS = 3_000;

export interface FoundWorkspace {
  workspace: TerraformWorkspace;
  /** The newest run of it, if there is any. */
  latestRun: TerraformRun | undefined;
}

/** The workspace of this name; undefined when there is none that the token may see. */
export async function findWorkspace({ api, config, wait }: Omit<Beginning, 'run'>): Promise<FoundWorkspace | undefined> {
  const path = `/organizations/${encodeURIComponent(config.organization)}/workspaces/${encodeURIComponent(config.workspace.name)}`;
  const answer = await api.get(path, wait, { include: 'latest_run' });
  if (answer.status === 404) return undefined;
  refuseUnless(200, answer, api, `reading workspace ${config.workspace.name}`, 'the token needs the right to read it');
  const workspace = dataOf(workspaceSchema, answer.json);
  if (!workspace)
    throw new Refused(`what answers at ${api.server} is not HCP Terraform or Terraform Enterprise; name its address in server`);
  const latest = workspace.relationships['latest-run']?.data.id;
  return { workspace, latestRun: includedOf(runSchema, 'runs', answer.json).find(({ id }) => id === latest) };
}

/** The workspace as the config wants it: found or created, and updated in what the config names and nothing else. */
export async function prepareWorkspace(beginning: Beginning, found: FoundWorkspace | undefined): Promise<TerraformWorkspace> {
  const workspace = found ? await update(beginning, found.workspace) : await create(beginning);
  if (workspace.attributes['execution-mode'] === 'local') {
    throw new Refused(
      `workspace ${workspace.attributes.name} is of execution mode local, so the server runs nothing for it; set workspace.executionMode: remote, or use the executor terraform`,
    );
  }
  return workspace;
}

async function create(beginning: Beginning): Promise<TerraformWorkspace> {
  const { api, config, wait, run } = beginning;
  const { organization, workspace } = config;
  if (!workspace.create) {
    throw new Refused(
      `organization ${organization} has no workspace ${workspace.name} that this token may see; give its team access to the workspace, or have it made with workspace.create: true`,
    );
  }
  run.progress({ step: 'workspace', message: `creates workspace ${workspace.name}` });
  const body = documentOf({ name: workspace.name, ...settingsOf(config) }, await relationshipsOf(beginning));
  const answer = await api.send('POST', `/organizations/${encodeURIComponent(organization)}/workspaces`, body, wait);
  if (answer.status === 422) {
    // An answer that was lost may have been a success.
    const made = await findWorkspace(beginning);
    if (made) return update(beginning, made.workspace);
  }
  refuseUnless(201, answer, api, `creating workspace ${workspace.name}`, 'the token needs the right to manage workspaces');
  const made = dataOf(workspaceSchema, answer.json);
  if (!made) throw new Error(`${api.server} created workspace ${workspace.name} and did not tell which`);
  return made;
}

async function update(beginning: Beginning, workspace: TerraformWorkspace): Promise<TerraformWorkspace> {
  const { api, config, wait, run } = beginning;
  const settings = settingsOf(config);
  const changed = Object.fromEntries(Object.entries(settings).filter(([name, value]) => !isAlready(workspace, name, value)));
  const wanted = await relationshipsOf(beginning);
  const moved = Object.fromEntries(Object.entries(wanted).filter(([name, ref]) => refIn(workspace, name) !== ref?.data.id));
  if (Object.keys(changed).length + Object.keys(moved).length === 0) return workspace;
  const names = [...Object.keys(changed), ...Object.keys(moved)].join(', ');
  run.progress({ step: 'workspace', message: `sets ${names} of workspace ${workspace.attributes.name}` });
  const answer = await api.send('PATCH', `/workspaces/${workspace.id}`, documentOf(changed, moved), wait);
  refuseUnless(
    200,
    answer,
    api,
    `setting ${names} of workspace ${workspace.attributes.name}`,
    'the token needs the right to manage the workspace; leave the field out to keep it as it is',
  );
  return dataOf(workspaceSchema, answer.json) ?? workspace;
}

type Refs = Record<string, { data: { id: string; type: string } }>;

const documentOf = (attributes: JsonObject, relationships: Refs): Json => ({
  data: { type: 'workspaces', attributes, ...(Object.keys(relationships).length > 0 ? { relationships } : {}) },
});

/** The vendor's names and values of the settings that the config names. */
function settingsOf({ workspace }: TerraformCloudConfig): JsonObject {
  const { description, executionMode, terraformVersion, workingDirectory, vcsRepo } = workspace;
  const repo = vcsRepo && {
    identifier: vcsRepo.identifier,
    ...(vcsRepo.branch === undefined ? {} : { branch: vcsRepo.branch }),
    ...(vcsRepo.oauthTokenId === undefined ? {} : { 'oauth-token-id': vcsRepo.oauthTokenId }),
    ...(vcsRepo.githubAppInstallationId === undefined ? {} : { 'github-app-installation-id': vcsRepo.githubAppInstallationId }),
  };
  const all = {
    description,
    'execution-mode': executionMode,
    'terraform-version': terraformVersion,
    'working-directory': workingDirectory,
    'vcs-repo': repo,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as JsonObject;
}

function isAlready({ attributes }: TerraformWorkspace, name: string, wanted: Json | undefined): boolean {
  const has = (attributes as Record<string, unknown>)[name];
  if (typeof wanted !== 'object' || wanted === null) return has === wanted || (wanted === '' && has === null);
  return Object.entries(wanted).every(([field, value]) => (has as Record<string, unknown> | null)?.[field] === value);
}

const refIn = ({ relationships }: TerraformWorkspace, name: string): string | undefined =>
  relationships[name as 'project' | 'agent-pool']?.data.id;

async function relationshipsOf({ api, config, wait }: Beginning): Promise<Refs> {
  const { project, agentPoolId } = config.workspace;
  const refs: Refs = {};
  if (agentPoolId !== undefined) refs['agent-pool'] = { data: { id: agentPoolId, type: 'agent-pools' } };
  if (project !== undefined) {
    const path = `/organizations/${encodeURIComponent(config.organization)}/projects`;
    const answer = await api.get(path, wait, { 'filter[names]': project });
    refuseUnless(200, answer, api, `reading project ${project}`, 'the token needs the right to read it');
    const found = listOf(projectSchema, answer.json)?.find(({ attributes }) => attributes.name === project);
    if (!found) {
      throw new Refused(
        `organization ${config.organization} has no project ${project} that this token may see; create it, or leave workspace.project out`,
      );
    }
    refs['project'] = { data: { id: found.id, type: 'projects' } };
  }
  return refs;
}

/** A workspace of a repository has its first configuration only after it was fetched. */
export async function awaitFirstFetch(beginning: Beginning, workspace: TerraformWorkspace): Promise<void> {
  const { run, config, wait } = beginning;
  if (config.configuration || workspace.attributes['vcs-repo'] === null) return;
  const until = run.clock.monotonic() + FIRST_FETCH_MS;
  let seen: TerraformWorkspace | undefined = workspace;
  while (seen && !seen.relationships['current-configuration-version'] && run.clock.monotonic() < until && !wait.signal.aborted) {
    run.progress({ message: `waits: ${workspace.attributes.name} fetches its repository for the first time` });
    await pause(run.timers, FETCH_POLL_MS, wait.signal);
    seen = (await findWorkspace(beginning))?.workspace;
  }
}
