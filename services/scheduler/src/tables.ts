import type {
  Asked,
  Confirmation,
  FreezeFact,
  ExecutorSpec,
  Json,
  JobKind,
  JobLimits,
  JobState,
  JsonObject,
  MeasurementResult,
  MetricSpec,
  NumberedDecision,
  Obligations,
  PinFact,
  RetrySpec,
  Rollout,
  RolloutPlan,
  RolloutState,
  SlotName,
  VerificationVerdict,
  Verdict,
} from '@slipway/core';
import {
  bigint,
  boolean,
  defineTable,
  double,
  instant,
  integer,
  inventoryTables,
  json,
  nullable,
  text,
  type Table,
} from '@slipway/persistence';
import type { ReleaseSequence } from './sequences/release-sequence.js';

/*
 * What the scheduler owns. Everything of one place (a deployment in an environment) is changed under the lock
 * `place:<deployment>/<environment>` (work.ts); the unique indexes are the net below that.
 */

type RowIn<T> = T extends Table<infer Row> ? Row : never;

const place = { deployment: text(), environment: text() };
const target = { ...place, resource: text() };

/** What runs at a release target. Written when something began or ended there, never at dispatch. */
export const targetTable = defineTable(
  'target',
  {
    ...target,
    /** Number of the last ReleaseEvent about it. */
    sequence: integer(),
    releaseId: nullable(text()),
    versionId: nullable(text()),
    version: nullable(text()),
    /** Position of the running version in its deployment's order: automation only goes up from here (I8). */
    versionSequence: nullable(integer()),
    verified: boolean(),
    since: nullable(instant()),
    /** When the last deployment there began. */
    startedAt: nullable(instant()),
    /** Of the release that runs there: what would be released now is compared with it. */
    fingerprint: nullable(text()),
    /** Inventory revision up to which what runs is known to be what would be released. */
    revision: nullable(bigint()),
    /** Fingerprint of the last other release of the running version that was to come there: whatever became of it, it is not begun again by itself (I9). */
    wanted: nullable(text()),
    /** … and the inventory revision it was made of. */
    wantedRevision: nullable(bigint()),
    /** Of two slots (`blueGreen`) the one that serves. */
    slot: nullable(text<SlotName>()),
    /** What could not be cleaned up there, for people to see. */
    leftover: nullable(text()),
    /** Why automation gave up on bringing it back: no verified release to go to, or the rollback failed. */
    halted: nullable(text()),
  },
  { key: ['deployment', 'environment', 'resource'], indexes: [{ name: 'target_by_version', columns: ['versionId'] }] },
);
export type TargetRow = RowIn<typeof targetTable>;

export type ReleaseState = 'pending' | 'succeeded' | 'failed' | 'rolledBack' | 'cancelled';

/** One version with one resolved set of variables for one target; what it is never changes, what became of it is added. */
export const releaseTable = defineTable(
  'release',
  {
    id: text(),
    ...target,
    versionId: text(),
    version: text(),
    versionSequence: integer(),
    rolloutId: nullable(text()),
    /** Set when it brings an earlier release back. */
    restores: nullable(text()),
    /** … and which version it takes back for that. */
    takesBack: nullable(json<{ versionId: string; version: string }>()),
    variables: json<JsonObject>(),
    /** The executor's template that it was made of: a rollback to it renders this one, whatever the deployment says by then. */
    template: nullable(text()),
    sequence: nullable(json<ReleaseSequence>()),
    /** Hash of version, variables, pool and executor config. */
    fingerprint: nullable(text()),
    /** Inventory revision that it was made of. */
    revision: nullable(bigint()),
    /** Made anew of the version that ran there, because its variables or config had changed. */
    renewal: nullable(boolean()),
    state: text<ReleaseState>(),
    /** It succeeded, and passed its verification where it has one: a rollback may land on it (I9). */
    verified: boolean(),
    createdAt: instant(),
    finishedAt: nullable(instant()),
    because: nullable(text()),
  },
  { key: ['id'], indexes: [{ name: 'release_by_target', columns: ['deployment', 'environment', 'resource', 'createdAt'] }] },
);
export type ReleaseRow = RowIn<typeof releaseTable>;

/** Executors as deployments declared them, by their hash: few, and kept once for all releases that were made of them. */
export const templateTable = defineTable('template', { id: text(), executor: json<ExecutorSpec>() }, { key: ['id'] });
export type TemplateRow = RowIn<typeof templateTable>;

/** Why a queued job is not offered to agents: another job has its target, a gate stops it, a limit is reached, the step before it holds, its rollout is paused. */
export type Held = 'busy' | 'gate' | 'concurrency' | 'hold' | 'paused';

export interface Slot {
  key: string;
  max: number;
}

export const jobTable = defineTable(
  'job',
  {
    id: text(),
    kind: text<JobKind>(),
    releaseId: text(),
    rolloutId: nullable(text()),
    /** Its member's position in the rollout. */
    ordinal: nullable(integer()),
    ...target,
    versionId: text(),
    version: text(),
    rollback: boolean(),
    /** In a sequence: percent of the traffic that the version has once it is done. */
    weight: nullable(integer()),
    /** … and the slot that it is about. */
    slot: nullable(text<SlotName>()),
    /** … and the time before which it is not offered. */
    notBefore: nullable(instant()),
    pool: text(),
    executor: text(),
    state: text<JobState>(),
    attempt: integer(),
    attemptsMax: integer(),
    epoch: integer(),
    reportN: integer(),
    agent: nullable(text()),
    leaseUntil: nullable(instant()),
    lapses: integer(),
    observeFirst: nullable(boolean()),
    limits: json<JobLimits>(),
    queuedAt: instant(),
    dispatchedAt: nullable(instant()),
    claimedAt: nullable(instant()),
    startedAt: nullable(instant()),
    finishedAt: nullable(instant()),
    heardAt: nullable(instant()),
    cancelAskedAt: nullable(instant()),
    cancelAs: nullable(text<'cancelled' | 'timedOut'>()),
    asked: nullable(json<Asked>()),
    confirmation: nullable(json<Confirmation>()),
    pickupUntil: nullable(instant()),
    runUntil: nullable(instant()),
    cancelUntil: nullable(instant()),
    wakeAt: nullable(instant()),
    percent: nullable(double()),
    step: nullable(text()),
    message: nullable(text()),
    links: json<Record<string, string>>(),
    outputs: json<JsonObject>(),
    /** Executor config, rendered. */
    config: json<JsonObject & { type: string }>(),
    /** For `verify` jobs: metrics, rendered but for what stands over `result`. */
    metrics: nullable(json<MetricSpec[]>()),
    retry: json<RetrySpec>(),
    /** It has its target: at most one job per target does (I1). From when it is offered to agents until it is over, or held back again. */
    occupies: boolean(),
    held: nullable(text<Held>()),
    heldBecause: nullable(text()),
    slots: json<Slot[]>(),
    /** What core's `judge` made of a verification job's measurements, and the sentence of it. */
    verdict: nullable(text<VerificationVerdict>()),
    verdictSentence: nullable(text()),
  },
  {
    key: ['id'],
    indexes: [
      {
        name: 'job_one_per_target',
        columns: ['deployment', 'environment', 'resource'],
        unique: true,
        where: { sql: 'occupies', holds: (row) => row.occupies },
      },
      { name: 'job_due', columns: ['wakeAt'], where: { sql: 'wake_at is not null', holds: (row) => row.wakeAt !== undefined } },
      {
        // Asked after every job that ends; without it the whole place would be read for the few that are held there.
        name: 'job_held_at_place',
        columns: ['deployment', 'environment', 'queuedAt', 'id'],
        where: { sql: 'held is not null', holds: (row) => row.held !== undefined },
      },
      {
        // In the order in which they are asked again; small, since few jobs are held at a time.
        name: 'job_held_since',
        columns: ['held', 'queuedAt'],
        where: { sql: 'held is not null', holds: (row) => row.held !== undefined },
      },
      { name: 'job_by_target', columns: ['deployment', 'environment', 'queuedAt'] },
      { name: 'job_by_rollout', columns: ['rolloutId'] },
      { name: 'job_by_release', columns: ['releaseId'] },
      {
        // Verifications that came to no verdict and of which nobody has said what they are.
        name: 'job_unjudged',
        columns: ['finishedAt'],
        where: { sql: "verdict in ('inconclusive', 'error')", holds: (row) => row.verdict === 'inconclusive' || row.verdict === 'error' },
      },
    ],
  },
);
export type JobRow = RowIn<typeof jobTable>;

export const rolloutTable = defineTable(
  'rollout',
  {
    id: text(),
    ...place,
    versionId: text(),
    version: text(),
    versionSequence: integer(),
    state: text<RolloutState>(),
    plan: json<RolloutPlan>(),
    /** How many members the plan had when it was written last: tells a cached plan from a stale one. */
    planSize: integer(),
    obligations: json<Obligations>(),
    /** Hash of the obligations: targets with other ones go in a rollout of their own. */
    obligationsKey: text(),
    members: text(),
    wave: integer(),
    waveDoneAt: nullable(instant()),
    lastStartAt: nullable(instant()),
    promoted: nullable(text<'wave' | 'all'>()),
    forgiven: integer(),
    ending: nullable(json<NonNullable<Rollout['ending']>>()),
    because: nullable(text()),
    createdAt: instant(),
    startedAt: nullable(instant()),
    finishedAt: nullable(instant()),
    wakeAt: nullable(instant()),
    generation: integer(),
    /** Members begun in the plan whose jobs are still to be written: a large dispatch goes in batches. */
    backlog: json<number[]>(),
    /** Its members run the version already: it brings them changed variables or config. */
    renewal: nullable(boolean()),
    /** Its members go there because of a pin, newer or older than what they run, and only as long as that stands. */
    pinned: nullable(boolean()),
    /** It ended before anything began because the gate closed: its targets may go again by themselves. */
    withdrawn: boolean(),
    /** Since when it is as its state and its reason say. */
    stateAt: nullable(instant()),
  },
  {
    key: ['id'],
    indexes: [
      { name: 'rollout_by_place', columns: ['deployment', 'environment', 'createdAt'] },
      { name: 'rollout_due', columns: ['wakeAt'], where: { sql: 'wake_at is not null', holds: (row) => row.wakeAt !== undefined } },
    ],
  },
);
export type RolloutRow = RowIn<typeof rolloutTable>;

/** The newest decision on each version at each place. */
export const decisionTable = defineTable(
  'decision',
  {
    ...place,
    versionId: text(),
    version: text(),
    number: integer(),
    verdict: text<Verdict>(),
    decision: json<NumberedDecision>(),
  },
  { key: ['deployment', 'environment', 'versionId'] },
);
export type DecisionRow = RowIn<typeof decisionTable>;

/** Freezes and pins, as the policy service told them last: each start is asked here too (I11). */
export const standingTable = defineTable(
  'standing',
  {
    id: text(),
    kind: text<'freeze' | 'pin'>(),
    /** Number of its last change: an older word of it changes nothing. */
    revision: bigint(),
    fact: json<FreezeFact | PinFact>(),
    expiresAt: nullable(instant()),
    endedAt: nullable(instant()),
  },
  { key: ['id'], indexes: [{ name: 'standing_in_force', columns: ['endedAt', 'expiresAt'] }] },
);
export type StandingRow = RowIn<typeof standingTable>;

/** A version that was rolled back from a target does not return there by itself. */
export const quarantineTable = defineTable(
  'quarantine',
  { ...target, versionId: text(), version: text(), because: text(), at: instant() },
  { key: ['deployment', 'environment', 'resource', 'versionId'] },
);
export type QuarantineRow = RowIn<typeof quarantineTable>;

/** What was measured, one by one; a measurement that is there already is left as it is. */
export const measurementTable = defineTable(
  'measurement',
  {
    jobId: text(),
    metric: text(),
    index: integer(),
    result: text<MeasurementResult>(),
    at: instant(),
    value: nullable(json<Json>()),
    message: nullable(text()),
  },
  { key: ['jobId', 'metric', 'index'] },
);
export type MeasurementRow = RowIn<typeof measurementTable>;

/** Jobs that count against a concurrency limit now. */
export const slotTable = defineTable(
  'slot',
  { key: text(), jobId: text() },
  { key: ['key', 'jobId'], indexes: [{ name: 'slot_by_job', columns: ['jobId'] }] },
);
export type SlotRow = RowIn<typeof slotTable>;

/** Agents as last heard of. */
export const agentTable = defineTable(
  'agent',
  {
    agent: text(),
    pool: text(),
    state: text<'online' | 'draining' | 'paused'>(),
    version: text(),
    labels: json<Record<string, string>>(),
    executors: json<string[]>(),
    capacity: integer(),
    jobs: integer(),
    heardAt: instant(),
  },
  { key: ['agent'] },
);
export type AgentRow = RowIn<typeof agentTable>;

/** The pool for which the registry enrolled an agent. */
export const enrolmentTable = defineTable('enrolment', { agent: text(), pool: text(), at: instant() }, { key: ['agent'] });

/** What people want of an agent besides going on; none when it is to go on. */
export const agentOrderTable = defineTable(
  'agent_order',
  { agent: text(), command: text<'drain' | 'pause'>(), by: text(), reason: nullable(text()), at: instant() },
  { key: ['agent'] },
);
export type AgentOrderRow = RowIn<typeof agentOrderTable>;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tables of different rows in one list
export const tables: Table<any>[] = [
  targetTable,
  releaseTable,
  templateTable,
  jobTable,
  rolloutTable,
  decisionTable,
  standingTable,
  quarantineTable,
  measurementTable,
  slotTable,
  agentTable,
  enrolmentTable,
  agentOrderTable,
  ...inventoryTables,
];
