import { z } from 'zod';

/*
 * What services show of rollouts, jobs and places: parts of the replies in operations.ts.
 */

export const documentChangeSchema = z.object({
  kind: z.string(),
  name: z.string(),
  verb: z.enum(['create', 'update', 'delete', 'unchanged']),
  /** Paths that differ, `rules[0].approval.required: 1 → 2`. */
  differences: z.array(z.string()),
});
export type DocumentChange = z.infer<typeof documentChangeSchema>;

/** What holds a job up (SPEC 4): one plain sentence of what it waits for. Times are given beside it, since only who shows them knows the clock on the wall. */
export const waitSchema = z.object({
  for: z.enum(['agent', 'noAgent', 'slot', 'retry', 'target', 'gate', 'hold', 'person', 'queue']),
  sentence: z.string(),
  /** Of a retry: when it begins; of a job without an agent: when it is given up. */
  until: z.number().optional(),
  /** When the last agent of the pool was heard of. */
  lastHeardAt: z.number().optional(),
  /** The command that a person can give to change it. */
  ask: z.string().optional(),
});
export type Wait = z.infer<typeof waitSchema>;

export const rolloutViewSchema = z.looseObject({
  id: z.string(),
  deployment: z.string(),
  environment: z.string(),
  version: z.string(),
  state: z.string(),
  because: z.string().optional(),
  wave: z.int(),
  waves: z.array(z.object({ name: z.string(), from: z.int(), to: z.int() })),
  /** One entry per member in rollout order; `letter` as in core's MemberLetter. */
  members: z.array(
    z.object({
      resource: z.string(),
      letter: z.string(),
      job: z
        .looseObject({
          id: z.string(),
          kind: z.string(),
          state: z.string(),
          /** Percent of the traffic that the version has once it is done. */
          weight: z.number().optional(),
          /** `blue` or `green`. */
          slot: z.string().optional(),
          /** What a job of several at one target does there, in a few words. */
          doing: z.string().optional(),
          percent: z.number().optional(),
          step: z.string().optional(),
          message: z.string().optional(),
          agent: z.string().optional(),
          waits: waitSchema.optional(),
        })
        .optional(),
      verified: z.string().optional(),
    }),
  ),
  budget: z.object({ used: z.int(), of: z.int() }),
  /** Its members run the version already: it brings them changed variables or config. */
  renewal: z.boolean().optional(),
  /** Commands that a person can give where it goes no further by itself. */
  asks: z.array(z.string()).optional(),
  wakeAt: z.number().optional(),
  createdAt: z.number(),
});
export type RolloutView = z.infer<typeof rolloutViewSchema>;

/** Where a rollout stands, in a few words. */
export const rolloutStandingSchema = z.object({
  id: z.string(),
  state: z.string(),
  because: z.string().optional(),
  /** Name of the wave it is in. */
  wave: z.string().optional(),
  done: z.int(),
  members: z.int(),
  renewal: z.boolean().optional(),
  /** What its first waiting job waits for, and how many more wait for the like. */
  waits: waitSchema.extend({ resource: z.string(), more: z.int() }).optional(),
  /** The first that waits for something of another kind, each with how many more do. */
  othersWait: z.array(waitSchema.extend({ resource: z.string(), more: z.int() })).optional(),
  /** How the one target stands that was asked for. */
  member: z.string().optional(),
  asks: z.array(z.string()).optional(),
  wakeAt: z.number().optional(),
});
export type RolloutStanding = z.infer<typeof rolloutStandingSchema>;

/** One cell of the matrix: what runs of a deployment in an environment. */
export const statusCellSchema = z.object({
  system: z.string(),
  deployment: z.string(),
  environment: z.string(),
  targets: z.int(),
  /** `slots`: how many of them in which slot, where there are two. */
  running: z.array(z.object({ version: z.string(), count: z.int(), verified: z.int(), slots: z.record(z.string(), z.int()).optional() })),
  /** Versions that have not taken their targets over yet, and what goes on there; `until`: when the first hold of these ends. */
  halfWay: z
    .array(z.object({ version: z.string(), doing: z.string(), count: z.int(), resource: z.string(), until: z.number().optional() }))
    .optional(),
  rollout: rolloutViewSchema.omit({ members: true }).optional(),
  /** Newer versions that wait, with the reasons of their latest decision. */
  waiting: z.array(
    z.object({ version: z.string(), verdict: z.string(), because: z.array(z.string()), reevaluateAt: z.number().optional() }),
  ),
  quarantined: z.array(z.object({ version: z.string(), resource: z.string(), because: z.string(), at: z.number() })),
  attention: z.array(z.string()),
});
export type StatusCell = z.infer<typeof statusCellSchema>;

export const jobViewSchema = z.looseObject({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  deployment: z.string(),
  environment: z.string(),
  resource: z.string(),
  version: z.string(),
});
