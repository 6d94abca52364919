import { z } from 'zod';
import {
  freezeRequestSchema,
  liftRequestSchema,
  listedFreezeSchema,
  listedOverrideSchema,
  listedPinSchema,
  listFactsRequestSchema,
  overrideRequestSchema,
  pinRequestSchema,
  standingFactSchema,
  unpinRequestSchema,
} from './facts-of-people.js';
import { inboxReplySchema, inboxRequestSchema } from './inbox.js';
import { documentChangeSchema, jobViewSchema, rolloutStandingSchema, rolloutViewSchema, statusCellSchema } from './views.js';
import { feedReplySchema, feedRequestSchema, inventoryChangeSchema } from './feed.js';
import { identifierSchema, slugSchema, tagSchema } from './names.js';
import { jsonSchema } from './reports.js';
import { variableViewSchema } from './variable-views.js';
import { versionPayloadSchema } from './ci-messages.js';
import { decisionSchema, numberedDecisionSchema } from './decisions.js';
import {
  historyReplySchema,
  historyRequestSchema,
  shadowReplySchema,
  shadowRequestSchema,
  shadowSchema,
  simulateReplySchema,
  simulateRequestSchema,
  unblockSchema,
} from './foresight.js';

/*
 * Every request that a service answers on `slipway.rpc.<service>.<operation>`, with what it takes, what it gives and who may ask.
 * The reply on the wire is `{ ok: <reply> }` or `{ error: ErrorShape }`; errors also carry the `Nats-Service-Error-Code` headers, so that
 * `nats req` and `nats micro` users see them.
 */

/** Roles of people, each including those before it; `service`: only another service may ask. */
export type Role = 'viewer' | 'operator' | 'approver' | 'admin' | 'service';

export interface Operation<Q extends z.ZodType = z.ZodType, A extends z.ZodType = z.ZodType> {
  role: Role;
  request: Q;
  reply: A;
  /** One sentence for `nats micro info` and the docs. */
  about: string;
}

const operation = <Q extends z.ZodType, A extends z.ZodType>(role: Role, about: string, request: Q, reply: A): Operation<Q, A> => ({
  role,
  about,
  request,
  reply,
});

const names = z.object({
  deployment: slugSchema,
  environment: slugSchema.optional(),
  resource: identifierSchema.optional(),
  version: tagSchema.optional(),
});
const reason = z.string().min(1).max(1_000);

const done = z.object({ done: z.string() });
/** What was made, and under which id it is shown and lifted. */
const madeFact = done.extend({ id: z.string() });
const rolloutCommand = z.object({
  deployment: slugSchema,
  environment: slugSchema,
  version: tagSchema.optional(),
  reason: reason.optional(),
});

export const operations = {
  'registry.apply': operation(
    'operator',
    'Apply YAML documents, all or nothing; with dryRun only show what would change.',
    z.object({
      files: z
        .array(z.object({ file: z.string().max(500), text: z.string().max(2_000_000) }))
        .min(1)
        .max(200),
      dryRun: z.boolean().default(false),
    }),
    z.object({
      changes: z.array(documentChangeSchema),
      warnings: z.array(z.string()),
      targets: z.object({ added: z.int(), removed: z.int() }),
      revision: z.int(),
    }),
  ),
  'registry.get': operation(
    'viewer',
    'One document as stored.',
    z.object({ kind: z.string(), name: z.string() }),
    z.object({ doc: jsonSchema }),
  ),
  'registry.list': operation(
    'viewer',
    'Documents of a kind; versions with a deployment, newest first.',
    z.object({ kind: z.string(), deployment: slugSchema.optional(), limit: z.int().min(1).max(10_000).default(200) }),
    z.object({ items: z.array(jsonSchema) }),
  ),
  'registry.variables': operation(
    'viewer',
    'The variables of a deployment at a release target: who gives each its value, and who would have.',
    z.object({ deployment: slugSchema, environment: slugSchema, resource: identifierSchema.optional() }),
    z.object({ deployment: z.string(), environment: z.string(), resource: z.string(), variables: z.array(variableViewSchema) }),
  ),
  'registry.publishVersion': operation(
    'operator',
    'Record a version; the same tag with the same payload is the same version.',
    z.object({ deployment: slugSchema, version: versionPayloadSchema }),
    z.object({ id: z.string(), tag: z.string(), sequence: z.int(), duplicate: z.boolean() }),
  ),
  'registry.setVersionStatus': operation(
    'operator',
    'Reject, pause or make ready a version.',
    z.object({
      deployment: slugSchema,
      tag: tagSchema,
      status: z.enum(['ready', 'failed', 'rejected', 'paused']),
      reason: reason.optional(),
    }),
    done,
  ),
  'registry.feed': operation('service', 'Inventory changes after a revision.', feedRequestSchema, feedReplySchema),
  'registry.inviteAgent': operation(
    'admin',
    'A one-time token with which an agent enrols.',
    z.object({ agent: slugSchema, pool: slugSchema, executors: z.array(slugSchema).min(1).max(50) }),
    z.object({ token: z.string(), expiresAt: z.number(), warnings: z.array(z.string()) }),
  ),
  'registry.revokeAgent': operation(
    'admin',
    'Revoke an agent: its connection drops and its credential is worth nothing.',
    z.object({ agent: slugSchema, reason: reason.optional() }),
    done,
  ),
  'registry.agents': operation(
    'viewer',
    'Enrolled agents.',
    z.object({}),
    z.object({
      agents: z.array(
        z.object({
          name: z.string(),
          pool: z.string(),
          executors: z.array(z.string()),
          enrolledAt: z.number(),
          revokedAt: z.number().optional(),
        }),
      ),
    }),
  ),

  'policy.explain': operation(
    'viewer',
    'Why a version may or may not go, by the evaluator that gates, at this moment.',
    names,
    z.object({
      decisions: z.array(
        z.object({
          decision: decisionSchema,
          running: z.array(
            z.object({ version: z.string(), count: z.int(), since: z.number().optional() }),
          ) /** What has become of its rollout there, when one began; it holds the targets that the rules would let go. */,
          rollout: rolloutStandingSchema.optional(),
          unblocks: z.array(z.string()),
          /** The same, to be read by programs, for each group that is not allowed. */
          unblock: z.array(unblockSchema).default([]),
          /** What shadow policies say; they never gate. */
          shadow: z.array(shadowSchema).default([]),
        }),
      ),
    }),
  ),
  'policy.simulate': operation(
    'viewer',
    'What a change of policies would change, for every place, version and target: today, or since some time ago.',
    simulateRequestSchema,
    simulateReplySchema,
  ),
  'policy.shadow': operation(
    'viewer',
    'Where shadow policies disagreed with the gate, and for how long.',
    shadowRequestSchema,
    shadowReplySchema,
  ),
  'policy.history': operation(
    'viewer',
    'What of a deployment went where, when, by whom and why, newest first.',
    historyRequestSchema,
    historyReplySchema,
  ),
  'policy.approve': operation(
    'approver',
    'Approve a version for an environment.',
    z.object({ deployment: slugSchema, environment: slugSchema, version: tagSchema, reason: reason.optional() }),
    z.object({ done: z.string(), verdict: z.string(), because: z.array(z.string()) }),
  ),
  'policy.reject': operation(
    'approver',
    'Reject a version for an environment: blocks until withdrawn.',
    z.object({ deployment: slugSchema, environment: slugSchema, version: tagSchema, reason }),
    z.object({ done: z.string(), verdict: z.string(), because: z.array(z.string()) }),
  ),
  'policy.withdraw': operation(
    'approver',
    'Take your own approval or rejection back.',
    z.object({ deployment: slugSchema, environment: slugSchema, version: tagSchema }),
    z.object({ done: z.string(), verdict: z.string(), because: z.array(z.string()) }),
  ),
  'policy.inbox': operation(
    'viewer',
    'What waits for a person before it may go: approvals, and rules that cannot be judged.',
    inboxRequestSchema,
    inboxReplySchema,
  ),
  'policy.decisions': operation(
    'viewer',
    'Latest decisions, by deployment and environment.',
    z.object({ deployment: slugSchema.optional(), environment: slugSchema.optional() }),
    z.object({ decisions: z.array(decisionSchema) }),
  ),

  'policy.freeze': operation(
    'operator',
    'Let nothing begin in a scope until a time; answered once nothing can (I11).',
    freezeRequestSchema,
    madeFact,
  ),
  'policy.liftFreeze': operation('operator', 'End a freeze before its time.', liftRequestSchema, done),
  'policy.freezes': operation('viewer', 'Freezes in force.', listFactsRequestSchema, z.object({ freezes: z.array(listedFreezeSchema) })),
  'policy.pin': operation(
    'operator',
    'Hold an environment or one target at a version, newer or older than what runs; the gates apply.',
    pinRequestSchema,
    madeFact,
  ),
  'policy.unpin': operation('operator', 'Take a pin away: what is newer may come again.', unpinRequestSchema, done),
  'policy.pins': operation('viewer', 'Pins in force.', listFactsRequestSchema, z.object({ pins: z.array(listedPinSchema) })),
  'policy.override': operation(
    'approver',
    'Skip a gate for a version in an environment or at a resource, until a time.',
    overrideRequestSchema,
    madeFact.extend({ verdict: z.string(), because: z.array(z.string()) }),
  ),
  'policy.liftOverride': operation('approver', 'End an override before its time.', liftRequestSchema, done),
  'policy.overrides': operation(
    'viewer',
    'Overrides in force.',
    listFactsRequestSchema,
    z.object({ overrides: z.array(listedOverrideSchema) }),
  ),

  'policy.standing': operation(
    'service',
    'Freezes and pins in force, with the number of the last change of any.',
    z.object({}),
    z.object({ facts: z.array(standingFactSchema), revision: z.int().min(0) }),
  ),

  'scheduler.takeStanding': operation(
    'service',
    'Take freezes and pins now; answered once nothing that they stop can start any more.',
    z.object({ facts: z.array(standingFactSchema).max(1_000) }),
    z.object({ taken: z.int() }),
  ),
  'scheduler.takeChanges': operation(
    'service',
    'Take the inventory up to a revision now; answered once nothing of the deployment that it stops can start any more.',
    z.object({ deployment: slugSchema, revision: z.int().min(0), changes: z.array(inventoryChangeSchema).max(1_000) }),
    z.object({ revision: z.int() }),
  ),
  'scheduler.takeDecisions': operation(
    'service',
    'Take decisions now; answered once nothing that they withdraw can start any more.',
    z.object({ decisions: z.array(numberedDecisionSchema).max(1_000) }),
    z.object({ taken: z.int() }),
  ),
  'scheduler.status': operation(
    'viewer',
    'What runs where.',
    z.object({ system: slugSchema.optional(), deployment: slugSchema.optional(), environment: slugSchema.optional() }),
    z.object({ cells: z.array(statusCellSchema) }),
  ),
  'scheduler.inbox': operation(
    'viewer',
    'What waits for a person once it went: waves, uncertain outcomes, what is halted or paused, acts elsewhere.',
    inboxRequestSchema,
    inboxReplySchema,
  ),
  'scheduler.rollouts': operation(
    'viewer',
    'Rollouts, newest first.',
    z.object({
      deployment: slugSchema.optional(),
      environment: slugSchema.optional(),
      id: z.string().optional(),
      limit: z.int().min(1).max(200).default(20),
      members: z.boolean().default(true),
    }),
    z.object({ rollouts: z.array(rolloutViewSchema) }),
  ),
  'scheduler.pause': operation('operator', 'Pause a rollout: nothing new begins.', rolloutCommand, done),
  'scheduler.resume': operation('operator', 'Resume a paused or halted rollout.', rolloutCommand, done),
  'scheduler.promote': operation(
    'operator',
    'Begin the next wave now, or all of them.',
    rolloutCommand.extend({ all: z.boolean().default(false) }),
    done,
  ),
  'scheduler.abort': operation('operator', 'End a rollout: what has begun finishes, the rest never begins.', rolloutCommand, done),
  'scheduler.retryFailed': operation('operator', 'Run the failed members of a rollout again.', rolloutCommand, done),
  'scheduler.exclude': operation(
    'operator',
    'Leave targets out of a rollout: what has not begun there never does.',
    rolloutCommand.extend({ resources: z.array(identifierSchema).min(1).max(1_000) }),
    done,
  ),
  'scheduler.rollback': operation(
    'operator',
    'Bring a target, every target of a rollout that took the version, or a whole environment back to its last verified version.',
    rolloutCommand.extend({ deployment: slugSchema.optional(), resource: identifierSchema.optional() }),
    done,
  ),
  'scheduler.releaseQuarantine': operation(
    'operator',
    'Let a quarantined version go to a target again.',
    rolloutCommand.extend({ version: tagSchema, resource: identifierSchema.optional() }),
    done,
  ),
  'scheduler.cancel': operation(
    'operator',
    'Cancel a job: its executor is told to stop.',
    z.object({ job: z.string(), reason: reason.optional() }),
    done,
  ),
  'scheduler.confirm': operation(
    'operator',
    'Say yes to what a running job asks (a plan, say); its agent goes on.',
    z.object({
      job: z.string(),
      /** The question that the person saw: refused when something else is asked by now. Without it, what is asked now. */
      question: z.string().max(100).optional(),
      reason: reason.optional(),
    }),
    done,
  ),
  'scheduler.resolve': operation(
    'operator',
    'Say what became of a job whose outcome is unknown.',
    z.object({ job: z.string(), as: z.enum(['succeeded', 'failed']), reason }),
    done,
  ),
  'scheduler.jobs': operation(
    'viewer',
    'Jobs, newest first.',
    z.object({
      deployment: slugSchema.optional(),
      environment: slugSchema.optional(),
      resource: identifierSchema.optional(),
      version: tagSchema.optional(),
      kind: z.enum(['deploy', 'shift', 'switch', 'retire', 'verify']).optional(),
      id: z.string().optional(),
      limit: z.int().min(1).max(10_000).default(50),
    }),
    z.object({ jobs: z.array(jobViewSchema) }),
  ),
  'scheduler.commandAgent': operation(
    'operator',
    'Let an agent take nothing new (drain before it goes away, pause for a while), or go on.',
    z.object({ agent: slugSchema, command: z.enum(['drain', 'pause', 'resume']), reason: reason.optional() }),
    done,
  ),
  'scheduler.agents': operation(
    'viewer',
    'Agents as last heard of.',
    z.object({}),
    z.object({ agents: z.array(z.looseObject({ agent: z.string(), pool: z.string(), state: z.string(), heardAt: z.number() })) }),
  ),
} as const;

export type OperationName = keyof typeof operations;
export type RequestOf<N extends OperationName> = z.input<(typeof operations)[N]['request']>;
export type ParsedRequestOf<N extends OperationName> = z.output<(typeof operations)[N]['request']>;
export type ReplyOf<N extends OperationName> = z.output<(typeof operations)[N]['reply']>;

/** Longest that anyone waits for a reply. */
export const REQUEST_TIMEOUT_MS = 10_000;
