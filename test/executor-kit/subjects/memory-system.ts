import type { JobSpec } from '@slipway/core';
import type { Executor, Observation, Outcome, Run } from '../../../agents/src/executors/executor.js';
import { pause } from '../../../agents/src/timers.js';
import { HurriedTime } from '../../../agents/test/hurried-time.js';
import type { Life, Subject } from '../subject.js';

const ASK_EVERY_MS = 1_000;
/** A cancel that was asked for is believed in for so long. */
const CANCEL_WITHIN_MS = 30_000;

type State = 'running' | 'waitsForPerson' | 'succeeded' | 'failed' | 'cancelled';

/** A system of the smallest kind: jobs by name, each in a state. Asked over "requests", which are lost, slow, or refused when told. */
export class MemorySystem {
  readonly jobs = new Map<string, { state: State; begun: number; output: string }>();
  reached: (instant: string) => boolean = () => false;
  isDown = false;
  losesAnswer = false;
  answersMs = 0;
  ignoresCancel = false;
  output: string | undefined;
  /** Runs are begun only once a person has confirmed them. */
  asksToConfirm = false;

  /** One request: carried out unless the system is down or whoever asked is dead. */
  async request<T>(what: string, carryOut: () => T, isDead: () => boolean): Promise<T> {
    await new Promise((resolve) => setTimeout(resolve, this.answersMs));
    if (isDead() || this.reached(`${what} arrives`)) return new Promise(() => {});
    if (this.isDown) throw new Error('the system is down');
    const answer = carryOut();
    if (isDead() || this.reached(`${what} is answered`)) return new Promise(() => {});
    if (what === 'begin' && this.losesAnswer) {
      this.losesAnswer = false;
      throw new Error('the answer was lost');
    }
    return answer;
  }

  begin(id: string): void {
    const begun = (this.jobs.get(id)?.begun ?? 0) + 1;
    this.jobs.set(id, { state: 'running', begun, output: this.output ?? '' });
  }

  cancel(id: string): void {
    const job = this.jobs.get(id);
    if (job && !isOver(job.state) && !this.ignoresCancel) job.state = 'cancelled';
  }
}

const isOver = (state: State): boolean => state !== 'running' && state !== 'waitsForPerson';

/** An executor of that system as it should be: looks before it begins, looks again when it does not know, tells only what it saw. */
export class MemoryExecutor implements Executor {
  readonly type: string = 'memory';

  constructor(
    protected readonly system: MemorySystem,
    private readonly isDead: () => boolean,
  ) {}

  validate(_config: JobSpec['executor']): string | undefined {
    return undefined;
  }

  secretReferences(): Record<string, string> {
    return { TOKEN: 'env:TOKEN' };
  }

  async observe(run: Run): Promise<Observation> {
    const state = await this.look(run);
    if (state === undefined) return 'notStarted';
    return isOver(state) ? (state === 'succeeded' ? 'succeeded' : 'failed') : 'running';
  }

  async start(run: Run): Promise<void> {
    if (this.system.asksToConfirm) await untilConfirmed(run);
    while ((await this.look(run)) === undefined) {
      if (run.ending.aborted) throw new Error('it is to end');
      run.note('asked', true);
      try {
        await this.ask('begin', () => this.system.begin(run.id));
      } catch (error) {
        run.progress({ message: (error as Error).message });
      }
    }
    run.note('begun', true);
  }

  async follow(run: Run): Promise<Outcome> {
    let asked = false;
    for (;;) {
      const state = await this.look(run);
      if (run.signal.aborted) return { verb: 'unknown', message: 'not followed any more' };
      if (state === undefined) return { verb: 'unknown', message: 'the system has forgotten it' };
      if (isOver(state)) return this.outcome(run, state);
      if (state === 'waitsForPerson') run.actionRequired('confirm it');
      else if (asked) run.progress({ message: 'it goes on' });
      asked = state === 'waitsForPerson';
      await pause(run.timers, ASK_EVERY_MS, run.signal);
    }
  }

  async cancel(run: Run, _because: 'cancelled' | 'timedOut'): Promise<boolean> {
    const until = run.clock.monotonic() + CANCEL_WITHIN_MS;
    while (run.clock.monotonic() < until && !run.signal.aborted) {
      try {
        await this.ask('cancel', () => this.system.cancel(run.id));
        const state = await this.ask('look', () => this.system.jobs.get(run.id)?.state);
        if (state === undefined || isOver(state)) return true;
      } catch (error) {
        run.progress({ message: (error as Error).message });
      }
      await pause(run.timers, ASK_EVERY_MS, run.signal);
    }
    return false;
  }

  protected ask<T>(what: 'begin' | 'look' | 'cancel', carryOut: () => T): Promise<T> {
    return this.system.request(what, carryOut, this.isDead);
  }

  /** Ask until there is an answer. */
  protected async look(run: Run): Promise<State | undefined> {
    for (;;) {
      try {
        return await this.ask('look', () => this.system.jobs.get(run.id)?.state);
      } catch (error) {
        run.progress({ message: (error as Error).message });
        if (run.signal.aborted) throw error;
        await pause(run.timers, ASK_EVERY_MS, run.signal);
      }
    }
  }

  private outcome(run: Run, state: State): Outcome {
    const output = this.system.jobs.get(run.id)?.output ?? '';
    run.output.write('out', output);
    return { verb: state as 'succeeded' | 'failed' | 'cancelled', message: output, outputs: { output } };
  }
}

async function untilConfirmed(run: Run): Promise<void> {
  const confirmed = run.actionRequired('begin it?', { confirms: run.id });
  while (!confirmed.aborted && !run.ending.aborted) await pause(run.timers, ASK_EVERY_MS, AbortSignal.any([confirmed, run.ending]));
  run.progress({ message: 'confirmed' });
}

/** `make`: the executor under test, for systems of this kind. */
export function memorySubject(
  make = (system: MemorySystem, isDead: () => boolean): Executor => new MemoryExecutor(system, isDead),
): Subject {
  const system = new MemorySystem();
  const life = (): Life => {
    let dead = false;
    return { executor: make(system, () => dead), kill: () => void (dead = true) };
  };
  const secret = 'hunter2-of-the-memory-system';
  const says = (output: string) => ({ arrange: () => void (system.output = output), endsAs: ['succeeded'] });
  const set = (id: string, state: State): void => {
    const job = system.jobs.get(id);
    if (job) job.state = state;
  };
  return {
    config: { type: 'memory' },
    secrets: { TOKEN: secret },
    time: new HurriedTime(100),
    life,
    otherAgent: life,
    begun: (id) => system.jobs.get(id)?.begun ?? 0,
    goesOn: (id) => !isOver(system.jobs.get(id)?.state ?? 'cancelled'),
    finish: (id, how) => set(id, how),
    observesElsewhere: true,
    instants: (reached) => void (system.reached = reached),
    loseStartAnswer: () => void (system.losesAnswer = true),
    startAnswers502AfterDoing: () => void (system.losesAnswer = true),
    down: async () => void (system.isDown = true),
    up: async () => void (system.isDown = false),
    slow: () => void (system.answersMs = 100),
    ignoreCancel: () => void (system.ignoresCancel = true),
    askPerson: (id) => set(id, 'waitsForPerson'),
    personActs: (id) => set(id, 'running'),
    asksToConfirm: () => void (system.asksToConfirm = true),
    hostile: {
      'much output': says('x'.repeat(2_000_000)),
      'control characters and terminal sequences': says('\u0000\u001b[31mred\u001b[0m\u0007\ud800'),
      'a secret': says(`the token is ${secret}`),
    },
    close: async () => [],
  };
}
