import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { TerraformExecutor } from '../../src/executors/terraform/terraform.js';
import { startStateServer } from './state-server.js';
import { PASSED, resource, type SiteRun, TerraformSite, withCli } from './terraform-site.js';

// Each asks the real CLI a dozen times.
jest.setTimeout(60_000);

let site: TerraformSite;
let applied: string;
beforeEach(() => {
  site = new TerraformSite();
  applied = site.file('applied');
});
afterEach(() => site.remove());

const pidOf = (run: SiteRun, file: 'pid' | 'program'): number => Number(readFileSync(path.join(run.directory, 'apply-1-1', file), 'utf8'));
const heldApply = async (): Promise<{ run: SiteRun; release: () => void }> => {
  const { release } = site.writeHeld(applied);
  const run = site.run();
  await site.executor.start(run);
  await eventually('it applies', () => site.lines('applied').length === 1, 20_000);
  return { run, release };
};

describe('cancel', () => {
  withCli('in the middle stops Terraform first, which lets go of its lock, and says what was applied', async () => {
    const { release } = site.writeHeld(applied);
    site.write(
      `${resource('first', applied)}${readFileSync(path.join(site.module, 'main.tf'), 'utf8').replace('{\n', '{\n  depends_on = [terraform_data.first]\n')}`,
    );
    const run = site.run();
    await site.executor.start(run);
    const end = site.executor.follow(run);
    await eventually('it applies', () => site.lines('applied').length === 2, 20_000);
    expect(await site.executor.observe(run)).toBe('running');
    expect(await site.cancel(run)).toBe(true);
    expect(await end).toEqual({
      verb: 'cancelled',
      message:
        'stopped when it was cancelled; applied: terraform_data.first; half way: terraform_data.held; the state holds what Terraform knows of it',
    });
    expect(run.said.log).toContain('Gracefully shutting down');
    release();
    // The lock is free, and what was half way is made anew.
    expect(await site.carry(site.run({}, { job: 'j2' }))).toMatchObject({ verb: 'succeeded', outputs: { plan: { add: 1, destroy: 1 } } });
  });

  withCli('when the time is over says timedOut', async () => {
    const { run } = await heldApply();
    const end = site.executor.follow(run);
    expect(await site.cancel(run, 'timedOut')).toBe(true);
    expect(await end).toMatchObject({
      verb: 'timedOut',
      message: expect.stringContaining('stopped: the time limit was over; nothing was applied to its end; half way'),
    });
  });

  withCli('before the start begins nothing any more, and after the end changes nothing', async () => {
    site.write(resource('a', applied));
    const early = site.run();
    expect(await site.cancel(early)).toBe(true);
    await site.executor.start(early).catch(() => {});
    expect(site.lines('applied')).toEqual([]);
    const late = site.run({}, { job: 'j2' });
    expect(await site.carry(late)).toMatchObject({ verb: 'succeeded' });
    expect(await site.cancel(late)).toBe(true);
    expect(await site.executor.follow(late)).toMatchObject({ verb: 'succeeded' });
  });

  withCli('while it waits for a lock ends the wait, with nothing applied', async () => {
    const { release } = site.writeHeld(applied);
    site.cli('init');
    const other = site.beside('apply', '-auto-approve');
    await eventually('the other one applies', () => site.lines('applied').length === 1, 20_000);
    const run = site.run();
    const start = site.executor.start(run).catch((error: Error) => error.message);
    await eventually('it waits', () => run.said.log.includes('waits: the state is locked'), 20_000);
    expect(await site.cancel(run)).toBe(true);
    expect(await start).toBe('the run was to end before there was a plan');
    expect(await site.executor.follow(run)).toEqual({ verb: 'cancelled', message: 'cancelled before anything was applied' });
    release();
    await eventually('the other one is through', () => other.exitCode === 0, 20_000);
    expect(site.lines('applied')).toEqual(['held']);
  });

  withCli('of what does not listen kills all of it, and says that the state may not know', async () => {
    const { run } = await heldApply();
    const end = site.executor.follow(run);
    process.kill(pidOf(run, 'program'), 'SIGSTOP');
    expect(await new TerraformExecutor(PASSED, 300).cancel(run, 'cancelled')).toBe(true);
    expect(await end).toMatchObject({
      verb: 'cancelled',
      message: expect.stringMatching(/^killed: it did not stop when asked; .*lock may still be held/),
    });
  });
});

describe('an agent that comes back', () => {
  withCli('takes up the apply that goes on, and nothing runs twice', async () => {
    const { run, release } = await heldApply();
    const later = Object.assign(site.run(), { notes: run.notes });
    const next = new TerraformExecutor(PASSED);
    expect(await next.observe(later)).toBe('running');
    await next.start(later);
    const end = next.follow(later);
    release();
    expect(await end).toMatchObject({ verb: 'succeeded', message: 'applied: 1 added, 0 changed, 0 destroyed' });
    expect(site.lines('applied')).toEqual(['held']);
    expect(later.said.log).toContain('terraform_data.held: Creation complete');
  });

  withCli('learns how an apply ended while it was away', async () => {
    const { run, release } = await heldApply();
    release();
    await eventually('it ended', () => existsSync(path.join(run.directory, 'apply-1-1', 'exit')), 20_000);
    const next = new TerraformExecutor(PASSED);
    const later = site.run();
    expect(await next.observe(later)).toBe('succeeded');
    expect(await next.follow(later)).toMatchObject({ verb: 'succeeded', outputs: { plan: { add: 1 } } });
  });

  withCli('does not know what became of an apply that was killed with its runner, and asks the state', async () => {
    const { run } = await heldApply();
    process.kill(-pidOf(run, 'pid'), 'SIGKILL');
    const next = new TerraformExecutor(PASSED);
    const later = site.run();
    await eventually('it is gone', async () => (await next.observe(later)) === 'unknown', 20_000);
    expect(later.said.log).toMatch(/it disappeared without an exit status; a new plan finds: 1 to add/);
    expect(await next.follow(later)).toMatchObject({ verb: 'unknown', message: expect.stringContaining('was the machine restarted?') });
  });

  withCli('begins again what was only being planned', async () => {
    site.write(resource('a', applied));
    const run = site.run({ approve: 'always' });
    await site.executor.start(run);
    const next = new TerraformExecutor(PASSED);
    const later = site.run({ approve: 'always' }, { grant: { epoch: 2, observeFirst: true } });
    // It held the run itself, under the epoch before: nobody else can have begun it.
    expect(await next.observe(later)).toBe('notStarted');
    const much = site.run({ approve: 'always' }, { grant: { epoch: 4, observeFirst: true } });
    expect(await next.observe(much)).toBe('unknown');
  });
});

describe('another agent of the pool', () => {
  const elsewhere = (more: object = {}): SiteRun => site.run(more, { job: 'j9', grant: { observeFirst: true, epoch: 2 } });

  withCli('knows nothing of a local state', async () => {
    site.write(resource('a', applied));
    expect(await site.executor.observe(elsewhere())).toBe('unknown');
    expect(await site.executor.cancel(site.run({}, { job: 'j8', grant: { observeFirst: true, epoch: 2 } }), 'cancelled')).toBe(false);
  });

  withCli('that finds nothing left to change in a shared state knows that it is done', async () => {
    const store = await startStateServer();
    try {
      site.write(`terraform {\n  backend "http" {}\n}\n${resource('a', applied)}output "who" { value = terraform_data.a.output }`);
      const config = { backend: { address: store.address, lock_address: store.address, unlock_address: store.address } };
      const before = elsewhere(config);
      expect(await site.executor.observe(before)).toBe('unknown');
      expect(before.said.log).toContain('another agent may have begun it; a new plan finds: 1 to add');
      expect(await site.carry(site.run(config))).toMatchObject({ verb: 'succeeded' });
      const after = site.run(config, { job: 'j10', grant: { observeFirst: true, epoch: 2 } });
      expect(await site.executor.observe(after)).toBe('succeeded');
      expect(await site.executor.follow(after)).toMatchObject({ verb: 'succeeded', outputs: { outputs: { who: 'a' } } });
      expect(site.lines('applied')).toEqual(['a']);
    } finally {
      await store.close();
    }
  });
});

describe('a state store that is away', () => {
  withCli('is waited for with the reason, seldom, and found again', async () => {
    const store = await startStateServer();
    const { address, port } = store;
    await store.close();
    site.write(`terraform {\n  backend "http" {}\n}\n${resource('a', applied)}`);
    const run = site.run({ backend: { address, retry_max: 0 } });
    const end = site.carry(run);
    await eventually('it waits', () => run.said.log.includes('connection refused'), 20_000);
    const again = await startStateServer(port);
    try {
      expect(await end).toMatchObject({ verb: 'succeeded' });
    } finally {
      await again.close();
    }
  });
});

it('validates configs with the reason', () => {
  const validate = (config: object): string | undefined => site.executor.validate({ type: 'terraform', ...config });
  expect(validate({ directory: '.' })).toBeUndefined();
  expect(validate({})).toContain('executor.directory and module are the two places a root module can come from; write exactly one of them');
  expect(validate({ directory: '.', module: 'x' })).toContain('write exactly one of them');
  expect(validate({ directory: '.', env: { TF_WORKSPACE: 'x' } })).toContain(
    'write workspace, parallelism, targets and the like in their fields',
  );
  expect(validate({ directory: '.', secrets: { TF_VAR_a: 'plain' } })).toContain('is not a reference to a secret');
  expect(validate({ directory: '.', variables: { '1a': 1 } })).toContain('executor.variables has a name that no input variable');
  expect(validate({ directory: '.', approve: 'sometimes' })).toContain('is none of never, onDestroy, always');
});

it.each([
  ['git::https://github.com/acme/infra.git//net?ref=v1', 'acme/infra'],
  ['git@github.com:acme/infra.git', 'acme/infra'],
  ['github.com/acme/infra//net', 'acme/infra'],
  ['git::ssh://git@git.example.org:2222/acme/infra', 'acme/infra'],
  ['hashicorp/consul/aws', 'hashicorp/consul/aws'],
])('the allow-list sees %s as the repository %s', (module, repository) => {
  expect(site.executor.reaches({ type: 'terraform', module }).repositories).toEqual([repository]);
});

it('the allow-list sees the directory that says what is run', () => {
  expect(site.executor.reaches({ type: 'terraform', directory: '/srv/infra/../infra/net' }).directories).toEqual(['/srv/infra/net']);
});
