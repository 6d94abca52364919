import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { SlipwayError } from '@slipway/core';

const SECRET_BYTES_MAX = 65_536;
const COMMAND_TIMEOUT_MS = 15_000;
const run = promisify(execFile);

/** Resolves a reference (`env:NAME`, `file:/path`, `command:program arguments`) at this site. The value never gets into an error or a log. */
export async function resolveSecret(reference: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const [scheme, rest] = [reference.slice(0, reference.indexOf(':')), reference.slice(reference.indexOf(':') + 1)];
  try {
    if (scheme === 'env') {
      const value = environment[rest];
      if (value === undefined) throw new Error('is not set in the environment of the agent');
      return value;
    }
    if (scheme === 'file') return (await readFile(rest, 'utf8')).slice(0, SECRET_BYTES_MAX).replace(/\r?\n$/, '');
    if (scheme === 'command') {
      const [program = '', ...args] = rest.split(/\s+/);
      const { stdout } = await run(program, args, { timeout: COMMAND_TIMEOUT_MS, maxBuffer: SECRET_BYTES_MAX, env: environment });
      return stdout.replace(/\r?\n$/, '');
    }
    throw new Error('is no reference; write env:NAME, file:/path or command:program arguments');
  } catch (error) {
    throw new SlipwayError({
      code: 'agent.secret.unresolved',
      kind: 'invalid',
      message: `secret ${reference} could not be resolved on this agent: ${withoutOutput(error)}`,
    });
  }
}

/** Errors of programs carry their output, which may be the secret: say only what kind of failure it was. */
function withoutOutput(error: unknown): string {
  const failed = error as { code?: unknown; killed?: boolean; message?: string; syscall?: string };
  if (failed.killed) return `the program did not end within ${COMMAND_TIMEOUT_MS / 1_000} s`;
  if (typeof failed.code === 'number') return `the program ended with ${failed.code}`;
  if (typeof failed.code === 'string') return failed.code;
  return failed.message ?? 'unknown reason';
}

/** All of a config's secrets at once, by environment variable. */
export async function resolveSecrets(references: Record<string, string>, environment: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const entries = Object.entries(references);
  const values = await Promise.all(entries.map(([, reference]) => resolveSecret(reference, environment)));
  return Object.fromEntries(entries.map(([name], at) => [name, values[at] as string]));
}
