import { jsonObjectSchema } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';
import { z } from 'zod';

/** Names in messages: more than these nobody reads. */
const NAMES_KEPT_MAX = 2_000;
const DIAGNOSTICS_KEPT_MAX = 50;

const text = z.string().catch('');
const resourceSchema = z.object({ addr: text }).catch({ addr: '' });
/** Of the `-json` lines, what is used; unknown types pass as what they are. */
const lineSchema = z.object({
  '@message': text,
  type: text,
  change: z.object({ resource: resourceSchema, action: text }).optional().catch(undefined),
  hook: z.object({ resource: resourceSchema, action: text }).optional().catch(undefined),
  changes: z.object({ operation: text }).catchall(z.json()).optional().catch(undefined),
  outputs: jsonObjectSchema.optional().catch(undefined),
  diagnostic: z
    .object({
      severity: text,
      summary: text,
      detail: text,
      address: z.string().optional().catch(undefined),
      range: z
        .object({ filename: text, start: z.object({ line: z.number() }) })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});
type Line = z.output<typeof lineSchema>;

export interface Diagnostic {
  summary: string;
  detail: string;
  /** Where in the module, as `main.tf:12`. */
  at?: string;
}

export interface PlannedChange {
  address: string;
  action: string;
}

export interface Counts {
  add: number;
  change: number;
  destroy: number;
  import: number;
}

/** These are planned and take no step of the apply. */
const NO_STEP = new Set(['noop', 'no-op', 'read', 'forget', 'import', 'move', 'open', 'renew', 'close']);

/**
 * What a command with `-json` has told so far. Lines of unknown types and lines that are no JSON change nothing. The value of a sensitive
 * output never is in these lines.
 */
export class UiStream {
  readonly errors: Diagnostic[] = [];
  readonly planned: PlannedChange[] = [];
  readonly done: string[] = [];
  readonly failed: string[] = [];
  readonly begun = new Set<string>();
  counts: Counts | undefined;
  outputs: JsonObject = {};
  /** Steps of the apply that have ended well; replacing is two. */
  doneSteps = 0;
  /** A signal told it to stop. */
  interrupted = false;

  get steps(): number {
    return this.planned.reduce((sum, { action }) => sum + (NO_STEP.has(action) ? 0 : action === 'replace' ? 2 : 1), 0);
  }

  /** Take one line; gives what a person would read of it, if anything. */
  take(line: string): string | undefined {
    const parsed = parseLine(line);
    if (!parsed) return line.trim() === '' ? undefined : line;
    if (parsed.change && parsed.type === 'planned_change') this.plan(parsed.change.resource.addr, parsed.change.action);
    if (parsed.hook) this.takeHook(parsed.type, parsed.hook.resource.addr);
    if (parsed.changes && parsed.type === 'change_summary') this.counts = countsOf(parsed.changes);
    if (parsed.outputs && parsed.type === 'outputs') this.outputs = visibleOutputs(parsed.outputs);
    if (parsed.type === 'log' && /^\s*(Interrupt received|Stopping operation)/.test(parsed['@message'])) this.interrupted = true;
    if (parsed.type === 'diagnostic') return this.takeDiagnostic(parsed);
    return SILENT.has(parsed.type) ? undefined : parsed['@message'];
  }

  private plan(address: string, action: string): void {
    if (this.planned.length < NAMES_KEPT_MAX) this.planned.push({ address, action });
  }

  private takeHook(type: string, address: string): void {
    if (type === 'apply_start') this.begun.add(address);
    if (type === 'apply_complete') this.doneSteps += 1;
    if (type !== 'apply_complete' && type !== 'apply_errored') return;
    const list = type === 'apply_complete' ? this.done : this.failed;
    if (!list.includes(address) && list.length < NAMES_KEPT_MAX) list.push(address);
  }

  private takeDiagnostic({ diagnostic, '@message': message }: Line): string {
    if (!diagnostic) return message;
    const { severity, summary, detail, range, address } = diagnostic;
    const at = range ? `${range.filename}:${range.start.line}` : address;
    if (severity === 'error' && this.errors.length < DIAGNOSTICS_KEPT_MAX)
      this.errors.push({ summary, detail, ...(at === undefined ? {} : { at }) });
    return [`${message}${at === undefined ? '' : ` (${at})`}`, detail].filter((part) => part !== '').join('\n');
  }
}

/** What is told better elsewhere: in the plan, in the progress. */
const SILENT = new Set(['version', 'planned_change', 'resource_drift', 'outputs', 'refresh_start', 'refresh_complete']);

function parseLine(line: string): Line | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    // A program below Terraform may write anything: shown as it is.
    return undefined;
  }
}

const number = (value: Json | undefined): number => (typeof value === 'number' ? value : 0);
const countsOf = (changes: JsonObject): Counts => ({
  add: number(changes['add']),
  change: number(changes['change']),
  destroy: number(changes['remove']),
  import: number(changes['import']),
});

const outputSchema = z.object({ sensitive: z.boolean().default(true), value: z.json().optional() });

/** Outputs that may be seen, by name. What does not say that it is not sensitive is. */
export function visibleOutputs(outputs: JsonObject): JsonObject {
  const visible: JsonObject = {};
  for (const [name, output] of Object.entries(outputs)) {
    const { success, data } = outputSchema.safeParse(output);
    if (success && !data.sensitive && data.value !== undefined) visible[name] = data.value as Json;
  }
  return visible;
}

/** A diagnostic in a line: what is wrong, why, where. */
export function tellDiagnostic({ summary, detail, at }: Diagnostic): string {
  const because = detail.split('\n\n')[0]?.replaceAll(/\s+/g, ' ').trim() ?? '';
  return `${summary.replaceAll(/\s+/g, ' ').trim()}${because === '' ? '' : `: ${because}`}${at === undefined ? '' : ` (${at})`}`;
}
