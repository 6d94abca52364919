import type { InventoryKind } from '@slipway/contracts';
import type { InventoryItem, Json, Version } from '@slipway/core';
import { defineTable, instant, bigint, integer, json, nullable, text, type Table } from '@slipway/persistence';

/** The row of a table. */
type Row<T> = T extends Table<infer R> ? R : never;

/** The latest form of every document; a removed one keeps its last form and gets `removedAt`. Its history is in `changes`. */
export const documents = defineTable(
  'documents',
  {
    kind: text<InventoryKind>(),
    name: text(),
    /** As applied: metric templates still named. */
    written: json<Json>(),
    /** As the feed carries it: templates filled in. */
    doc: json<Json>(),
    revision: bigint(),
    changedAt: instant(),
    changedBy: text(),
    removedAt: nullable(instant()),
  },
  { key: ['kind', 'name'] },
);
export type DocumentRow = Row<typeof documents>;

/** The feed: every change of the inventory, numbered without gaps, for ever. */
export const changes = defineTable('changes', { revision: bigint(), at: instant(), item: json<InventoryItem>() }, { key: ['revision'] });

/** Release targets as last computed. */
export const targets = defineTable(
  'targets',
  { deployment: text(), environment: text(), resource: text(), revision: bigint() },
  { key: ['deployment', 'environment', 'resource'], indexes: [{ name: 'targets_resource', columns: ['resource'] }] },
);
export type TargetRow = Row<typeof targets>;

export const versions = defineTable(
  'versions',
  { id: text(), deployment: text(), tag: text(), sequence: integer(), version: json<Version>(), changedAt: instant() },
  {
    key: ['id'],
    indexes: [
      { name: 'versions_tag', columns: ['deployment', 'tag'], unique: true },
      { name: 'versions_sequence', columns: ['deployment', 'sequence'], unique: true },
    ],
  },
);
export type VersionRow = Row<typeof versions>;

export const agents = defineTable(
  'agents',
  {
    name: text(),
    pool: text(),
    executors: json<string[]>(),
    publicKey: text(),
    curveKey: text(),
    enrolledAt: instant(),
    revokedAt: nullable(instant()),
    revokedBecause: nullable(text()),
  },
  { key: ['name'] },
);
export type AgentRow = Row<typeof agents>;

/** One-time tokens; of the secret only the hash is kept. */
export const invitations = defineTable(
  'invitations',
  {
    secretHash: text(),
    agent: text(),
    pool: text(),
    executors: json<string[]>(),
    invitedBy: text(),
    expiresAt: instant(),
    usedAt: nullable(instant()),
    /** The key that used it: the same agent may ask again when the answer got lost. */
    usedBy: nullable(text()),
  },
  { key: ['secretHash'] },
);
export type InvitationRow = Row<typeof invitations>;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a list of tables of different rows
export const tables: Table<any>[] = [documents, changes, targets, versions, agents, invitations];
