import path from 'node:path';
import { TERRAFORM_CLOUD_SERVER, terraformCloudExecutorSchema, type TerraformCloudConfig } from '@slipway/contracts';
import type { JobSpec } from '@slipway/core';
import { Interrupted } from '../../vendor/failures.js';
import type { Waiting } from '../../vendor/vendor-client.js';
import type { VendorClients } from '../../vendor/vendor-clients.js';
import type { Executor, Observation, Outcome, Reach, Run } from '../executor.js';
import { refusingWhatLasts, TerraformCloudApi } from './api.js';
import type { TerraformRun } from './answers.js';
import { waitingOf, type Beginning } from './beginning.js';
import { RunStop } from './run-stop.js';
import { prepareConfiguration } from './configuration.js';
import { createRun, isOurs, notedRun, noteRun, searchRunTwice } from './create-run.js';
import { FollowedRun } from './follow-run.js';
import { groupOf } from './run-states.js';
import { lookAt, NotSeen } from './seen-run.js';
import { secretNameOf, VariableSync } from './variables.js';
import { awaitFirstFetch, findWorkspace, prepareWorkspace } from './workspace.js';

/** The controller waits two minutes for a stop to be confirmed; what is not by then is unknown. */
const CANCEL_MS = 100_000;

/**
 * A run of a workspace in HCP Terraform or Terraform Enterprise: the workspace and its variables are brought up to what the config names, a run
 * is created once with our run's id in its message, and followed to its end. There is no `diff`: a speculative plan is a run of its own, which
 * takes its turn before the one that counts, and whose plan is not the one that is applied.
 */
export class TerraformCloudExecutor implements Executor {
  readonly type = 'terraform-cloud';
  private readonly variables = new VariableSync();

  constructor(private readonly clients: VendorClients) {}

  validate(config: JobSpec['executor']): string | undefined {
    const parsed = terraformCloudExecutorSchema.safeParse(config);
    if (parsed.success) return undefined;
    return parsed.error.issues.map((issue) => `executor.${issue.path.join('.')} ${issue.message}`).join('; ');
  }

  secretReferences(config: JobSpec['executor']): Record<string, string> {
    const { token, variables } = terraformCloudExecutorSchema.parse(config);
    const secret = (variables ?? []).flatMap((variable) =>
      variable.secret === undefined ? [] : [[secretNameOf(variable), variable.secret]],
    );
    return { token, ...(Object.fromEntries(secret) as Record<string, string>) };
  }

  reaches(config: JobSpec['executor']): Reach {
    const { server, workspace, configuration } = terraformCloudExecutorSchema.parse(config);
    return {
      servers: [new URL(server ?? TERRAFORM_CLOUD_SERVER).origin],
      ...(workspace.vcsRepo ? { repositories: [workspace.vcsRepo.identifier] } : {}),
      ...(configuration?.directory === undefined ? {} : { directories: [path.resolve(configuration.directory)] }),
    };
  }

  async observe(run: Run): Promise<Observation> {
    const { api, config } = this.open(run);
    const wait = waitingOf(run, run.ending);
    const found = await this.find(run, api, config, wait);
    if (found === 'unknown' || found === 'none') return found === 'none' ? 'notStarted' : 'unknown';
    try {
      const group = groupOf((await lookAt(api, found, wait)).run.attributes.status);
      return group === 'succeeded' || group === 'failed' ? group : 'running';
    } catch (error) {
      if (error instanceof NotSeen) return error.gone ? 'unknown' : 'running';
      throw error;
    }
  }

  async start(run: Run): Promise<void> {
    if (notedRun(run) !== undefined) return;
    const { api, config } = this.open(run);
    const beginning = { run, api, config, wait: waitingOf(run, run.ending) };
    const prepared = await refusingWhatLasts(run.ending, () => this.prepare(beginning));
    if (run.ending.aborted) throw new Interrupted();
    noteRun(run, 'made' in prepared ? prepared.made : await createRun(beginning, prepared.workspaceId, prepared.versionId));
  }

  /** All that goes before the run; it may be done again. The run itself, where it is there already. */
  private async prepare(beginning: Beginning): Promise<{ made: TerraformRun } | { workspaceId: string; versionId: string | undefined }> {
    const found = await findWorkspace(beginning);
    if (found?.latestRun && isOurs(beginning.run, found.latestRun)) return { made: found.latestRun };
    const workspace = await prepareWorkspace(beginning, found);
    await this.variables.bring(beginning, workspace.id);
    const versionId = await prepareConfiguration(beginning, workspace.id);
    await awaitFirstFetch(beginning, workspace);
    return { workspaceId: workspace.id, versionId };
  }

  async follow(run: Run): Promise<Outcome> {
    const { api, config } = this.open(run);
    const found = await this.find(run, api, config, waitingOf(run, run.signal));
    if (found === 'none' || found === 'unknown') {
      return { verb: 'unknown', message: `the run of this job is not found in workspace ${config.workspace.name}` };
    }
    return new FollowedRun(run, api, config, found).toEnd();
  }

  async cancel(run: Run): Promise<boolean> {
    const { api, config } = this.open(run);
    const over = new AbortController();
    const stopTimer = run.timers.after(CANCEL_MS, () => over.abort());
    const wait: Waiting = {
      signal: AbortSignal.any([run.signal, over.signal]),
      waiting: (reason) => run.output.write('agent', `the stop waits: ${reason}\n`),
    };
    try {
      const found = await this.find(run, api, config, wait);
      if (found === 'none') return true;
      return found !== 'unknown' && (await new RunStop(run, api, found, wait).go());
    } catch (error) {
      if (error instanceof Interrupted) return false;
      throw error;
    } finally {
      stopTimer();
    }
  }

  private open(run: Run): { api: TerraformCloudApi; config: TerraformCloudConfig } {
    const config = terraformCloudExecutorSchema.parse(run.config);
    const at = { server: config.server ?? TERRAFORM_CLOUD_SERVER, caFile: config.caFile, token: run.secrets['token'] ?? '' };
    return { api: new TerraformCloudApi(this.clients, at), config };
  }

  /** The vendor's run of ours; `none` when there certainly is none, `unknown` when that can't be told. */
  private async find(run: Run, api: TerraformCloudApi, config: TerraformCloudConfig, wait: Waiting): Promise<string> {
    const noted = notedRun(run);
    if (noted !== undefined) return noted;
    const found = await findWorkspace({ api, config, wait });
    // A workspace that this token may not see looks like one that is missing, unless it was for us to create.
    if (!found) return config.workspace.create ? 'none' : 'unknown';
    const { workspace, latestRun } = found;
    const there = latestRun && isOurs(run, latestRun) ? latestRun : await searchRunTwice({ run, api, wait }, workspace.id);
    if (!there) return 'none';
    noteRun(run, there);
    return there.id;
  }
}
