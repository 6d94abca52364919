import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobSpec } from '@slipway/core';
import { eventually } from '@slipway/testkit';
import { CommandExecutor } from '../src/executors/command/command.js';
import { passedEnvironment } from '../src/executors/command/environment.js';
import type { Outcome } from '../src/executors/executor.js';
import { Scratch, type ScratchRun } from './scratch-run.js';

const executor = new CommandExecutor(passedEnvironment(process.env, []), 500);
const shell = (script: string, more: object = {}): JobSpec['executor'] => ({ type: 'command', run: ['sh', '-c', script], ...more });

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch.remove());

const file = (name: string): string => path.join(scratch.directory, name);
const lines = (name: string): string[] => (existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim().split('\n') : []);
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

async function begin(
  config: { type: string },
  over: Parameters<Scratch['run']>[1] = {},
): Promise<{ run: ScratchRun; end: Promise<Outcome> }> {
  const run = scratch.run(config, over);
  await executor.start(run);
  return { run, end: executor.follow(run) };
}

describe('a program', () => {
  it('succeeds with its outputs, progress, links and log', async () => {
    const { run, end } = await begin(
      shell(
        'echo begin; echo "::progress 40 installing"; echo "::link docs https://example.org/x"; echo \'{"port": 8080}\' > "$SLIPWAY_OUTPUTS"; echo oops >&2',
      ),
    );
    expect(await end).toEqual({ verb: 'succeeded', outputs: { port: 8080 } });
    expect(run.said.progress).toEqual([{ percent: 40, step: 'installing' }, { links: { docs: 'https://example.org/x' } }]);
    // Two files: which of them is looked at first is chance.
    expect(run.said.log.split('\n').sort()).toEqual(['', 'begin', 'oops']);
  });

  it('fails with its exit status and its last words', async () => {
    const { end } = await begin(shell('echo starting; echo "disk is full" >&2; exit 3'));
    expect(await end).toMatchObject({ verb: 'failed', message: 'sh ended with exit status 3: disk is full' });
  });

  it('may succeed with other exit statuses where the config says so', async () => {
    const { end } = await begin(shell('exit 3', { successExitCodes: [0, 3] }));
    expect((await end).verb).toBe('succeeded');
  });

  it('that does not exist, or whose directory does not, fails and says so', async () => {
    const missing = await begin({ type: 'command', run: ['/does/not/exist'] } as JobSpec['executor']);
    expect(await missing.end).toMatchObject({ verb: 'failed', message: expect.stringContaining('was not found (exit status 127)') });
    const nowhere = await begin(shell('true', { directory: '/does/not/exist' }), { job: 'j2' });
    expect(await nowhere.end).toMatchObject({
      verb: 'failed',
      message: expect.stringContaining('working directory /does/not/exist does not exist'),
    });
  });

  it('sees what job it is and nothing of the agent’s own environment', async () => {
    process.env.AGENT_PRIVATE = 'private';
    const { run, end } = await begin(
      shell('echo "$SLIPWAY_DEPLOYMENT $SLIPWAY_VERSION $MINE [$AGENT_PRIVATE]"; cat "$SLIPWAY_CONTEXT"', { env: { MINE: 'yes' } }),
    );
    await end;
    expect(run.said.log).toBe('checkout 1.0.0 yes []\n{"version":{"tag":"1.0.0"}}');
  });

  it('started twice for one job runs once, also by two agents at the same moment', async () => {
    const config = shell(`echo run >> ${file('runs')}; sleep 0.2`);
    const run = scratch.run(config);
    await Promise.all([executor.start(run), executor.start(run), new CommandExecutor({ PATH: process.env.PATH ?? '' }).start(run)]);
    const [first, second] = await Promise.all([executor.follow(run), executor.follow(scratch.run(config))]);
    expect([first.verb, second.verb]).toEqual(['succeeded', 'succeeded']);
    await executor.start(run);
    expect(lines('runs')).toEqual(['run']);
  });

  it('runs again for a new attempt', async () => {
    const config = shell(`echo run >> ${file('runs')}; exit 1`);
    for (const attempt of [1, 2]) expect((await (await begin(config, { grant: { attempt } })).end).verb).toBe('failed');
    expect(lines('runs')).toEqual(['run', 'run']);
  });

  it('that forks and exits does not hold the job up, and what it left behind is ended', async () => {
    const { end } = await begin(shell(`sh -c 'echo $$ > ${file('child')}; while :; do sleep 1; echo still here; done' & exit 0`));
    expect((await end).verb).toBe('succeeded');
    await eventually('the grandchild is gone', () => lines('child').length === 0 || !alive(Number(lines('child')[0])), 10_000);
  });
});

describe('what became of a run', () => {
  it('is told by its trace: not started, running, succeeded, failed, gone', async () => {
    const run = scratch.run(shell('sleep 30'));
    expect(await executor.observe(run)).toBe('notStarted');
    await executor.start(run);
    expect(await executor.observe(run)).toBe('running');
    await eventually('the pid is written', () => existsSync(path.join(run.directory, 'pid')), 5_000);
    const pid = Number(readFileSync(path.join(run.directory, 'pid'), 'utf8'));
    process.kill(-pid, 'SIGKILL');
    await eventually('the runner is gone', async () => (await executor.observe(run)) === 'unknown', 5_000);
    expect(await executor.follow(run)).toMatchObject({ verb: 'unknown' });

    const failing = await begin(shell('exit 1'), { job: 'j2' });
    await failing.end;
    expect(await executor.observe(failing.run)).toBe('failed');
  });

  it('is unknown to another agent, unless the config has a program that tells', async () => {
    const over = { grant: { observeFirst: true } };
    expect(await executor.observe(scratch.run(shell('true'), over))).toBe('unknown');
    for (const [status, answer] of [
      [0, 'succeeded'],
      [10, 'notStarted'],
      [20, 'failed'],
      [30, 'running'],
      [1, 'unknown'],
    ] as const) {
      const run = scratch.run(shell('true', { observe: ['sh', '-c', `exit ${status}`] }), over);
      expect(await executor.observe(run)).toBe(answer);
    }
  });

  it('is not believed of a process that only got the same id', async () => {
    const run = scratch.run(shell('true'));
    await executor.start(run);
    await executor.follow(run);
    rmSync(path.join(run.directory, 'exit'));
    writeFileSync(path.join(run.directory, 'pid'), `${process.pid}\n`);
    expect(await executor.observe(run)).toBe('unknown');
  });
});

describe('cancel', () => {
  it('before the start changes nothing and is not confirmed', async () => {
    expect(await executor.cancel(scratch.run(shell('true')), 'cancelled')).toBe(false);
  });

  it('ends a running program and its children', async () => {
    const { run, end } = await begin(shell(`sleep 60 & echo $! > ${file('child')}; wait`));
    await eventually('the child runs', () => lines('child').length === 1, 5_000);
    expect(await executor.cancel(run, 'cancelled')).toBe(true);
    expect(await end).toMatchObject({ verb: 'cancelled' });
    await eventually('the child is gone', () => !alive(Number(lines('child')[0])), 5_000);
  });

  it('after the end is confirmed and changes nothing', async () => {
    const { run, end } = await begin(shell('exit 0'));
    await end;
    expect(await executor.cancel(run, 'cancelled')).toBe(true);
    expect((await executor.follow(run)).verb).toBe('succeeded');
  });

  it('kills what does not stop when asked, and says timedOut when the time was over', async () => {
    const { run, end } = await begin(shell("trap '' TERM; while :; do sleep 1; done"));
    await eventually('it runs', () => existsSync(path.join(run.directory, 'pid')), 5_000);
    expect(await executor.cancel(run, 'timedOut')).toBe(true);
    expect((await end).verb).toBe('timedOut');
  }, 30_000);
});

describe('hostile output', () => {
  it('that floods the log neither fills the disk nor holds the job up', async () => {
    const { run, end } = await begin(
      shell('i=0; while [ $i -lt 12 ]; do head -c 5000000 /dev/zero | tr "\\0" "x"; i=$((i+1)); done; echo; echo the end'),
    );
    expect((await end).verb).toBe('succeeded');
    expect(run.said.lost).toBeGreaterThan(0);
    expect(run.said.log.trimEnd().endsWith('the end')).toBe(true);
    expect(readFileSync(path.join(run.directory, 'out')).length).toBeLessThan(60_000_000);
  });

  it('in the outputs file is left out with a reason: too large, not JSON, not KEY=VALUE', async () => {
    const outputs = async (script: string, job: string): Promise<Outcome> => (await begin(shell(script), { job })).end;
    expect(await outputs('head -c 40000 /dev/zero | tr "\\0" "x" > "$SLIPWAY_OUTPUTS"', 'a')).toEqual({
      verb: 'succeeded',
      message: 'outputs left out: the file is larger than 32000 bytes',
    });
    expect(await outputs('echo "{broken" > "$SLIPWAY_OUTPUTS"', 'b')).toMatchObject({ message: expect.stringContaining('no JSON object') });
    expect(await outputs('echo "no pair" > "$SLIPWAY_OUTPUTS"', 'c')).toMatchObject({
      message: expect.stringContaining('line 1 is not KEY=VALUE'),
    });
    expect(await outputs('mkdir "$SLIPWAY_OUTPUTS"', 'd')).toMatchObject({
      verb: 'succeeded',
      message: expect.stringContaining('could not be read'),
    });
  });

  it('takes KEY=VALUE lines, and drops what no store would take', async () => {
    const { end } = await begin(shell('printf \'# made by us\\nPORT=80\\n__proto__=x\\nA=b\\000c\\033[31m=d\\n\' > "$SLIPWAY_OUTPUTS"'));
    expect(await end).toEqual({ verb: 'succeeded', outputs: { PORT: '80', A: 'bc=d' } });
    const json = await begin(shell('printf \'{"a":"x\\\\u0000y","n":[1,null]}\' > "$SLIPWAY_OUTPUTS"'), { job: 'j2' });
    expect(await json.end).toEqual({ verb: 'succeeded', outputs: { a: 'xy', n: [1, null] } });
  });

  it('of progress that is no progress is just log', async () => {
    const { run, end } = await begin(shell('echo "::progress lots"; echo "::progress 900"; printf "no line end"'));
    await end;
    expect(run.said.progress).toEqual([{ percent: 100 }]);
    expect(run.said.log).toBe('::progress lots\nno line end');
  });
});

it('validates configs with the reason', () => {
  expect(executor.validate({ type: 'command', run: [] })).toContain('executor.run is empty');
  expect(executor.validate({ type: 'command', run: ['x'], secrets: { A: 'plain' } })).toContain('is not a reference to a secret');
  expect(executor.validate(shell('true', { timeout: '2m' }))).toBeUndefined();
});

it('forgets runs that ended long ago and keeps those that run', async () => {
  const ended = await begin(shell('true'));
  await ended.end;
  const running = await begin(shell('sleep 30'), { job: 'j2' });
  await eventually('it runs', () => existsSync(path.join(running.run.directory, 'pid')), 5_000);
  await executor.cleanup(path.join(scratch.directory, 'work'), Date.now() + 1_000);
  expect([existsSync(ended.run.directory), existsSync(running.run.directory)]).toEqual([false, true]);
  await executor.cancel(running.run, 'cancelled');
  await running.end;
});
