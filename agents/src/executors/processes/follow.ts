import { pause } from '../../timers.js';
import type { Run } from '../executor.js';
import { readExit, readTrace } from './trace.js';

const POLL_MS = { first: 20, later: 100, firstForMs: 2_000 };
/** Whether the process is still there is looked up this often; its end shows in the exit file sooner. */
const ALIVE_EVERY_MS = 1_000;

/** How a program under a runner ended; `gone`: it and its runner disappeared without an exit status. */
export type ProgramEnd = { status: number } | 'gone';

/** What is read while a program runs. */
export interface Tail {
  /** Take what is there now. With `all` to the end of the file, else as much as is wanted. */
  read(all: boolean): Promise<void>;
  /** Remember how far it was read, for a later life of the agent. */
  noteOffset(): void;
  close(): Promise<void>;
}

/** Follow what runs in this directory to its end, its output taken on the way; undefined when `until` fired first. */
export async function followProgram(
  run: Run,
  directory: string,
  tails: readonly Tail[],
  until: AbortSignal,
): Promise<ProgramEnd | undefined> {
  const begunAt = run.clock.monotonic();
  let aliveAt = begunAt;
  try {
    while (!until.aborted) {
      const now = run.clock.monotonic();
      let status = await readExit(directory);
      const look = status === undefined && now - aliveAt >= ALIVE_EVERY_MS ? await readTrace(directory) : undefined;
      if (look) {
        aliveAt = now;
        for (const tail of tails) tail.noteOffset();
        if (look.state === 'ended') status = look.status;
      }
      for (const tail of tails) await tail.read(status !== undefined || look?.state === 'gone');
      if (status !== undefined) return { status };
      if (look?.state === 'gone') return 'gone';
      await pause(run.timers, now - begunAt < POLL_MS.firstForMs ? POLL_MS.first : POLL_MS.later, until);
    }
    return undefined;
  } finally {
    await Promise.all(tails.map((tail) => tail.close()));
  }
}
