import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** What a run left in its directory. `gone`: begun, not ended, and no process of it is there any more. */
export type Trace = { state: 'none' } | { state: 'running'; pid: number } | { state: 'ended'; status: number } | { state: 'gone' };

/** Between making its mark and writing its process id a runner needs no longer than this, on the slowest machine. */
const RUNNER_STARTS_WITHIN_MS = 3_000;

const readText = async (file: string): Promise<string | undefined> => {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/** The exit status, once the program has ended. */
export async function readExit(directory: string): Promise<number | undefined> {
  const text = await readText(path.join(directory, 'exit'));
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

export async function readTrace(directory: string): Promise<Trace> {
  const pid = Number(await readText(path.join(directory, 'pid')));
  const alive = pid > 0 && (await isRunner(pid, directory));
  // The exit file is looked for after the process, or a program that ends in between would seem gone.
  const status = await readExit(directory);
  if (status !== undefined) return { state: 'ended', status };
  if (alive) return { state: 'running', pid };
  const mark = await stat(path.join(directory, 'started')).catch(() => undefined);
  if (!mark) return { state: 'none' };
  if (!(pid > 0) && Date.now() - mark.mtimeMs < RUNNER_STARTS_WITHIN_MS) return { state: 'running', pid: 0 };
  return { state: 'gone' };
}

/** The process id of the program that the runner waits for, once it is there. */
export async function readProgram(directory: string): Promise<number | undefined> {
  const pid = Number(await readText(path.join(directory, 'program')));
  return pid > 0 ? pid : undefined;
}

/** Whether this process is the runner of this run, and not another that got the same id: its command line names the directory. */
async function isRunner(pid: number, directory: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return line.split('\0').includes(directory);
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.includes(directory);
}

/** The run never came to be: leave the same trace as a program that could not be executed. */
export async function writeRefusal(directory: string, reason: string): Promise<void> {
  await mkdir(path.join(directory, 'started'), { recursive: true });
  await writeFile(path.join(directory, 'err'), `${reason}\n`, { flag: 'a' });
  await writeFile(path.join(directory, 'exit'), '127\n');
}

export const stopFileOf = (directory: string): string => path.join(directory, 'stop');

/** Why we signalled the run, written before the first signal: an exit status alone does not tell a stop from a failure. */
export async function writeStop(directory: string, because: 'cancelled' | 'timedOut'): Promise<void> {
  await writeFile(stopFileOf(directory), because, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

export async function readStop(directory: string): Promise<'cancelled' | 'timedOut' | undefined> {
  const because = await readText(stopFileOf(directory));
  return because === 'cancelled' || because === 'timedOut' ? because : undefined;
}
