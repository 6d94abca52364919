import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TerraformConfig } from '@slipway/contracts';
import { z } from 'zod';
import { jobEnvironment } from '../command/environment.js';
import { Refused, type Run } from '../executor.js';
import { programName } from './program.js';

/** Of the file that `init` leaves, what tells where the state is. */
const backendStateSchema = z.object({
  backend: z.object({ type: z.string(), config: z.object({ path: z.string().optional().catch(undefined) }).optional() }).optional(),
});

/**
 * Where one run's Terraform works, in the run's own directory (which only the agent's user may read):
 *
 *     data/                   TF_DATA_DIR: providers, modules, which backend; so that jobs that share a `directory` do not meet in its .terraform
 *     module/                 the copy of `module`, where the config has that
 *     backend.json            settings of the backend
 *     variables.tfvars.json   input variables
 *     init-N, plan-N, apply-N traces of each command under its runner; plan-N/plan is the saved plan
 *     stop                    why nothing more may be begun
 *     outcome.json            how it ended
 *
 * Terraform runs in `directory` itself and not in a copy: modules beside it are found, and a local state and its lock stay where they are.
 */
export class Workplace {
  readonly program: string;
  readonly sources: string;
  readonly env: Record<string, string>;

  constructor(
    readonly run: Run,
    readonly config: TerraformConfig,
    passed: Readonly<Record<string, string>>,
  ) {
    this.program = programName(config.program, config.env?.['PATH'] ?? passed['PATH'] ?? '');
    this.sources = config.directory === undefined ? this.file('module') : path.resolve(config.directory);
    this.env = this.environment(passed);
  }

  file(...names: string[]): string {
    return path.join(this.run.directory, ...names);
  }

  /** The environment of every command but `init`, which must not name a workspace before it is known to exist. */
  get workspaceEnv(): Record<string, string> {
    return this.config.workspace === undefined ? this.env : { ...this.env, TF_WORKSPACE: this.config.workspace };
  }

  /** Write what the commands read. Throws `Refused` when the module's directory is not there. */
  async layOut(): Promise<void> {
    await mkdir(this.run.directory, { recursive: true, mode: 0o700 });
    if (this.config.directory !== undefined) {
      const folder = await stat(this.sources).catch(() => undefined);
      if (!folder?.isDirectory()) throw new Refused(`the directory ${this.sources} does not exist on this agent`);
    }
    if (this.config.variables) await this.writeJson('variables.tfvars.json', this.config.variables);
    if (this.config.backend) await this.writeJson('backend.json', this.config.backend);
  }

  /** Arguments of `init`. */
  async initArguments(): Promise<string[]> {
    const { module, backend } = this.config;
    if (module !== undefined) {
      // Terraform copies into an empty directory only.
      await rm(this.sources, { recursive: true, force: true });
      await mkdir(this.sources, { recursive: true });
    }
    return [
      'init',
      ...['-input=false', '-no-color'],
      ...(module === undefined ? [] : [`-from-module=${module}`]),
      ...(backend === undefined ? [] : [`-backend-config=${this.file('backend.json')}`]),
    ];
  }

  planArguments(planFile: string): string[] {
    const { variables, variableFiles = [], targets = [], parallelism, destroy } = this.config;
    return [
      'plan',
      ...['-input=false', '-no-color', '-json', '-detailed-exitcode', '-lock-timeout=0s', `-out=${planFile}`],
      ...variableFiles.map((file) => `-var-file=${file}`),
      ...(variables === undefined ? [] : [`-var-file=${this.file('variables.tfvars.json')}`]),
      ...targets.map((target) => `-target=${target}`),
      ...(parallelism === undefined ? [] : [`-parallelism=${parallelism}`]),
      ...(destroy === true ? ['-destroy'] : []),
    ];
  }

  applyArguments(planFile: string): string[] {
    const { parallelism } = this.config;
    return [
      'apply',
      ...['-input=false', '-no-color', '-json', '-lock-timeout=0s'],
      ...(parallelism === undefined ? [] : [`-parallelism=${parallelism}`]),
      planFile,
    ];
  }

  /** The kind of backend that `init` found, and whether what it keeps would go with the run's directory. */
  async backend(): Promise<{ type: string; lostWithRun: boolean }> {
    const text = await readFile(this.file('data', 'terraform.tfstate'), 'utf8').catch(() => '{}');
    const { backend } = backendStateSchema.parse(JSON.parse(text));
    const type = backend?.type ?? 'local';
    const statePath = backend?.config?.path;
    const lostWithRun = type === 'local' && this.config.directory === undefined && !path.isAbsolute(statePath ?? '');
    return { type, lostWithRun };
  }

  /** Numbers of the traces of this kind (`plan-1`, `plan-2`), ascending. */
  async traces(kind: string): Promise<number[]> {
    const names = await readdir(this.run.directory).catch(() => []);
    const numbers = names.flatMap((name) => (name.startsWith(`${kind}-`) ? [Number(name.slice(kind.length + 1))] : []));
    return numbers.filter((number) => number > 0).sort((a, b) => a - b);
  }

  /** What may hold secrets, and what is large, goes when the run is over. */
  async tidy(): Promise<void> {
    const plans = (
      await Promise.all(['plan', 'look'].map(async (kind) => (await this.traces(kind)).map((n) => `${kind}-${n}/plan`)))
    ).flat();
    for (const name of ['data', 'module', 'backend.json', 'variables.tfvars.json', ...plans])
      await rm(this.file(name), { recursive: true, force: true });
  }

  private writeJson(name: string, value: object): Promise<void> {
    return writeFile(this.file(name), JSON.stringify(value), { mode: 0o600 });
  }

  private environment(passed: Readonly<Record<string, string>>): Record<string, string> {
    const foreign = Object.entries(passed).filter(([name]) => name !== 'TF_WORKSPACE' && !name.startsWith('TF_CLI_ARGS'));
    return {
      ...Object.fromEntries(foreign),
      ...this.config.env,
      ...this.run.secrets,
      ...jobEnvironment(this.run.grant),
      TF_DATA_DIR: this.file('data'),
      TF_INPUT: '0',
      TF_IN_AUTOMATION: '1',
      CHECKPOINT_DISABLE: '1',
    };
  }
}
