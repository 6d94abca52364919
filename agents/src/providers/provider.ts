import type { Json, JsonObject } from '@slipway/core';
import type { Reach } from '../executors/executor.js';
import type { AgentClock, Timers } from '../ports.js';

/** What a probe saw; `result` in the metric's conditions. `noData`: the source was asked and had nothing to say; the metric's `onNoData` judges. */
export type Probe = { result: Json } | { noData: string } | { error: string };

export interface ProbeContext {
  timers: Timers;
  clock: AgentClock;
  signal: AbortSignal;
  /** Values of secrets, by the name that the config gives them. */
  secrets: Readonly<Record<string, string>>;
}

/** Looks at one kind of source. What could not be reached is an `error`, never a `failed`: only the metric's conditions judge. */
export interface Provider {
  readonly type: string;
  /** Why this config is not acceptable; undefined when it is. */
  validate(config: JsonObject & { type: string }): string | undefined;
  secretReferences(config: JsonObject & { type: string }): Record<string, string>;
  reaches?(config: JsonObject & { type: string }): Reach;
  probe(config: JsonObject & { type: string }, context: ProbeContext): Promise<Probe>;
}
