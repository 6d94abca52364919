import type { MigrationStep } from '@slipway/persistence';

/** The history of the schema, oldest first, made by scripts/make-migration.mjs: a step that was released is never edited, a change is a new step. */
export const migrations: readonly MigrationStep[] = [
  {
    name: '0001_initial',
    sql: [
      'create table "approval" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "version_id" text collate "C" not null, "by" text collate "C" not null, "groups" json not null, "verdict" text collate "C" not null, "at" timestamptz not null, "reason" text collate "C", primary key ("deployment", "environment", "version_id", "by"))',
      'create table "decision" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "version_id" text collate "C" not null, "sequence" bigint not null, "number" bigint not null, "body" json not null, primary key ("deployment", "environment", "version_id"))',
      'create table "dirty" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "stamp" text collate "C" not null, "level" integer not null, "at" timestamptz not null, primary key ("deployment", "environment"))',
      'create index "dirty_at" on "dirty" ("at")',
      'create table "head" ("name" text collate "C" not null, "revision" bigint not null, primary key ("name"))',
      'create table "inventory_items" ("kind" text collate "C" not null, "name" text collate "C" not null, "revision" bigint not null, "doc" json, primary key ("kind", "name"))',
      'create index "inventory_items_by_revision" on "inventory_items" ("revision")',
      'create table "inventory_progress" ("name" text collate "C" not null, "revision" bigint not null, primary key ("name"))',
      'create table "inventory_targets" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "revision" bigint not null, "present" boolean not null, primary key ("deployment", "environment", "resource"))',
      'create index "inventory_targets_by_revision" on "inventory_targets" ("revision")',
      'create table "pair" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "counter" bigint not null, "open" json not null, "covered" boolean not null, "rests_on" json not null, "reevaluate_at" timestamptz, primary key ("deployment", "environment"))',
      'create index "pair_reevaluate" on "pair" ("reevaluate_at")',
      'create table "target_fact" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "sequence" bigint not null, "revision" bigint not null, "started_at" timestamptz, "running" json, "outcomes" json not null, "quarantined" json not null, primary key ("deployment", "environment", "resource"))',
      'create index "target_fact_revision" on "target_fact" ("revision")',
    ],
  },
  {
    name: '0002_facts_of_people',
    sql: [
      'create table "people_fact" ("id" text collate "C" not null, "kind" text collate "C" not null, "revision" bigint not null, "fact" json not null, "tag" text collate "C", "expires_at" timestamptz, "ended_at" timestamptz, "ended" json, primary key ("id"))',
      'create index "people_fact_in_force" on "people_fact" ("ended_at", "expires_at")',
    ],
  },
  {
    name: '0003_history',
    sql: [
      'create table "history" ("id" text collate "C" not null, "at" timestamptz not null, "kind" text collate "C" not null, "deployment" text collate "C" not null, "environment" text collate "C", "body" json not null, primary key ("id"))',
      'create index "history_by_deployment" on "history" ("deployment", "at")',
      'create index "history_by_time" on "history" ("kind", "at")',
      'alter table "pair" add column "shadows" json',
    ],
  },
];
