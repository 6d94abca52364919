import { pause } from '../../timers.js';
import type { Run } from '../executor.js';
import { readProgram, readTrace } from './trace.js';

const LOOK_EVERY_MS = 40;

export interface Signal {
  signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL';
  /** The program alone, or all that it and its runner have begun. */
  to: 'program' | 'group';
  withinMs: number;
}

/** Signal what runs in this directory, once; true when it is over in time. */
export async function signalUntilOver(
  run: Pick<Run, 'clock' | 'timers'>,
  directory: string,
  { signal, to, withinMs }: Signal,
): Promise<boolean> {
  const until = run.clock.monotonic() + withinMs;
  let signalled = false;
  for (;;) {
    const trace = await readTrace(directory);
    if (trace.state !== 'running') return trace.state === 'ended' || trace.state === 'gone';
    if (!signalled && trace.pid > 0) {
      const pid = to === 'group' ? -trace.pid : await readProgram(directory);
      if (pid !== undefined) signalled = send(pid, signal);
    }
    if (run.clock.monotonic() >= until) return false;
    await pause(run.timers, LOOK_EVERY_MS);
  }
}

function send(pid: number, signal: Signal['signal']): true {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  return true;
}
