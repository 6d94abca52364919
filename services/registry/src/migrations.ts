import type { MigrationStep } from '@slipway/persistence';

/** The history of the schema, oldest first, made by scripts/make-migration.mjs: a step that was released is never edited, a change is a new step. */
export const migrations: readonly MigrationStep[] = [
  {
    name: '0001_initial',
    sql: [
      'create table "agents" ("name" text collate "C" not null, "pool" text collate "C" not null, "executors" json not null, "public_key" text collate "C" not null, "curve_key" text collate "C" not null, "enrolled_at" timestamptz not null, "revoked_at" timestamptz, "revoked_because" text collate "C", primary key ("name"))',
      'create table "changes" ("revision" bigint not null, "at" timestamptz not null, "item" json not null, primary key ("revision"))',
      'create table "documents" ("kind" text collate "C" not null, "name" text collate "C" not null, "written" json not null, "doc" json not null, "revision" bigint not null, "changed_at" timestamptz not null, "changed_by" text collate "C" not null, "removed_at" timestamptz, primary key ("kind", "name"))',
      'create table "invitations" ("secret_hash" text collate "C" not null, "agent" text collate "C" not null, "pool" text collate "C" not null, "executors" json not null, "invited_by" text collate "C" not null, "expires_at" timestamptz not null, "used_at" timestamptz, "used_by" text collate "C", primary key ("secret_hash"))',
      'create table "targets" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "revision" bigint not null, primary key ("deployment", "environment", "resource"))',
      'create index "targets_resource" on "targets" ("resource")',
      'create table "versions" ("id" text collate "C" not null, "deployment" text collate "C" not null, "tag" text collate "C" not null, "sequence" integer not null, "version" json not null, "changed_at" timestamptz not null, primary key ("id"))',
      'create unique index "versions_tag" on "versions" ("deployment", "tag")',
      'create unique index "versions_sequence" on "versions" ("deployment", "sequence")',
    ],
  },
];
