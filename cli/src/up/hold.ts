import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/core';

/** Keeps a second `up` off the same data directory. */
export interface Hold {
  release(): void;
}

/** Take the data directory for this process, or say who has it. A hold that a killed process left is taken over. */
export function takeHold(directory: string): Hold {
  const file = join(directory, 'up.pid');
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return { release: () => rmSync(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const pid = Number(readFileSync(file, 'utf8'));
      if (pid > 0 && pid !== process.pid && isAlive(pid)) {
        throw new SlipwayError({
          code: 'cli.up.alreadyRunning',
          kind: 'conflict',
          message: `Slipway runs already on ${directory} (process ${pid}); stop it with Ctrl-C there, or start another with --directory`,
        });
      }
      rmSync(file, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
