import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from '@jest/globals';
import type { JobSpec } from '@slipway/core';
import { passedEnvironment } from '../../src/executors/command/environment.js';
import type { Outcome } from '../../src/executors/executor.js';
import { TerraformExecutor } from '../../src/executors/terraform/terraform.js';
import { programName } from '../../src/executors/terraform/program.js';
import { Scratch, type ScratchRun } from '../scratch-run.js';

export const PASSED = passedEnvironment(process.env, []);
const PROGRAM = programName(undefined, PASSED.PATH ?? '');

/** The real Terraform or OpenTofu; in CI its absence is a failure. */
function cliVersion(): string | undefined {
  try {
    return execFileSync(PROGRAM, ['version'], { encoding: 'utf8', env: PASSED }).split('\n')[0];
  } catch {
    if (process.env['SLIPWAY_REQUIRE_TOOLS']) throw new Error('terraform or tofu is needed in CI and is not on the PATH');
    return undefined;
  }
}

const version = cliVersion();
if (version === undefined) process.stderr.write('neither terraform nor tofu is on the PATH: tests with the real CLI are skipped\n');
/** A test that needs the real CLI. */
export const withCli = version === undefined ? it.skip : it; // tidy-allow: said aloud above, and a failure in CI

export type SiteRun = ScratchRun & { hidden: string[]; end: () => void };

/** A directory with a root module, and runs of jobs that apply it. */
export class TerraformSite {
  readonly scratch = new Scratch();
  readonly executor = new TerraformExecutor(PASSED, 3_000);
  readonly module = path.join(this.scratch.directory, 'module');
  private readonly children: ChildProcess[] = [];

  remove(): void {
    for (const child of this.children) child.kill('SIGKILL');
    this.scratch.remove();
  }

  file(name: string): string {
    return path.join(this.scratch.directory, name);
  }

  lines(name: string): string[] {
    return existsSync(this.file(name)) ? readFileSync(this.file(name), 'utf8').trim().split('\n') : [];
  }

  /** Write the root module. */
  write(text: string, file = 'main.tf'): void {
    mkdirSync(this.module, { recursive: true });
    writeFileSync(path.join(this.module, file), text);
  }

  /** Write a root module whose apply says that it began and goes on until it is released. */
  writeHeld(file: string): { release: () => void } {
    const gate = this.file('gate');
    this.write(held(file, gate));
    return { release: () => writeFileSync(gate, '') };
  }

  run(more: object = {}, over: Parameters<Scratch['run']>[1] = {}): SiteRun {
    const config = { type: 'terraform', directory: this.module, ...more } as JobSpec['executor'];
    const ending = new AbortController();
    const hidden: string[] = [];
    const run = this.scratch.run(config, over);
    return Object.assign(run, {
      ending: ending.signal,
      end: () => ending.abort(),
      hidden,
      hide: (value: string) => void hidden.push(value),
    });
  }

  /** Start and follow, as an agent does. */
  async carry(run: SiteRun): Promise<Outcome> {
    await this.executor.start(run);
    return this.executor.follow(run);
  }

  async cancel(run: SiteRun, because: 'cancelled' | 'timedOut' = 'cancelled'): Promise<boolean> {
    run.end();
    return this.executor.cancel(run, because);
  }

  /** What somebody else does with the CLI, in the same directory. */
  cli(...args: string[]): string {
    return execFileSync(PROGRAM, args, { cwd: this.module, env: this.env(), encoding: 'utf8' });
  }

  /** The same, going on beside the test. */
  beside(...args: string[]): ChildProcess {
    const child = spawn(PROGRAM, args, { cwd: this.module, env: this.env(), stdio: 'ignore' });
    this.children.push(child);
    return child;
  }

  private env(): Record<string, string> {
    return { ...PASSED, TF_DATA_DIR: this.file('data-of-others'), TF_INPUT: '0', CHECKPOINT_DISABLE: '1' };
  }
}

/** A resource that says in a file of the site's when it is applied, then takes `seconds`. */
export const resource = (name: string, file: string, { seconds = 0, exit = 0, more = '' } = {}): string => `
resource "terraform_data" "${name}" {
  input = "${name}"
  ${more}
  provisioner "local-exec" {
    command = "echo ${name} >> ${file}; sleep ${seconds}; exit ${exit}"
  }
}
`;

const held = (file: string, gate: string): string => `
resource "terraform_data" "held" {
  provisioner "local-exec" {
    command = "echo held >> ${file}; while [ ! -e ${gate} ]; do sleep 0.1; done"
  }
}
`;
