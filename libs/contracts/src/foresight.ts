import { z } from 'zod';
import { ruleResultSchema, verdictSchema } from './decisions.js';
import { identifierSchema, slugSchema, tagSchema } from './names.js';

/*
 * What explain adds to a decision, and what simulate, shadow and history answer. All of it is made by the evaluator that gates, on facts of
 * today or as they were.
 */

const SIMULATED_FILES_MAX = 50;

/** Targets that got the same answers; `rest`: all that no other entry names. */
const targetsShape = { resources: z.array(z.string()), rest: z.boolean(), size: z.int() };

/** What would let a version go to targets that it may not go to now. */
export const unblockSchema = z.object({
  ...targetsShape,
  /** False: neither people nor time help this version. */
  possible: z.boolean(),
  /** The smallest set of missing facts: in words, how many facts that is, the command that brings one about. */
  needs: z.array(z.object({ what: z.string(), facts: z.int(), ask: z.string().optional() })),
  /** The earliest time at which it may go with them. */
  at: z.number().optional(),
  because: z.array(z.string()),
});

/** What a shadow policy says beside the decision; it never gates. */
export const shadowSchema = z.object({
  policy: z.string(),
  targets: z.int(),
  because: z.array(z.string()),
  groups: z.array(
    z.object({
      ...targetsShape,
      would: z.enum(['hold', 'letGo', 'agree']),
      live: verdictSchema,
      verdict: verdictSchema,
      result: z.object({ policy: z.string(), verdict: verdictSchema, rules: z.array(ruleResultSchema) }),
    }),
  ),
  reevaluateAt: z.number().optional(),
});

export const simulateRequestSchema = z.object({
  /** Documents of kind Policy or Metric; one whose state is absent is taken away. Others are not looked at. */
  files: z
    .array(z.object({ file: z.string().max(500), text: z.string().max(2_000_000) }))
    .max(SIMULATED_FILES_MAX)
    .default([]),
  /** Policies that are taken away. */
  remove: z.array(slugSchema).max(100).default([]),
  deployment: slugSchema.optional(),
  environment: slugSchema.optional(),
  /** One version; of a tag that was never published, as if it were now. */
  version: tagSchema.optional(),
  /** Against what happened since then, not against today's facts. */
  sinceMs: z.int().min(1).optional(),
});

const saidSchema = z.object({ verdict: verdictSchema, because: z.array(z.string()) });

/** What the change would change today, for targets of one version. */
export const simulatedChangeSchema = z.object({
  deployment: z.string(),
  environment: z.string(),
  version: z.string(),
  ...targetsShape,
  /** Absent: this version is not there yet. */
  before: saidSchema.optional(),
  after: saidSchema,
  /** `verdict`, `reasons` (the same verdict for others), `how` (only how it goes: waves, verification, retries). */
  differs: z.enum(['verdict', 'reasons', 'how']),
  /** Obligations that would be others. */
  how: z.array(z.string()),
  unblocks: z.array(z.string()),
});
export type SimulatedChange = z.infer<typeof simulatedChangeSchema>;

const replayedSchema = z.object({
  /** When it would first have been allowed there; absent: never. */
  allowedAt: z.number().optional(),
  /** How long it would have been held since it was there to go. */
  heldMs: z.number(),
  because: z.array(z.string()),
});

/** What the change would have changed in the past, for targets of one version that fared alike. */
export const replayedChangeSchema = z.object({
  deployment: z.string(),
  environment: z.string(),
  version: z.string(),
  ...targetsShape,
  /** When it was there to go: published, or the beginning of what is looked at. */
  from: z.number(),
  /** Until when it could have gone: a newer one came, or now. */
  until: z.number(),
  wentAt: z.number().optional(),
  /** What really became of it there. */
  outcome: z.enum(['started', 'succeeded', 'failed', 'rolledBack', 'none']),
  before: replayedSchema,
  after: replayedSchema,
  would: z.enum(['heldLonger', 'goneSooner', 'neverGone', 'goneAfterAll']),
});
export type ReplayedChange = z.infer<typeof replayedChangeSchema>;

export const simulateReplySchema = z.object({
  policies: z.object({ added: z.array(z.string()), changed: z.array(z.string()), removed: z.array(z.string()) }),
  /** Documents of other kinds, which were left out. */
  ignored: z.array(z.string()),
  judged: z.object({ pairs: z.int(), versions: z.int(), targets: z.int() }),
  changes: z.array(simulatedChangeSchema),
  /** Against recorded history; `from` is later than asked when less was recorded. */
  history: z
    .object({ from: z.number(), until: z.number(), changes: z.array(replayedChangeSchema), badNotGone: z.array(z.string()) })
    .optional(),
  /** What was left out because there was too much of it. */
  leftOut: z.array(z.string()),
});

export const shadowRequestSchema = z.object({
  policy: slugSchema.optional(),
  deployment: slugSchema.optional(),
  environment: slugSchema.optional(),
  sinceMs: z.int().min(1).optional(),
});

/** One disagreement of a shadow policy with the gate, as long as it lasted. */
export const disagreementSchema = z.object({
  policy: z.string(),
  deployment: z.string(),
  environment: z.string(),
  version: z.string(),
  would: z.enum(['hold', 'letGo']),
  targets: z.int(),
  ofTargets: z.int(),
  from: z.number(),
  /** Absent: it lasts. */
  to: z.number().optional(),
  /** `agreed`: both came to say the same; `over`: the version is judged no longer, it runs there or a newer one does. */
  ended: z.enum(['agreed', 'over']).optional(),
  because: z.array(z.string()),
});
export type Disagreement = z.infer<typeof disagreementSchema>;

export const shadowReplySchema = z.object({
  since: z.number(),
  /** Shadow policies that are applied now. */
  policies: z.array(z.object({ policy: z.string(), description: z.string().optional() })),
  disagreements: z.array(disagreementSchema),
});

export const historyRequestSchema = z.object({
  deployment: slugSchema,
  environment: slugSchema.optional(),
  resource: identifierSchema.optional(),
  version: tagSchema.optional(),
  sinceMs: z.int().min(1).optional(),
  limit: z.int().min(1).max(1_000).default(50),
});

/** What happened at one moment: a version at so many targets, a word of a person, a version published. */
export const happeningSchema = z.object({
  at: z.number(),
  environment: z.string().optional(),
  version: z.string().optional(),
  /** `succeeded`, `rolledBack`, `approved`, `published`, `freeze`, `pin`, … */
  what: z.string(),
  resources: z.array(z.string()),
  targets: z.int(),
  by: z.string().optional(),
  because: z.string().optional(),
});
export type Happening = z.infer<typeof happeningSchema>;

export const historyReplySchema = z.object({ happenings: z.array(happeningSchema) });
