import { spawn } from 'node:child_process';
import { commandProviderSchema } from '@slipway/contracts';
import type { Json } from '@slipway/core';
import { printable } from '../text.js';
import { complaintOf, type Probe, type Provider } from './provider.js';

const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 262_144;

interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a program; `result` is `{ exitCode, stdout, stderr, json }`. A program that can't be run or does not end in time is an error. */
export function commandProvider(passed: Readonly<Record<string, string>>): Provider {
  return {
    type: 'command',
    validate: (config) => complaintOf(commandProviderSchema, config),
    secretReferences: (config) => commandProviderSchema.parse(config).secrets ?? {},
    reaches(config) {
      const { run, env, secrets } = commandProviderSchema.parse(config);
      return { programs: run.slice(0, 1), variables: Object.keys({ ...env, ...secrets }) };
    },
    async probe(config, context): Promise<Probe> {
      const parsed = commandProviderSchema.parse(config);
      const env = { ...passed, ...parsed.env, ...context.secrets };
      const timeout = AbortSignal.timeout(parsed.timeout ?? TIMEOUT_MS);
      try {
        const ended = await run(parsed.run, { env, cwd: parsed.directory, signal: AbortSignal.any([timeout, context.signal]) });
        return { result: { ...ended, json: parseJson(ended.stdout) } };
      } catch (error) {
        const late = timeout.aborted ? `did not end within ${(parsed.timeout ?? TIMEOUT_MS) / 1_000} s` : (error as Error).message;
        return { error: `${parsed.run[0]}: ${late}` };
      }
    },
  };
}

/** In a process group of its own, killed whole when the program ended or its time is over: what it left behind can't hold the probe up. */
function run(
  command: readonly string[],
  options: { env: Record<string, string>; cwd: string | undefined; signal: AbortSignal },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = command;
    const { env, cwd, signal } = options;
    const child = spawn(program, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const read = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => (read[name] = (read[name] + text).slice(0, OUTPUT_BYTES_MAX)));
    }
    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nobody of the group is left.
      }
    };
    const give = (): void => {
      killGroup();
      child.stdout.destroy();
      child.stderr.destroy();
      signal.removeEventListener('abort', abort);
    };
    const abort = (): void => {
      give();
      reject(new Error('stopped'));
    };
    signal.addEventListener('abort', abort, { once: true });
    child.on('error', (error) => {
      give();
      reject(error);
    });
    // Not `close`: a grandchild may hold the pipes open for ever. What was written before the end is read within this turn and the next.
    child.on('exit', (code, killedBy) =>
      setImmediate(() =>
        setImmediate(() => {
          give();
          if (code === null) reject(new Error(`ended by ${killedBy}`));
          else resolve({ exitCode: code, stdout: printable(read.stdout), stderr: printable(read.stderr) });
        }),
      ),
    );
  });
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Not JSON: a condition over `result.json` then finds nothing there.
    return null;
  }
}
