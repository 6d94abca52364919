import type { Ended } from '@slipway/contracts';
import type { ApprovalFact, FreezeFact, NumberedDecision, OverrideFact, PinFact, TargetFact, VersionOutcome } from '@slipway/core';
import { bigint, boolean, defineTable, instant, integer, inventoryTables, json, nullable, text } from '@slipway/persistence';
import type { Table } from '@slipway/persistence';
import type { HistoryBody } from './history/history-rows.js';
import type { ShadowSeen } from './shadow/shadow-changes.js';

type RowIn<T> = T extends Table<infer Row> ? Row : never;

/** What the scheduler last said of each release target. `revision` is the facts' head when the row was written, so that copies can read what is new. */
export const targetFactTable = defineTable(
  'target_fact',
  {
    deployment: text(),
    environment: text(),
    resource: text(),
    sequence: bigint(),
    revision: bigint(),
    startedAt: nullable(instant()),
    running: nullable(json<NonNullable<TargetFact['running']>>()),
    outcomes: json<Record<string, VersionOutcome>>(),
    quarantined: json<string[]>(),
  },
  { key: ['deployment', 'environment', 'resource'], indexes: [{ name: 'target_fact_revision', columns: ['revision'] }] },
);
export type TargetFactRow = RowIn<typeof targetFactTable>;

/** One row: how many batches of facts were committed. Writers take the lock of its name, so revisions appear in order. */
export const headTable = defineTable('head', { name: text(), revision: bigint() }, { key: ['name'] });

/** Each person's standing word on a version in an environment; the events keep the history. */
export const approvalTable = defineTable(
  'approval',
  {
    deployment: text(),
    environment: text(),
    versionId: text(),
    by: text(),
    groups: json<string[]>(),
    verdict: text<ApprovalFact['verdict']>(),
    at: instant(),
    reason: nullable(text()),
  },
  { key: ['deployment', 'environment', 'versionId', 'by'] },
);

export type ApprovalRow = RowIn<typeof approvalTable>;

export type PeopleFactKind = 'freeze' | 'pin' | 'override';

/** Freezes, pins and overrides. What has ended stays, so that it can be told; nothing of a fact changes but its end. */
export const peopleFactTable = defineTable(
  'people_fact',
  {
    id: text(),
    kind: text<PeopleFactKind>(),
    /** Of its last change, in the one order of all of them. */
    revision: bigint(),
    fact: json<FreezeFact | PinFact | OverrideFact>(),
    /** Of the version that it names. */
    tag: nullable(text()),
    expiresAt: nullable(instant()),
    endedAt: nullable(instant()),
    ended: nullable(json<Ended>()),
  },
  { key: ['id'], indexes: [{ name: 'people_fact_in_force', columns: ['endedAt', 'expiresAt'] }] },
);
export type PeopleFactRow = RowIn<typeof peopleFactTable>;

/** The open decisions: what was last published of each version that still is a candidate. */
export const decisionTable = defineTable(
  'decision',
  {
    deployment: text(),
    environment: text(),
    versionId: text(),
    /** The version's place in its deployment's order, for lists. */
    sequence: bigint(),
    number: bigint(),
    body: json<NumberedDecision>(),
  },
  { key: ['deployment', 'environment', 'versionId'] },
);

/** What a pair remembers of an open decision, enough to see that nothing changed without reading it. */
export interface OpenDecision {
  versionId: string;
  number: number;
  /** Hash of all that makes a decision different from another: not of its time and number. */
  digest: string;
  inventoryRevision: number;
  /** At least one group is allowed: jobs may rest on it, so it is judged as long as its version is a candidate. */
  allows: boolean;
}

/** One (deployment, environment): its open decisions, what could change them, and when time alone does. */
export const pairTable = defineTable(
  'pair',
  {
    deployment: text(),
    environment: text(),
    /** Counts the decisions published for this pair; numbers are never used twice. */
    counter: bigint(),
    open: json<OpenDecision[]>(),
    /** Every target had an allowed version when it was last judged, so older candidates were not looked at. */
    covered: boolean(),
    /** Kinds of rules that the open decisions rest on: a fact that none of them reads changes nothing here. */
    restsOn: json<string[]>(),
    /** Disagreements of shadow policies that were told and last. */
    shadows: nullable(json<ShadowSeen[]>()),
    reevaluateAt: nullable(instant()),
  },
  { key: ['deployment', 'environment'], indexes: [{ name: 'pair_reevaluate', columns: ['reevaluateAt'] }] },
);
export type PairRow = RowIn<typeof pairTable>;

/**
 * Pairs that something concerned and that were not judged since. Written in the transaction of the change, removed in that of the
 * decision when `stamp` is still the same: a change that comes while a decision is being made leaves the pair marked.
 */
export const dirtyTable = defineTable(
  'dirty',
  {
    deployment: text(),
    environment: text(),
    stamp: text(),
    /** 1: look whether the candidates changed; 2: judge again. */
    level: integer(),
    /** Not before this time: set back when judging threw. */
    at: instant(),
  },
  { key: ['deployment', 'environment'], indexes: [{ name: 'dirty_at', columns: ['at'] }] },
);

/**
 * What was, for `history`, `simulate` and `shadow`: only ever added to, and forgotten when it is too old. Freezes, pins and overrides are not
 * here: their own table keeps those that have ended.
 */
export const historyTable = defineTable(
  'history',
  {
    id: text(),
    /** When this service learnt of it: from then on the gate knew. */
    at: instant(),
    kind: text<HistoryBody['kind']>(),
    deployment: text(),
    environment: nullable(text()),
    body: json<HistoryBody>(),
  },
  {
    key: ['id'],
    indexes: [
      { name: 'history_by_deployment', columns: ['deployment', 'at'] },
      { name: 'history_by_time', columns: ['kind', 'at'] },
    ],
  },
);
export type HistoryRow = RowIn<typeof historyTable>;

/** All tables of the service's schema. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a list of tables of different rows
export const tables: Table<any>[] = [
  ...inventoryTables,
  headTable,
  targetFactTable,
  approvalTable,
  peopleFactTable,
  decisionTable,
  pairTable,
  dirtyTable,
  historyTable,
];
