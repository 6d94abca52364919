import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Json, JsonObject } from '@slipway/core';
import { jsonObjectSchema } from '@slipway/contracts';
import { z } from 'zod';
import { printable } from '../../text.js';
import { visibleOutputs, type Counts, type PlannedChange, type UiStream } from './ui-stream.js';
import type { Workplace } from './workplace.js';

const SHOW_TIMEOUT_MS = 120_000;
/** The JSON of a plan holds the whole state. */
const SHOW_BYTES_MAX = 256 * 1_048_576;
/** A plan for people; more of it nobody reads in a log. */
const TEXT_LENGTH_MAX = 200_000;
/** Every hidden value makes every line of the log dearer to look through. */
const HIDDEN_VALUES_MAX = 500;
const NAMES_TOLD_MAX = 5;

/** A saved plan and what it would do. */
export interface Plan {
  /** Names its trace: `plan-1`. */
  name: string;
  file: string;
  nothing: boolean;
  counts: Counts;
  changes: readonly PlannedChange[];
}

export function planOf(place: Workplace, name: string, ui: UiStream, status: number): Plan {
  const counts = ui.counts ?? { add: 0, change: 0, destroy: 0, import: 0 };
  return { name, file: place.file(name, 'plan'), nothing: status === 0, counts, changes: ui.planned };
}

/** Tells this very plan from every other. */
export async function digestOf(plan: Plan): Promise<string> {
  return createHash('sha256')
    .update(await readFile(plan.file))
    .digest('hex');
}

/** `2 to add, 1 to destroy (terraform_data.a create, …)`. */
export function tellPlan({ nothing, counts, changes }: Pick<Plan, 'nothing' | 'counts' | 'changes'>): string {
  if (nothing) return 'no changes';
  const parts = (['import', 'add', 'change', 'destroy'] as const).flatMap((verb) =>
    counts[verb] > 0 ? [`${counts[verb]} to ${verb}`] : [],
  );
  if (parts.length === 0) return 'only outputs change';
  const named = changes.filter(({ action }) => action !== 'read' && action !== 'noop');
  const names = named.slice(0, NAMES_TOLD_MAX).map(({ address, action }) => `${action} ${address}`);
  const more = named.length > NAMES_TOLD_MAX ? `, and ${named.length - NAMES_TOLD_MAX} more` : '';
  return `${parts.join(', ')}${names.length > 0 ? ` (${names.join(', ')}${more})` : ''}`;
}

/** The plan as Terraform shows it to people: sensitive values are not in it, and what it forgets to hide was hidden by `hideSensitive`. */
export async function showPlan(place: Workplace, plan: Plan): Promise<string> {
  const text = printable(await show(place, ['show', '-no-color', plan.file])).trim();
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}\n… (${text.length - TEXT_LENGTH_MAX} more characters)`;
}

const outputsSchema = z.object({ outputs: jsonObjectSchema.default({}) });
const planSchema = z.object({
  planned_values: outputsSchema.catch({ outputs: {} }),
  prior_state: z.object({ values: outputsSchema }).optional().catch(undefined),
  resource_changes: z.array(z.object({ change: z.json() })).catch([]),
  resource_drift: z.array(z.object({ change: z.json() })).catch([]),
  output_changes: jsonObjectSchema.catch({}),
});

/**
 * Read the plan's JSON, which holds sensitive values in clear: every one is kept out of logs and reports from now on, and nothing of it is kept
 * but the outputs that may be seen.
 */
export async function hideSensitive(place: Workplace, plan: Plan): Promise<JsonObject> {
  const told = planSchema.parse(JSON.parse(await show(place, ['show', '-json', plan.file])));
  const sensitive = new Set<string>();
  const changes = [...told.resource_changes, ...told.resource_drift].map(({ change }) => change);
  for (const change of [...changes, ...Object.values(told.output_changes)]) {
    for (const side of ['before', 'after']) collect(fieldOf(change, side), fieldOf(change, `${side}_sensitive`), sensitive);
  }
  for (const { outputs } of [told.planned_values, told.prior_state?.values ?? { outputs: {} }]) {
    for (const output of Object.values(outputs)) collect(fieldOf(output, 'value'), fieldOf(output, 'sensitive'), sensitive);
  }
  for (const value of [...sensitive].slice(0, HIDDEN_VALUES_MAX)) place.run.hide(value);
  if (sensitive.size > HIDDEN_VALUES_MAX)
    place.run.output.write(
      'agent',
      `only ${HIDDEN_VALUES_MAX} of the state’s ${sensitive.size} sensitive values are looked for in this log\n`,
    );
  return visibleOutputs(told.planned_values.outputs);
}

const fieldOf = (value: Json | undefined, name: string): Json | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined;

/** Gather the texts of a value that its mark (`true`, or a mark for each part) says are sensitive. */
function collect(value: Json | undefined, mark: Json | undefined, into: Set<string>): void {
  if (mark === undefined || mark === false || mark === null || value === undefined || value === null) return;
  if (typeof value === 'string') {
    if (mark === true) into.add(value);
  } else if (Array.isArray(value)) {
    value.forEach((item, at) => collect(item, mark === true ? true : Array.isArray(mark) ? mark[at] : undefined, into));
  } else if (typeof value === 'object') {
    for (const [name, item] of Object.entries(value)) collect(item, mark === true ? true : fieldOf(mark, name), into);
  }
}

function show(place: Workplace, args: string[]): Promise<string> {
  const options = {
    cwd: place.sources,
    env: place.workspaceEnv,
    timeout: SHOW_TIMEOUT_MS,
    maxBuffer: SHOW_BYTES_MAX,
    signal: place.run.signal,
  };
  return new Promise((resolve, reject) => {
    execFile(place.program, args, options, (error, stdout, stderr) => {
      // What was shown may hold secrets: never into the message.
      if (error)
        reject(
          new Error(
            `${args.slice(0, 2).join(' ')} of the plan failed (${error.code ?? error.message.split('\n')[0]}): ${stderr.slice(0, 500)}`,
          ),
        );
      else resolve(stdout);
    });
  });
}
