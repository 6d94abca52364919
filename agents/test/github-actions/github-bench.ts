import type { JsonObject } from '@slipway/core';
import { GithubServer } from '@slipway/testkit';
import { GithubActionsExecutor } from '../../src/executors/github-actions/github-actions.js';
import type { Grant } from '../../src/ports.js';
import { VendorClients } from '../../src/vendor/vendor-clients.js';
import { HurriedTime } from '../hurried-time.js';
import { Scratch, type ScratchRun } from '../scratch-run.js';

export type GithubRun = ScratchRun & {
  /** What was to be kept out of logs. */
  hidden: string[];
  /** The run is to end. */
  end: () => void;
  /** It is not this agent's any more. */
  stop: () => void;
};

/** A GitHub of the test's own and agents that use it, in time that runs two hundred times as fast. */
export class GithubBench {
  readonly server: GithubServer;
  readonly time: HurriedTime;
  private readonly scratch = new Scratch();
  private readonly closing: (() => Promise<unknown>)[] = [];
  private readonly stopping: (() => void)[] = [];

  constructor(options: { enterprise?: boolean; tls?: boolean; hurry?: number } = {}) {
    this.server = new GithubServer(options);
    this.time = new HurriedTime(options.hurry ?? 200);
  }

  async open(): Promise<this> {
    await this.server.start();
    return this;
  }

  async close(): Promise<void> {
    for (const stop of this.stopping) stop();
    for (const close of this.closing) await close();
    await this.server.stop();
    this.scratch.remove();
  }

  /** The executor of another agent, or of another life of one. */
  agent(): GithubActionsExecutor {
    const clients = new VendorClients({ clock: this.time, timers: this.time, random: () => 0.5 });
    this.closing.push(() => clients.close());
    return new GithubActionsExecutor(clients, { clock: this.time, timers: this.time });
  }

  run(
    over: { job?: string; grant?: Partial<Grant>; config?: JsonObject; secrets?: Record<string, string>; notes?: ScratchRun['notes'] } = {},
  ): GithubRun {
    const config = {
      ...{ type: 'github-actions', repository: this.server.repository, workflow: 'deploy.yml', ref: 'main' },
      ...{ server: this.server.api, token: 'env:GITHUB_TOKEN', inputs: { version: '1.0.0' } },
      ...over.config,
    };
    const stopped = new AbortController();
    const ending = new AbortController();
    this.stopping.push(() => stopped.abort());
    const run = this.scratch.run(config, {
      job: over.job ?? 'job-1',
      secrets: over.secrets ?? { token: 'ghp_test' },
      ...(over.grant ? { grant: over.grant } : {}),
    });
    Object.assign(run.notes, over.notes);
    const hidden: string[] = [];
    return Object.assign(run, {
      hidden,
      clock: this.time,
      timers: this.time,
      signal: stopped.signal,
      ending: AbortSignal.any([stopped.signal, ending.signal]),
      hide: (value: string) => void hidden.push(value),
      end: () => ending.abort(),
      stop: () => stopped.abort(),
    });
  }
}

/** What the run's people were told last. */
export const lastMessage = (run: ScratchRun): string | undefined => (run.said.progress.at(-1) as { message?: string } | undefined)?.message;
