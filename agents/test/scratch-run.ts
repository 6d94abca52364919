import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { JobSpec, Json } from '@slipway/core';
import { silentLog } from '@slipway/runtime';
import type { Run } from '../src/executors/executor.js';
import type { Grant } from '../src/ports.js';
import { realClock, realTimers } from '../src/timers.js';

export const grantOf = (job: string, over: Partial<Grant> = {}): Grant => ({
  job,
  granted: true,
  epoch: 1,
  leaseMs: 30_000,
  renewMs: 10_000,
  attempt: 1,
  kind: 'deploy',
  deployment: 'checkout',
  environment: 'staging',
  resource: 'host-1',
  version: '1.0.0',
  spec: { executor: { type: 'command', run: ['true'] }, context: { version: { tag: '1.0.0' } } },
  runMs: 60_000,
  observeFirst: false,
  measurements: [],
  ...over,
});

/** A directory of the test's own, and runs in it that note down what they are told. */
export class Scratch {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-agent-'));

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  run(config: JobSpec['executor'], over: { job?: string; grant?: Partial<Grant>; secrets?: Record<string, string> } = {}): ScratchRun {
    const answer = new AbortController();
    const grant = grantOf(over.job ?? 'j1', { ...over.grant, spec: { executor: config, context: { version: { tag: '1.0.0' } } } });
    const said: ScratchRun['said'] = { progress: [], asked: [], log: '', lost: 0 };
    const notes: Record<string, Json> = {};
    return {
      id: `${grant.job}.${grant.attempt}`,
      grant,
      config,
      directory: path.join(this.directory, 'work', `${grant.job}.${grant.attempt}`),
      signal: new AbortController().signal,
      ending: new AbortController().signal,
      hide: () => {},
      timers: realTimers,
      clock: realClock,
      log: silentLog,
      secrets: over.secrets ?? {},
      progress: (progress) => said.progress.push(progress),
      actionRequired: (message, ask) => {
        said.asked.push({ message, ...ask });
        return answer.signal;
      },
      output: {
        ready: () => true,
        write: (_stream, text) => void (said.log += text),
        lose: (bytes) => void (said.lost += bytes),
      },
      notes,
      note: (key, value) => void (notes[key] = value),
      said,
      confirm: () => answer.abort(),
    };
  }
}

export type ScratchRun = Run & {
  said: { progress: unknown[]; asked: unknown[]; log: string; lost: number };
  /** A person confirms what was asked. */
  confirm: () => void;
};
