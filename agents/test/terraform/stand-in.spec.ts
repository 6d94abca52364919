import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { CommandExecutor } from '../../src/executors/command/command.js';
import { Refused } from '../../src/executors/executor.js';
import type { Hindrance } from '../../src/executors/terraform/hindrance.js';
import { Waiting } from '../../src/executors/terraform/waiting.js';
import { Workplace } from '../../src/executors/terraform/workplace.js';
import { VirtualTime } from '../virtual-time.js';
import { PASSED, type SiteRun, TerraformSite } from './terraform-site.js';

/* With a program in Terraform's place: what the real one does too seldom, or takes too long for. */

const PLAN = `
say() { printf '{"@message":"%s","type":"%s"%s}\\n' "$1" "$2" "$3"; }
case "$1" in
  version) echo '{"terraform_version":"1.11.4"}' ;;
  plan)
    echo plan >> "$BOOK"
    for argument; do case "$argument" in -out=*) echo plan > "\${argument#-out=}" ;; esac; done
    say 'thing.one: Plan to create' planned_change ',"change":{"resource":{"addr":"thing.one"},"action":"create"}'
    exit 2 ;;
  show) [ "$2" = -json ] && echo '{}' || echo 'thing.one will be created' ;;
  apply) echo apply >> "$BOOK" ;;
esac
exit 0
`;

let site: TerraformSite;
let book: string;
beforeEach(() => {
  site = new TerraformSite();
  book = site.file('book');
  site.write('');
});
afterEach(() => site.remove());

function standIn(script: string, more: object = {}): SiteRun {
  const program = site.file('terraform');
  writeFileSync(program, `#!/bin/sh\n${script}`);
  chmodSync(program, 0o755);
  return site.run({ program, env: { BOOK: book }, ...more });
}

it('diff and start make one plan, and the log has it once', async () => {
  const run = standIn(PLAN);
  expect(await site.executor.diff(run)).toBe('only outputs change\nthing.one will be created');
  expect(await site.carry(run)).toMatchObject({ verb: 'succeeded' });
  expect(site.lines('book')).toEqual(['plan', 'apply']);
  expect(run.said.log).not.toContain('will be created');
});

it('a diff that cannot be made leaves the reason to start', async () => {
  const run = standIn('exit 1');
  expect(await site.executor.diff(run)).toBe('');
  await expect(site.executor.start(run)).rejects.toBeInstanceOf(Refused);
});

it('what is away for an hour is asked some sixty times, a lock some two hundred and forty, and the reason is told', async () => {
  const tries = async (kind: Hindrance['kind']): Promise<number> => {
    const time = new VirtualTime();
    const run = Object.assign(site.run(), { timers: time, clock: time });
    const waiting = new Waiting(new Workplace(run, { type: 'terraform', directory: '.' }, PASSED));
    let passed = 0;
    const go = async (): Promise<void> => {
      for (;;) {
        await waiting.pass({ kind, reason: 'dial tcp: connection refused' });
        passed += 1;
      }
    };
    void go();
    await time.pass(3_600_000);
    expect(run.said.progress).toContainEqual({ step: 'waiting', message: 'waits: dial tcp: connection refused' });
    expect(run.said.log).toBe('waits: dial tcp: connection refused\n');
    return passed;
  };
  expect([await tries('outOfReach'), await tries('locked')]).toEqual([63, 243]);
});

it('credentials that the state store refuses are tried once', async () => {
  const refused = `
case "$1" in version) echo '{"terraform_version":"1.11.4"}'; exit 0 ;; esac
echo "$1" >> "$BOOK"
printf '\\n│ Error: error configuring S3 Backend: no valid credential sources found\\n│ \\n│ AccessDenied: status code: 403\\n' >&2
exit 1`;
  await expect(site.executor.start(standIn(refused))).rejects.toThrow(
    /init failed: error configuring S3 Backend: no valid credential sources found: AccessDenied/,
  );
  expect(site.lines('book')).toEqual(['init']);
});

it('a version that is too old is refused', async () => {
  await expect(site.executor.start(standIn('echo \'{"terraform_version":"0.14.11"}\''))).rejects.toThrow(
    /is version 0\.14\.11; 1\.0 or newer is needed/,
  );
});

it('runs that ended long ago are forgotten; those that wait, and those of other executors, are not', async () => {
  const longAgo = new Date(Date.now() - 48 * 3_600_000);
  const ended = standIn(PLAN);
  await site.carry(ended);
  const waiting = site.run({ ...(ended.config as object), approve: 'always' }, { job: 'j2' });
  await site.executor.start(waiting);
  const other = site.scratch.run({ type: 'command', run: ['true'] }, { job: 'j3' });
  await new CommandExecutor(PASSED).start(other);
  await new CommandExecutor(PASSED).follow(other);
  for (const { directory } of [ended, waiting, other])
    for (const file of ['', 'epoch', 'outcome.json', 'context.json'])
      if (existsSync(path.join(directory, file))) utimesSync(path.join(directory, file), longAgo, longAgo);
  const work = path.dirname(ended.directory);
  const dayAgo = Date.now() - 24 * 3_600_000;
  await site.executor.cleanup(work, dayAgo);
  expect([ended, waiting, other].map(({ directory }) => existsSync(directory))).toEqual([false, true, true]);
  await new CommandExecutor(PASSED).cleanup(work, dayAgo);
  expect([waiting, other].map(({ directory }) => existsSync(directory))).toEqual([true, false]);
});

it('a life that died between making a trace’s directory and its command leaves nothing in the way', async () => {
  const run = standIn(PLAN);
  mkdirSync(path.join(run.directory, 'plan-1'), { recursive: true });
  expect(await site.carry(run)).toMatchObject({ verb: 'succeeded' });
  expect(readFileSync(book, 'utf8')).toBe('plan\napply\n');
});
