import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Executor, Observation, Outcome, Run } from '../../agents/src/executors/executor.js';
import { STORIES } from './executor-suite.js';
import { tellStory } from './story.js';
import { MemoryExecutor, memorySubject, type MemorySystem } from './subjects/memory-system.js';

/** Each is wrong in one way. What catches it is the beginning of a story's name, and a part of what that story says of it. */
interface Bad {
  is: string;
  story: string;
  says: RegExp;
  make: new (system: MemorySystem, isDead: () => boolean) => Executor;
}

const BAD: readonly Bad[] = [
  {
    is: 'begins without looking',
    story: 'start twice is one run',
    says: /made to begin the run 2 times/,
    make: class extends MemoryExecutor {
      override async start(run: Run): Promise<void> {
        await this.ask('begin', () => this.system.begin(run.id));
      }
    },
  },
  {
    is: 'sends the beginning again when its answer was lost',
    story: 'the answer to the beginning is lost',
    says: /made to begin the run 2 times/,
    make: class extends MemoryExecutor {
      override async start(run: Run): Promise<void> {
        const begin = () => this.ask('begin', () => this.system.begin(run.id));
        if ((await this.look(run)) === undefined) await begin().catch(begin);
      }
    },
  },
  {
    is: 'trusts its notes alone',
    story: 'what it noted is only a cache',
    says: /made to begin the run 2 times/,
    make: class extends MemoryExecutor {
      override async observe(run: Run): Promise<Observation> {
        return run.notes['begun'] ? 'running' : 'notStarted';
      }
      override async start(run: Run): Promise<void> {
        if (run.notes['begun']) return;
        await this.ask('begin', () => this.system.begin(run.id));
        run.note('begun', true);
      }
    },
  },
  {
    is: 'guesses that it succeeded when its system is down',
    story: 'its system is down while the run goes on',
    says: /reported as succeeded/,
    make: class extends MemoryExecutor {
      protected override async look(run: Run) {
        return this.ask('look', () => this.system.jobs.get(run.id)?.state).catch(() => 'succeeded' as const);
      }
    },
  },
  {
    is: 'says notStarted when it could not look',
    story: 'its system is down when a killed agent comes back',
    says: /reported as|begin the run 2 times/,
    make: class extends MemoryExecutor {
      override async observe(run: Run): Promise<Observation> {
        const state = await this.ask('look', () => this.system.jobs.get(run.id)?.state).catch(() => undefined);
        return state === undefined ? 'notStarted' : 'running';
      }
      override async start(run: Run): Promise<void> {
        while (!run.ending.aborted) {
          try {
            return await this.ask('begin', () => this.system.begin(run.id));
          } catch {
            await new Promise((resolve) => run.timers.after(1_000, () => resolve(undefined)));
          }
        }
      }
    },
  },
  {
    is: 'confirms a cancel that it never sent',
    story: 'cancelled while it runs',
    says: /reported as cancelled, and something of it goes on/,
    make: class extends MemoryExecutor {
      override cancel = async (): Promise<boolean> => true;
    },
  },
  {
    is: 'confirms a cancel though the system did not stop',
    story: 'a cancel that can not be confirmed is unknown',
    says: /reported as cancelled/,
    make: class extends MemoryExecutor {
      override async cancel(run: Run): Promise<boolean> {
        await this.ask('cancel', () => this.system.cancel(run.id));
        return true;
      }
    },
  },
  {
    is: 'goes on beginning when it is to end',
    story: 'cancelled at any instant',
    says: /may still begin it/,
    make: class extends MemoryExecutor {
      override async start(run: Run): Promise<void> {
        run.note('asked', true);
        await new Promise((resolve) => run.timers.after(1_000_000, () => resolve(undefined)));
        await super.start(run);
      }
    },
  },
  {
    is: 'follows on when the job is not its agent’s any more',
    story: 'not this agent’s any more',
    says: /not followed any more/,
    make: class extends MemoryExecutor {
      override async follow(run: Run): Promise<Outcome> {
        for (;;) {
          if ((await this.look(run)) === 'succeeded') return { verb: 'succeeded' };
          await new Promise((resolve) => run.timers.after(1_000, () => resolve(undefined)));
        }
      }
    },
  },
  {
    is: 'talks on after the end',
    story: 'a run that succeeds is begun once',
    says: /after follow had come back/,
    make: class extends MemoryExecutor {
      override async follow(run: Run): Promise<Outcome> {
        const outcome = await super.follow(run);
        run.timers.after(500, () => run.progress({ message: 'cleaning up' }));
        return outcome;
      }
    },
  },
  {
    is: 'only waits in silence while its system is down',
    story: 'its system is down before it begins',
    says: /says why it waits/,
    make: class extends MemoryExecutor {
      protected override async look(run: Run) {
        for (;;) {
          try {
            return await this.ask('look', () => this.system.jobs.get(run.id)?.state);
          } catch {
            await new Promise((resolve) => run.timers.after(1_000, () => resolve(undefined)));
          }
        }
      }
    },
  },
  {
    is: 'calls a failed run succeeded',
    story: 'a run that fails is reported as failed',
    says: /reported as succeeded/,
    make: class extends MemoryExecutor {
      override async follow(run: Run): Promise<Outcome> {
        return { ...(await super.follow(run)), verb: 'succeeded' };
      }
    },
  },
];

describe('a wrong executor is found out: one that', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-bad-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(BAD.map((bad) => [bad.is, bad] as const))('%s', async (_is, bad) => {
    const story = STORIES.find(({ name }) => name.startsWith(bad.story));
    expect(story).toBeDefined();
    if (!story) return;
    const impatient = () => ({ ...memorySubject((system, isDead) => new bad.make(system, isDead)), patienceMs: 2_000 });
    const problems = await tellStory(story, impatient, () => directory);
    expect(problems.join('\n')).toMatch(bad.says);
  });
});
