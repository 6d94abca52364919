import type { JobSpec } from '@slipway/core';
import type { Executor, LogSink, Observation, Outcome, Run } from '../../agents/src/executors/executor.js';
import type { Timers } from '../../agents/src/ports.js';

/** What happens at an instant: the agent goes on, or is dead from here. */
export type Reached = (instant: string) => boolean;

/** Thrown into a dead life at the next thing it says. */
class Dead extends Error {
  constructor() {
    super('this agent was killed');
  }
}

/**
 * The executor under test as the agent has it. Sees every call in both directions: what the agent asks of the executor, and what the executor
 * tells the agent, each of which is an instant at which something may happen.
 */
export class WatchedExecutor implements Executor {
  readonly type: string;
  readonly calls: string[] = [];
  /** What the executor did that the agent would not have shown. */
  readonly problems: string[] = [];
  lastRun: Run | undefined;
  /** How many calls of `follow` have not come back. */
  following = 0;
  /** … and of `start`. */
  starting = 0;
  private readonly wrapped = new WeakMap<Run, Run>();
  private readonly over = new WeakSet<Run>();

  constructor(
    private readonly inner: Executor,
    private readonly reached: Reached,
    private readonly isDead: () => boolean,
  ) {
    this.type = inner.type;
  }

  validate = (config: JobSpec['executor']) => this.inner.validate(config);
  limitMs = (config: JobSpec['executor']) => this.inner.limitMs?.(config);
  secretReferences = (config: JobSpec['executor']) => this.inner.secretReferences?.(config) ?? {};
  reaches = (config: JobSpec['executor']) => this.inner.reaches?.(config) ?? {};
  observe = (run: Run): Promise<Observation> => this.call('observe', run, (own) => this.inner.observe(own));
  cancel = (run: Run, because: 'cancelled' | 'timedOut') => this.call('cancel', run, (own) => this.inner.cancel(own, because));

  async start(run: Run): Promise<void> {
    this.starting++;
    try {
      await this.call('start', run, (own) => this.inner.start(own));
    } finally {
      this.starting--;
    }
  }

  async follow(run: Run): Promise<Outcome> {
    this.following++;
    try {
      return await this.call('follow', run, (own) => this.inner.follow(own));
    } finally {
      this.following--;
      this.over.add(run);
    }
  }

  async abandon(run: Run): Promise<void> {
    if (this.inner.abandon) await this.call('abandon', run, (own) => this.inner.abandon?.(own) ?? Promise.resolve());
  }

  async diff(run: Run): Promise<string> {
    return this.inner.diff ? this.call('diff', run, (own) => this.inner.diff?.(own) ?? Promise.resolve('')) : '';
  }

  private call<T>(name: string, run: Run, go: (run: Run) => Promise<T>): Promise<T> {
    this.lastRun = run;
    this.calls.push(name);
    if (this.reached(`${name} is called`)) return new Promise(() => {});
    return go(this.own(run));
  }

  /** The run as the executor gets it: every use of it is an instant. */
  private own(run: Run): Run {
    const known = this.wrapped.get(run);
    if (known) return known;
    const at = (instant: string): void => {
      if (this.isDead() || this.reached(instant)) throw new Dead();
      if (this.over.has(run)) this.problems.push(`after follow had come back, the executor still said something (${instant})`);
    };
    const timers: Timers = {
      after: (ms, go) => {
        if (this.isDead() || this.reached('wait')) return () => {};
        return run.timers.after(ms, () => {
          if (!this.isDead()) go();
        });
      },
    };
    const output: LogSink = {
      ready: () => run.output.ready(),
      write: (stream, text) => {
        at('log');
        run.output.write(stream, text);
      },
      lose: (bytes) => run.output.lose(bytes),
    };
    const own: Run = {
      ...run,
      timers,
      output,
      progress: (progress) => {
        at('progress');
        run.progress(progress);
      },
      actionRequired: (message, ask) => {
        at('actionRequired');
        return run.actionRequired(message, ask);
      },
      note: (key, value) => {
        at(`note ${key}`);
        run.note(key, value);
      },
    };
    this.wrapped.set(run, own);
    return own;
  }
}
