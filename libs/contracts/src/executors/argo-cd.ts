import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { caFileSchema, secretReferenceSchema, serverSchema } from './fields.js';

/** Which Application. */
export const argoCdApplicationSchema = z.strictObject({
  name: z.string().min(1, 'is empty; write the name of the Application'),
  /** Where the Application itself lies, when not in Argo CD's own namespace. */
  namespace: z.string().min(1).optional(),
  /** The AppProject it belongs to: without it Argo CD answers "permission denied" for everything it does not find. */
  project: z.string({ error: 'is missing; write the AppProject of the Application, as in spec.project (often "default")' }).min(1),
});
export type ArgoCdApplication = z.output<typeof argoCdApplicationSchema>;

/** Which source of an Application with several, counted from 1 as Argo CD does. */
const positionSchema = z.int().min(1, 'counts from 1');
const revisionSchema = z.string().min(1, 'is empty; write a tag, branch, commit or chart version');
const scalarSchema = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** What is written into one source of an existing Application's spec before it is synced. */
const sourceChangeSchema = z
  .strictObject({
    /** 1 when the Application has one source. */
    position: positionSchema.optional(),
    targetRevision: revisionSchema.optional(),
    /** Name → value; other parameters stay. */
    helmParameters: z.record(z.string(), scalarSchema).optional(),
    /** Like `shop=registry.example.org/shop:1.2.3`; overrides of other images stay. */
    kustomizeImages: z.array(z.string().min(1)).optional(),
  })
  .refine(
    ({ position: _, ...changes }) => Object.keys(changes).length > 0,
    'changes nothing; write targetRevision, helmParameters or kustomizeImages',
  );
export type ArgoCdSourceChange = z.output<typeof sourceChangeSchema>;

/** A whole Application but for its name, namespace and project, which stand under `application`. */
const templateSchema = z.strictObject({
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  /** Those of an existing Application stay when nothing is written here. */
  finalizers: z.array(z.string()).optional(),
  /** As in an Application's YAML; `project` is the one of `application`. */
  spec: z
    .looseObject({
      destination: z.record(z.string(), z.json()),
      source: z.record(z.string(), z.json()).optional(),
      sources: z.array(z.record(z.string(), z.json())).min(1).optional(),
    })
    .refine((spec) => (spec.source === undefined) !== (spec.sources === undefined), 'has one of source and sources')
    .refine((spec) => !('project' in spec), 'has a project; it stands under application'),
});

/** Executor `argo-cd`: creates or updates an Application, syncs it, and follows it until it is healthy. */
export const argoCdExecutorSchema = z
  .strictObject({
    type: z.literal('argo-cd'),
    /** Address of Argo CD's API server, as people open it in a browser. */
    server: serverSchema,
    caFile: caFileSchema.optional(),
    /** A token of a project's role, or of an account with `apiKey`. */
    token: secretReferenceSchema,
    application: argoCdApplicationSchema,
    /** What is synced of an Application with one source, without a change to its spec; impossible while auto-sync is on. */
    revision: revisionSchema.optional(),
    /** The same of an Application with several. */
    revisions: z
      .array(z.strictObject({ position: positionSchema, revision: revisionSchema }))
      .min(1)
      .optional(),
    sourceChanges: z.array(sourceChangeSchema).min(1).optional(),
    template: templateSchema.optional(),
    /** Also delete what is no longer in the source. */
    prune: z.boolean().optional(),
    /** Instead of those of the Application's own syncPolicy. */
    syncOptions: z.array(z.string().min(1)).optional(),
    /** Rollbacks go through Argo CD's history when the version is there and auto-sync is off: with the parameters of then, without hooks. */
    rollback: z.literal('history').optional(),
    /** Applications that this one deploys (app of apps): `follow` (default) waits until they are healthy too. */
    children: z.enum(['follow', 'ignore']).optional(),
    /** Whether `Suspended` (a paused rollout, a suspended CronJob) is waited for (default) or counts as healthy. */
    suspended: z.enum(['wait', 'healthy']).optional(),
    /** How long it may be `Degraded` before that is a failure; what crashes at first may recover. Two minutes by default. */
    degradedGrace: durationSchema.optional(),
    /** How long it may take from the end of the sync until it is healthy; by default until the run's limit. */
    healthTimeout: durationSchema.optional(),
    /** Of the whole run; the job's run limit holds besides. */
    timeout: durationSchema.optional(),
  })
  .superRefine(({ template, revision, revisions, sourceChanges }, context) => {
    const complain = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (template && sourceChanges) complain('sourceChanges', 'cannot stand beside template; write the changes into its spec');
    if (template && (revision ?? revisions))
      complain(revision ? 'revision' : 'revisions', 'cannot stand beside template; write targetRevision into its spec');
    if (revision && revisions)
      complain('revisions', 'cannot stand beside revision; write revisions for an Application with several sources');
    const synced = [...(revision ? [1] : []), ...(revisions ?? []).map(({ position }) => position)];
    const set = (sourceChanges ?? []).filter(({ targetRevision }) => targetRevision !== undefined).map(({ position }) => position ?? 1);
    if (new Set(synced).size < synced.length) complain('revisions', 'names a position twice');
    if (set.some((position) => synced.includes(position)))
      complain('sourceChanges', 'sets targetRevision where revision says what is synced; write one of the two');
  });
export type ArgoCdConfig = z.output<typeof argoCdExecutorSchema>;
