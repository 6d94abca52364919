import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@slipway/core';
import { z } from 'zod';

/*
 * What is read of an Application. Nothing of it is required and a value of another type is as good as none: whoever reads it decides what a
 * missing value means, and it never means yes. States are plain texts, since every version of Argo CD may know more.
 */

const soft = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);
const text = soft(z.string());
const texts = z.array(z.string()).catch([]);
const list = <T extends z.ZodType>(schema: T) => z.array(schema).catch([]);
const object = soft(z.record(z.string(), z.json()));

const infoSchema = z.object({ name: text, value: text });
const initiatorSchema = z.object({ username: text, automated: soft(z.boolean()) });

const syncSchema = z.object({
  revision: text,
  revisions: texts,
  source: object,
  sources: list(z.record(z.string(), z.json())),
  /** Only these resources, when there are any: auto-sync heals single ones. */
  resources: z.array(z.unknown()).catch([]),
  syncStrategy: soft(z.object({ apply: object })),
});

const operationSchema = z.object({ info: list(infoSchema), initiatedBy: soft(initiatorSchema), sync: soft(syncSchema) });
export type Operation = z.output<typeof operationSchema>;

const resourceResultSchema = z.object({
  group: text,
  kind: text,
  namespace: text,
  name: text,
  status: text,
  message: text,
  hookPhase: text,
  hookType: text,
});
export type ResourceResult = z.output<typeof resourceResultSchema>;

const operationStateSchema = z.object({
  phase: text,
  message: text,
  startedAt: text,
  finishedAt: text,
  operation: soft(operationSchema),
  syncResult: soft(z.object({ revision: text, revisions: texts, resources: list(resourceResultSchema) })),
});
export type OperationState = z.output<typeof operationStateSchema>;

const resourceSchema = z.object({
  group: text,
  kind: text,
  namespace: text,
  name: text,
  status: text,
  health: soft(z.object({ status: text, message: text })),
});
export type ResourceStatus = z.output<typeof resourceSchema>;

const historySchema = z.object({
  id: soft(z.int()),
  revision: text,
  revisions: texts,
  source: object,
  sources: list(z.record(z.string(), z.json())),
  deployStartedAt: text,
  deployedAt: text,
});
export type HistoryEntry = z.output<typeof historySchema>;

export const applicationSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: text,
    finalizers: texts,
    deletionTimestamp: text,
    ownerReferences: list(z.object({ kind: text, name: text })),
  }),
  spec: z.record(z.string(), z.json()).catch({}),
  operation: soft(operationSchema),
  status: z
    .object({
      operationState: soft(operationStateSchema),
      reconciledAt: text,
      sync: soft(z.object({ status: text, revision: text, revisions: texts })),
      health: soft(z.object({ status: text, message: text })),
      conditions: list(z.object({ type: text, message: text })),
      resources: list(resourceSchema),
      history: list(historySchema),
      summary: soft(z.object({ images: texts })),
    })
    .catch({
      operationState: undefined,
      reconciledAt: undefined,
      sync: undefined,
      health: undefined,
      conditions: [],
      resources: [],
      history: [],
      summary: undefined,
    }),
});
export type Application = z.output<typeof applicationSchema>;

/** The name under which an operation carries the run it belongs to. */
export const RUN_INFO = 'slipway.job';

/** The run that began this operation, if one of ours did. */
export const runOf = (operation: Operation | undefined): string | undefined => operation?.info.find(({ name }) => name === RUN_INFO)?.value;

/** What an operation says and is: requested (no state yet), going on, or over. */
export interface SeenOperation {
  operation: Operation;
  /** Undefined until the controller has taken it up. */
  state: OperationState | undefined;
  over: boolean;
}

const OVER = new Set(['Succeeded', 'Failed', 'Error']);

/** The operation that is requested, goes on, or was the last. `Running` with an end is one that failed and will be tried again. */
export function lastOperation({ operation, status }: Application): SeenOperation | undefined {
  const state = status.operationState;
  // The server takes the old state away when it takes a new operation; who writes the resource directly may not.
  if (operation) {
    const same = state?.operation && isDeepStrictEqual(bare(state.operation), bare(operation));
    return { operation, state: same ? state : undefined, over: false };
  }
  return state?.operation ? { operation: state.operation, state, over: OVER.has(state.phase ?? '') } : undefined;
}

const bare = ({ info, initiatedBy }: Operation): object => ({ info, initiatedBy });

export const initiatorOf = ({ initiatedBy }: Operation): string =>
  initiatedBy?.automated ? 'auto-sync' : (initiatedBy?.username ?? '') || 'somebody';

export const sourcesOf = (of: { source?: JsonObject | undefined; sources?: readonly JsonObject[] | undefined }): readonly JsonObject[] =>
  Array.isArray(of.sources) && of.sources.length > 0 ? (of.sources as JsonObject[]) : of.source ? [of.source] : [];

/** The sources of a spec, whichever way it has them. */
export const specSources = (spec: JsonObject): readonly JsonObject[] =>
  sourcesOf(spec as { source?: JsonObject; sources?: readonly JsonObject[] });

export const revisionsOf = (of: { revision?: string | undefined; revisions: readonly string[] } | undefined): readonly string[] =>
  of === undefined ? [] : of.revisions.length > 0 ? of.revisions : of.revision ? [of.revision] : [];

export const sameSources = (one: readonly JsonObject[], other: readonly JsonObject[]): boolean => isDeepStrictEqual(one, other);

export const autoSyncs = (spec: JsonObject): boolean => {
  const automated = (spec['syncPolicy'] as JsonObject | undefined)?.['automated'] as JsonObject | null | undefined;
  return automated !== undefined && automated !== null && automated['enabled'] !== false;
};

/** Epoch milliseconds of one of Argo CD's times, which have whole seconds. */
export const timeOf = (time: string | undefined): number | undefined => {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? undefined : at;
};

/** When it was last compared to its source; what is said of health and sync is of then. */
export const reconciledAt = ({ status }: Application): number => timeOf(status.reconciledAt) ?? -Infinity;
