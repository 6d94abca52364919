import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, jest } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { Refused } from '../../src/executors/executor.js';
import { TerraformExecutor } from '../../src/executors/terraform/terraform.js';
import { PASSED, resource, TerraformSite, withCli } from './terraform-site.js';

// Each asks the real CLI a dozen times.
jest.setTimeout(60_000);

let site: TerraformSite;
let applied: string;
beforeEach(() => {
  site = new TerraformSite();
  applied = site.file('applied');
});
afterEach(() => site.remove());

const VERSIONED = `
variable "version_tag" {}
resource "terraform_data" "app" {
  triggers_replace = var.version_tag
  input            = var.version_tag
}
output "tag" { value = terraform_data.app.output }
`;

describe('an apply', () => {
  withCli('goes from init over the plan to the end, with progress, outputs and log, and leaves nothing secret behind', async () => {
    site.write(
      `${resource('a', applied)}${resource('b', applied, { more: 'depends_on = [terraform_data.a]' })}output "who" { value = terraform_data.a.output }`,
    );
    const run = site.run();
    const outcome = await site.carry(run);
    expect(outcome).toEqual({
      verb: 'succeeded',
      message: 'applied: 2 added, 0 changed, 0 destroyed',
      outputs: { plan: { add: 2, change: 0, destroy: 0, import: 0 }, outputs: { who: 'a' } },
    });
    expect(site.lines('applied')).toEqual(['a', 'b']);
    expect(run.said.progress).toEqual(
      expect.arrayContaining([expect.objectContaining({ percent: 50, step: expect.stringContaining('1 of 2') })]),
    );
    expect(run.said.log).toContain('the plan: 2 to add (create terraform_data.a, create terraform_data.b)');
    expect(run.said.log).toContain('terraform_data.a: Creation complete');
    expect(readdirSync(run.directory).sort()).toEqual(['apply-1-1', 'epoch', 'init-1', 'outcome.json', 'plan-1']);
    expect(existsSync(path.join(run.directory, 'plan-1/plan'))).toBe(false);
    expect(existsSync(path.join(site.module, 'terraform.tfstate'))).toBe(true);
    expect(existsSync(path.join(site.module, '.terraform'))).toBe(false);
    expect(await site.executor.observe(run)).toBe('succeeded');
    expect(await site.executor.follow(run)).toEqual(outcome);
  });

  withCli('of what is so already changes nothing and still tells the outputs', async () => {
    site.write(VERSIONED);
    const variables = { variables: { version_tag: '1.0.0' } };
    expect((await site.carry(site.run(variables))).outputs).toMatchObject({ outputs: { tag: '1.0.0' } });
    expect(await site.carry(site.run(variables, { job: 'j2' }))).toEqual({
      verb: 'succeeded',
      message: 'no changes: all is as the module says',
      outputs: { plan: { add: 0, change: 0, destroy: 0, import: 0 }, outputs: { tag: '1.0.0' } },
    });
    const third = site.run({ variables: { version_tag: '1.1.0' } }, { job: 'j3' });
    expect(await site.carry(third)).toMatchObject({
      verb: 'succeeded',
      outputs: { plan: { add: 1, destroy: 1 }, outputs: { tag: '1.1.0' } },
    });
    const gone = site.run({ variables: { version_tag: '1.1.0' }, destroy: true }, { job: 'j4' });
    expect(await site.carry(gone)).toMatchObject({ verb: 'succeeded', message: 'applied: 0 added, 0 changed, 1 destroyed' });
  });

  withCli('that fails half way says what failed, where, and what was applied', async () => {
    site.write(`${resource('a', applied)}${resource('b', applied, { exit: 3, more: 'depends_on = [terraform_data.a]' })}`);
    const { verb, message } = await site.carry(site.run());
    expect(verb).toBe('failed');
    expect(message).toMatch(/apply failed: local-exec provisioner error: Error running command .*exit status 3/);
    expect(message).toContain('main.tf:');
    expect(message).toContain('applied: terraform_data.a; half way: terraform_data.b');
  });

  withCli('of a copied module wants a backend of its own', async () => {
    site.write(VERSIONED);
    const config = { directory: undefined, module: site.module, variables: { version_tag: '1' } };
    await expect(site.carry(site.run(config))).rejects.toThrow(/the module has no backend.*use directory/);
    site.write('terraform {\n  backend "local" {}\n}\n', 'backend.tf');
    const run = site.run({ ...config, backend: { path: site.file('kept.tfstate') } }, { job: 'j2' });
    expect(await site.carry(run)).toMatchObject({ verb: 'succeeded' });
    expect(existsSync(site.file('kept.tfstate'))).toBe(true);
    expect(readdirSync(run.directory)).not.toContain('module');
  });

  withCli('is planned for its targets only, with files of variables, and sees its job', async () => {
    site.write(
      `variable "size" { type = number }\n${resource('a', applied)}${resource('b', applied)}resource "terraform_data" "c" {\n  provisioner "local-exec" { command = "echo $SLIPWAY_VERSION $SLIPWAY_JOB \${var.size} $MINE >> ${applied}" }\n}`,
    );
    site.write('size = 3\n', 'small.tfvars');
    const config = {
      targets: ['terraform_data.b', 'terraform_data.c'],
      variableFiles: ['small.tfvars'],
      parallelism: 1,
      env: { MINE: 'mine' },
    };
    expect(await site.carry(site.run(config))).toMatchObject({ verb: 'succeeded' });
    expect(site.lines('applied').sort()).toEqual(['1.0.0 j1 3 mine', 'b']);
  });
});

describe('secrets', () => {
  withCli('of outputs, of the state and of the config are in no output, no report and no log', async () => {
    site.write(`
variable "password" { sensitive = true }
resource "terraform_data" "a" {
  input = var.password
  provisioner "local-exec" { command = "echo using $TF_VAR_password" }
}
output "password" {
  value     = terraform_data.a.output
  sensitive = true
}
output "plain" { value = "plain" }
`);
    const run = site.run({ secrets: { TF_VAR_password: 'env:DB_PASSWORD' } }, { secrets: { TF_VAR_password: 'swordfish-1' } });
    await site.executor.start(run);
    expect(statSync(path.join(run.directory, 'plan-1/plan')).mode & 0o077).toBe(0);
    expect(run.hidden).toContain('swordfish-1');
    const outcome = await site.executor.follow(run);
    expect(outcome.outputs).toMatchObject({ outputs: { plain: 'plain' } });
    // What a program prints of its environment is masked by the agent, by the secrets it resolved.
    expect(JSON.stringify(outcome)).not.toContain('swordfish');
    for (const file of ['out', 'err']) expect(readFileSync(path.join(run.directory, 'plan-1', file), 'utf8')).not.toContain('swordfish');
    // Once it is in the state, the next job need not have resolved it to hide it.
    const second = site.run({ secrets: { TF_VAR_password: 'env:OTHER' } }, { job: 'j2', secrets: { TF_VAR_password: 'another-2' } });
    await site.carry(second);
    expect(second.hidden).toEqual(expect.arrayContaining(['swordfish-1', 'another-2']));
  });
});

describe('what cannot be begun is refused', () => {
  const refused = async (more: object, job: string): Promise<string> => {
    const run = site.run(more, { job });
    const error = await site.executor.start(run).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Refused);
    expect(existsSync(run.directory)).toBe(false);
    return (error as Error).message;
  };

  withCli('with the reason: module, variables, directory, program, workspace, provider', async () => {
    site.write('resource "terraform_data" "a" {\n  inputs = 1\n}\n');
    expect(await refused({}, 'a')).toMatch(/nothing was applied: \w+ plan failed: Unsupported argument: .*"inputs".*\(main\.tf:2\)/);
    site.write('resource "terraform_data" {\n');
    expect(await refused({}, 'b')).toMatch(/nothing was begun: \w+ init failed: .*\(main\.tf:1\)/);
    site.write('variable "size" {}\n');
    expect(await refused({}, 'c')).toContain('No value for required variable: The root module input variable "size" is not set');
    expect(await refused({ directory: '/does/not/exist' }, 'd')).toBe('the directory /does/not/exist does not exist on this agent');
    expect(await refused({ program: 'no-such-terraform' }, 'e')).toContain(
      'there is no no-such-terraform on this agent; install Terraform or OpenTofu',
    );
    expect(await refused({ program: 'true' }, 'f')).toContain('true does not answer to "version -json"');
    site.write('');
    expect(await refused({ workspace: 'prodcution' }, 'g')).toMatch(
      /there is no workspace prodcution, only default; make it with \w+ workspace new, or write createWorkspace: true/,
    );
    site.write('terraform {\n  backend "remote" {}\n}\n');
    expect(await refused({}, 'h')).toMatch(/nothing was begun/);
  });

  withCli('a workspace is made where the config says so, and has a state of its own', async () => {
    site.write(VERSIONED);
    const config = { workspace: 'host-1', createWorkspace: true, variables: { version_tag: '1' } };
    expect(await site.carry(site.run(config))).toMatchObject({ verb: 'succeeded' });
    expect(existsSync(path.join(site.module, 'terraform.tfstate.d/host-1/terraform.tfstate'))).toBe(true);
    expect(await site.carry(site.run({ ...config, createWorkspace: false }, { job: 'j2' }))).toMatchObject({
      message: expect.stringContaining('no changes'),
    });
  });
});

describe('a state that somebody else', () => {
  withCli('holds is waited for, with who and since when', async () => {
    const { release } = site.writeHeld(applied);
    site.cli('init');
    const holder = site.beside('apply', '-auto-approve');
    await eventually('the other one applies', () => site.lines('applied').length === 1, 20_000);
    const run = site.run();
    const end = site.carry(run);
    const holding = /waits: the state is locked by \S+@\S+ \(apply\) since 20.*, lock [\w-]+/;
    await eventually(
      'it waits',
      () => run.said.progress.some((said) => holding.test((said as { message?: string }).message ?? '')),
      10_000,
    );
    expect(run.said.log).toMatch(holding);
    release();
    expect(await end).toMatchObject({ verb: 'succeeded', message: 'no changes: all is as the module says' });
    expect(holder.exitCode).toBe(0);
    expect(site.lines('applied')).toEqual(['held']);
  });

  withCli('holds for longer than lockTimeout allows ends the job, with nothing applied', async () => {
    site.writeHeld(applied);
    site.cli('init');
    site.beside('apply', '-auto-approve');
    await eventually('the other one applies', () => site.lines('applied').length === 1, 20_000);
    await expect(site.executor.start(site.run({ lockTimeout: '1s' }))).rejects.toThrow(
      /nothing was applied: after 1 s the state is locked by/,
    );
  });

  withCli('changed after the plan makes another plan, once', async () => {
    site.write(VERSIONED);
    const run = site.run({ variables: { version_tag: '2' }, approve: 'always' });
    await site.executor.start(run);
    const end = site.executor.follow(run);
    await eventually('it asks', () => run.said.asked.length === 1);
    site.cli('init');
    site.cli('apply', '-auto-approve', '-var', 'version_tag=1');
    run.confirm();
    await eventually('it asks again, since this is another plan', () => run.said.asked.length === 2, 20_000);
    expect(run.said.asked.map((asked) => (asked as { message: string }).message.split('.')[0])).toEqual([
      'the plan waits for a person: 1 to add (create terraform_data',
      'the plan waits for a person: 1 to add, 1 to destroy (replace terraform_data',
    ]);
    expect(run.said.log).toContain('the state was changed by somebody else after the plan was made; planning again');
    expect(await end).toMatchObject({ verb: 'succeeded', outputs: { outputs: { tag: '2' } } });
  });
});

describe('a person', () => {
  withCli('says yes, and exactly that plan is applied; a later life asks the same question', async () => {
    site.write(resource('a', applied));
    const run = site.run({ approve: 'always' });
    await site.executor.start(run);
    const end = site.executor.follow(run);
    await eventually('it asks', () => run.said.asked.length === 1);
    expect(run.said.asked).toEqual([
      {
        message: expect.stringMatching(/^the plan waits for a person: 1 to add \(create terraform_data\.a\)\..*exactly this plan/),
        confirms: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    const later = site.run({ approve: 'always' });
    const next = new TerraformExecutor(PASSED);
    expect(await next.observe(later)).toBe('notStarted');
    await next.start(later);
    const other = next.follow(later);
    await eventually('it asks too', () => later.said.asked.length === 1);
    expect(later.said.asked).toEqual(run.said.asked);
    expect(site.lines('applied')).toEqual([]);
    run.confirm();
    expect(await end).toMatchObject({ verb: 'succeeded' });
    expect(site.lines('applied')).toEqual(['a']);
    expect(await site.cancel(later)).toBe(true);
    expect(await other).toMatchObject({ verb: 'succeeded' });
  });

  withCli('says no: nothing is applied', async () => {
    site.write(resource('a', applied));
    const run = site.run({ approve: 'always' });
    await site.executor.start(run);
    const end = site.executor.follow(run);
    await eventually('it asks', () => run.said.asked.length === 1);
    expect(await site.cancel(run)).toBe(true);
    expect(await end).toEqual({ verb: 'cancelled', message: 'cancelled before anything was applied' });
    expect(site.lines('applied')).toEqual([]);
  });

  withCli('is asked about what destroys only, where the config says so', async () => {
    site.write(VERSIONED);
    const config = (tag: string) => ({ approve: 'onDestroy', variables: { version_tag: tag } });
    const first = site.run(config('1'));
    expect(await site.carry(first)).toMatchObject({ verb: 'succeeded' });
    expect(first.said.asked).toEqual([]);
    const second = site.run(config('2'), { job: 'j2' });
    await site.executor.start(second);
    const end = site.executor.follow(second);
    await eventually('it asks', () => second.said.asked.length === 1);
    second.confirm();
    expect(await end).toMatchObject({ verb: 'succeeded' });
  });
});
