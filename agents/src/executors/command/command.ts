import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commandExecutorSchema, OBSERVE_EXIT, type CommandExecutorConfig } from '@slipway/contracts';
import type { JobSpec } from '@slipway/core';
import { pause } from '../../timers.js';
import type { Executor, Observation, Outcome, Reach, Run } from '../executor.js';
import { followProgram } from '../processes/follow.js';
import { launchRunner, UnmarkedRunner } from '../processes/runner.js';
import { signalUntilOver } from '../processes/signals.js';
import { readStop, readTrace, stopFileOf, writeRefusal, writeStop } from '../processes/trace.js';
import { CONTEXT_FILE, contextFile, outputsFile, programEnvironment, workingDirectory } from './environment.js';
import { OutputTail } from './output-tail.js';
import { readOutputs } from './outputs.js';

/** From TERM to KILL. */
const GRACE_MS = 10_000;
const KILLED_WITHIN_MS = 5_000;
const OBSERVE_TIMEOUT_MS = 30_000;
const OBSERVE_EVERY_MS = 2_000;

/**
 * Runs a program in a process group of its own under a small shell runner (processes/runner.ts), so that the agent may die and come back. The run's
 * directory is the only record: `started/` (the lock), `pid`, `out`, `err`, `stop` (why we ended it), `exit`.
 */
export class CommandExecutor implements Executor {
  readonly type = 'command';

  /** `passed`: what programs see of the agent's own environment; `graceMs`: how long one that was asked to stop may take. */
  constructor(
    private readonly passed: Readonly<Record<string, string>>,
    private readonly graceMs = GRACE_MS,
  ) {}

  validate(config: JobSpec['executor']): string | undefined {
    const parsed = commandExecutorSchema.safeParse(config);
    if (parsed.success) return undefined;
    return parsed.error.issues.map((issue) => `executor.${issue.path.join('.')} ${issue.message}`).join('; ');
  }

  limitMs(config: JobSpec['executor']): number | undefined {
    return commandExecutorSchema.parse(config).timeout;
  }

  secretReferences(config: JobSpec['executor']): Record<string, string> {
    return commandExecutorSchema.parse(config).secrets ?? {};
  }

  reaches(config: JobSpec['executor']): Reach {
    const { run, observe, env, secrets } = commandExecutorSchema.parse(config);
    return { programs: [run, observe].flatMap((program) => program?.slice(0, 1) ?? []), variables: Object.keys({ ...env, ...secrets }) };
  }

  async observe(run: Run): Promise<Observation> {
    const trace = await readTrace(run.directory);
    switch (trace.state) {
      case 'ended':
        return this.succeeded(run, trace.status) ? 'succeeded' : 'failed';
      case 'running':
        return 'running';
      case 'gone':
        return (await readStop(run.directory)) ? 'failed' : 'unknown';
      case 'none':
        return run.grant.observeFirst ? this.observeElsewhere(run) : 'notStarted';
    }
  }

  async start(run: Run): Promise<void> {
    const config = commandExecutorSchema.parse(run.config);
    await mkdir(run.directory, { recursive: true, mode: 0o700 });
    if ((await readTrace(run.directory)).state !== 'none') return;
    await writeFile(contextFile(run), JSON.stringify(run.grant.spec.context), { mode: 0o600 });
    const cwd = workingDirectory(run, config);
    if (config.directory === undefined) await mkdir(cwd, { recursive: true });
    const folder = await stat(cwd).catch(() => undefined);
    if (!folder?.isDirectory()) return writeRefusal(run.directory, `the working directory ${cwd} does not exist`);
    try {
      const launch = { cwd, env: programEnvironment(run, config, this.passed), stopFile: stopFileOf(run.directory) };
      await launchRunner(run, run.directory, config.run, launch);
    } catch (error) {
      if (error instanceof UnmarkedRunner) throw error;
      return writeRefusal(run.directory, `the program could not be started: ${(error as Error).message}`);
    }
  }

  async follow(run: Run): Promise<Outcome> {
    if ((await readTrace(run.directory)).state === 'none') return this.followElsewhere(run);
    const tails = [new OutputTail(run, 'out'), new OutputTail(run, 'err')];
    const end = await followProgram(run, run.directory, tails, run.signal);
    if (end === undefined) return { verb: 'unknown', message: 'not followed any more' };
    if (end === 'gone') return this.withoutStatus(run);
    return this.outcome(run, end.status, tails[1]?.lastLine || tails[0]?.lastLine || '');
  }

  async cancel(run: Run, because: 'cancelled' | 'timedOut'): Promise<boolean> {
    const trace = await readTrace(run.directory);
    if (trace.state === 'ended') return true;
    if (trace.state !== 'running') return trace.state === 'gone' && (await readStop(run.directory)) !== undefined;
    await writeStop(run.directory, because);
    if (await signalUntilOver(run, run.directory, { signal: 'SIGTERM', to: 'group', withinMs: this.graceMs })) return true;
    return signalUntilOver(run, run.directory, { signal: 'SIGKILL', to: 'group', withinMs: KILLED_WITHIN_MS });
  }

  async abandon(run: Run): Promise<void> {
    if ((await readTrace(run.directory)).state === 'running') await this.cancel(run, 'cancelled');
  }

  async cleanup(workDirectory: string, before: number): Promise<void> {
    for (const name of await readdir(workDirectory).catch(() => [])) {
      const directory = path.join(workDirectory, name);
      // Every run of this executor has one, and no other's.
      if (!(await stat(path.join(directory, CONTEXT_FILE)).catch(() => undefined))) continue;
      const { mtimeMs } = await stat(directory).catch(() => ({ mtimeMs: Infinity }));
      if (mtimeMs < before && (await readTrace(directory)).state !== 'running') await rm(directory, { recursive: true, force: true });
    }
  }

  private succeeded(run: Run, status: number): boolean {
    return (commandExecutorSchema.parse(run.config).successExitCodes ?? [0]).includes(status);
  }

  private async outcome(run: Run, status: number, lastLine: string): Promise<Outcome> {
    const config = commandExecutorSchema.parse(run.config);
    const stop = await readStop(run.directory);
    const { outputs, problem } = await readOutputs(outputsFile(run, config));
    const said = { ...(outputs ? { outputs } : {}), ...(problem === undefined ? {} : { message: problem }) };
    // A program that was asked to stop and still says that it succeeded is believed; one that was too late is not.
    if (this.succeeded(run, status) && stop !== 'timedOut') return { verb: 'succeeded', ...said };
    if (stop)
      return { verb: stop, ...said, message: stop === 'timedOut' ? 'stopped: the time limit was over' : 'stopped when it was cancelled' };
    return { verb: 'failed', ...said, message: `${config.run[0]} ${describeStatus(status)}${lastLine === '' ? '' : `: ${lastLine}`}` };
  }

  private async withoutStatus(run: Run): Promise<Outcome> {
    const stop = await readStop(run.directory);
    if (stop) return { verb: stop, message: 'killed: it did not stop when asked' };
    return { verb: 'unknown', message: 'the program and its runner disappeared without an exit status; was the machine restarted?' };
  }

  /** Another agent may have begun this run: only a program of the user's can tell. */
  private observeElsewhere(run: Run): Promise<Observation> {
    const config = commandExecutorSchema.parse(run.config);
    if (!config.observe) return Promise.resolve('unknown');
    return this.runObserve(run, config, config.observe);
  }

  private async runObserve(run: Run, config: CommandExecutorConfig, observe: readonly string[]): Promise<Observation> {
    await mkdir(path.join(run.directory, 'work'), { recursive: true, mode: 0o700 });
    await writeFile(contextFile(run), JSON.stringify(run.grant.spec.context), { mode: 0o600 });
    const [program = '', ...args] = observe;
    const env = programEnvironment(run, config, this.passed);
    const status = await new Promise<number>((resolve) => {
      const child = execFile(
        program,
        args,
        { cwd: workingDirectory(run, config), env, timeout: OBSERVE_TIMEOUT_MS },
        (_error, out, err) => {
          run.output.write('agent', `observe: ${out}${err}`);
          resolve(child.exitCode ?? -1);
        },
      );
    });
    const known = Object.entries(OBSERVE_EXIT).find(([, code]) => code === status);
    return (known?.[0] as Observation | undefined) ?? 'unknown';
  }

  private async followElsewhere(run: Run): Promise<Outcome> {
    while (!run.signal.aborted) {
      const seen = await this.observeElsewhere(run);
      if (seen === 'succeeded' || seen === 'failed') return { verb: seen, message: 'as its observe program tells; another agent ran it' };
      if (seen !== 'running')
        return { verb: 'unknown', message: 'another agent may have run it, and its observe program does not tell what became of it' };
      await pause(run.timers, OBSERVE_EVERY_MS, run.signal);
    }
    return { verb: 'unknown', message: 'not followed any more' };
  }
}

function describeStatus(status: number): string {
  if (status === 126) return 'is not executable (exit status 126)';
  if (status === 127) return 'was not found (exit status 127)';
  return status > 128 ? `was ended by signal ${status - 128}` : `ended with exit status ${status}`;
}
