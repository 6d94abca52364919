import type { Json, JsonObject } from '@slipway/core';
import type { z } from 'zod';
import type { Reach } from '../executors/executor.js';
import type { AgentClock, Timers } from '../ports.js';

/**
 * What a probe saw; `result` in the metric's conditions, in which a number may be NaN or infinite. `remark`: what a person should know where the
 * conditions do not hold. `noData`: the source was asked and had nothing to say; the metric's `onNoData` judges.
 */
export type Probe = { result: Json; remark?: string } | { noData: string } | { error: string };

export interface ProbeContext {
  timers: Timers;
  clock: AgentClock;
  signal: AbortSignal;
  /** When this measurement was due, by the agent's clock: before now where it is late, or another agent had begun it. */
  dueAt: number;
  /** Values of secrets, by the name that the config gives them. */
  secrets: Readonly<Record<string, string>>;
  /** Mask this too: what is made of secrets and is as good as one. */
  hide(value: string): void;
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

/** Why a config does not fit the schema of its provider. */
export function complaintOf(schema: z.ZodType, config: JsonObject): string | undefined {
  const parsed = schema.safeParse(config);
  return parsed.success ? undefined : parsed.error.issues.map((issue) => `provider.${issue.path.join('.')} ${issue.message}`).join('; ');
}
