import { OUTPUTS_BYTES_MAX } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';
import { z } from 'zod';
import { cleanText } from '../../text.js';
import { pause } from '../../timers.js';
import { Ambiguous } from '../../vendor/failures.js';
import type { VendorAnswer, Waiting } from '../../vendor/vendor-client.js';
import type { Run } from '../executor.js';
import { listOf, stateOutputSchema, type TerraformPhase } from './answers.js';
import { told, type TerraformCloudApi } from './api.js';
import { hideAddress } from './secret-address.js';
import type { SeenRun } from './seen-run.js';
import { costOf, countsOf, type PolicyResult } from './summary.js';

/** A plan of more is told by its counts and its first changes. */
const CHANGES_MAX = 100;
const ADDRESS_LENGTH_MAX = 300;
/** Outputs of the state are worked out after the apply; so often it is asked for them. */
const STATE_TRIES = 5;
const STATE_PAUSE_MS = 3_000;
/** Where the plan lies takes no longer. */
const PLAN_TIMEOUT_MS = 20_000;

const planSchema = z.object({
  resource_changes: z.array(z.unknown()).catch([]),
  output_changes: z.record(z.string(), z.unknown()).catch({}),
});
const changeSchema = z.object({ address: z.string(), change: z.object({ actions: z.array(z.string()) }) });

/** What a run leaves for the jobs and people after it, and what of it could not be read. */
export interface RunOutputs {
  outputs: JsonObject;
  missing: string[];
}

export interface OutputParts {
  run: Run;
  api: TerraformCloudApi;
  wait: Waiting;
}

/** The summary of the run, its redacted plan, and (once it was applied) the outputs of the state that are not sensitive; as much as fits. */
export async function readOutputs(parts: OutputParts, seen: SeenRun, policies: readonly PolicyResult[]): Promise<RunOutputs> {
  const missing: string[] = [];
  const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      missing.push(`${what} left out: ${(error as Error).message}`);
      return undefined;
    }
  };
  const { attributes, id } = seen.run;
  const counts = countsOf(seen.plan);
  const cost = costOf(seen.cost);
  const summary: JsonObject = {
    runId: id,
    status: attributes.status,
    ...(counts ? { plan: { ...counts, hasChanges: attributes['has-changes'] } } : {}),
    ...(cost ? { cost } : {}),
    ...(policies.length > 0 ? { policies: policies.map((result) => ({ ...result })) } : {}),
  };
  const { plan } = seen;
  const planned = plan?.attributes.status === 'finished';
  const changes = planned ? await attempt('the redacted plan', () => redactedPlan(parts, plan)) : undefined;
  const workspaceId = seen.run.relationships.workspace?.data.id;
  const readsState = attributes.status === 'applied' && workspaceId !== undefined;
  const state = readsState ? await attempt('outputs of the state', () => stateOutputs(parts, workspaceId)) : undefined;
  return { outputs: fitting(summary, { state, changes }, missing), missing };
}

/** Takes the larger parts along as long as all of it may be reported. */
function fitting(summary: JsonObject, parts: Record<string, Json | undefined>, missing: string[]): JsonObject {
  let outputs = summary;
  for (const [name, part] of Object.entries(parts)) {
    if (part === undefined) continue;
    const more = { ...outputs, [name]: part };
    if (JSON.stringify(more).length <= OUTPUTS_BYTES_MAX) outputs = more;
    else missing.push(`${name} left out: larger than ${OUTPUTS_BYTES_MAX} bytes`);
  }
  return outputs;
}

async function redactedPlan(parts: OutputParts, plan: TerraformPhase): Promise<Json | undefined> {
  const { api, wait, run } = parts;
  let answer: VendorAnswer = await api.getOnce(`/plans/${plan.id}/json-output-redacted`, wait);
  const address = answer.headers['location'];
  if (answer.status === 307 && address !== undefined) {
    const whole = new URL(address, api.server).href;
    hideAddress(run, whole);
    const ask = { method: 'GET', path: whole, anonymous: true, timeoutMs: PLAN_TIMEOUT_MS } as const;
    answer = await api.storage(whole).once(ask, wait);
  }
  if (answer.status === 204) return undefined;
  if (answer.status !== 200) throw new Error(told(answer));
  const parsed = planSchema.safeParse(answer.json);
  if (!parsed.success) throw new Error('it is no plan');
  return changesOf(parsed.data);
}

/** Addresses and actions only: values stay there, also those that are not redacted. */
function changesOf({ resource_changes, output_changes }: z.output<typeof planSchema>): Json {
  const all = resource_changes
    .map((change) => changeSchema.safeParse(change).data)
    .filter((change) => change !== undefined && change.change.actions.some((action) => action !== 'no-op'));
  const resources = all.slice(0, CHANGES_MAX).map((change) => ({
    address: cleanText(change?.address ?? '', ADDRESS_LENGTH_MAX),
    actions: change?.change.actions.slice(0, 3).map((action) => cleanText(action, 40)) ?? [],
  }));
  const outputs = Object.keys(output_changes).slice(0, CHANGES_MAX);
  return {
    resources,
    outputs: outputs.map((name) => cleanText(name, ADDRESS_LENGTH_MAX)),
    ...(all.length > CHANGES_MAX ? { more: all.length - CHANGES_MAX } : {}),
  };
}

async function stateOutputs({ api, wait, run }: OutputParts, workspaceId: string): Promise<JsonObject> {
  for (let tries = 1; ; tries++) {
    const answer = await api.getOnce(`/workspaces/${workspaceId}/current-state-version-outputs`, wait).catch((error: unknown) => {
      if (!(error instanceof Ambiguous) || tries >= STATE_TRIES) throw error;
      return undefined;
    });
    if (answer) {
      const outputs = answer.status === 200 ? listOf(stateOutputSchema, answer.json) : undefined;
      if (!outputs) throw new Error(told(answer));
      const open = outputs.filter(({ attributes }) => !attributes.sensitive && attributes.value !== undefined);
      return Object.fromEntries(open.map(({ attributes }) => [attributes.name, attributes.value as Json]));
    }
    await pause(run.timers, STATE_PAUSE_MS, wait.signal);
  }
}
