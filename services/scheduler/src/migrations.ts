import type { MigrationStep } from '@slipway/persistence';

/** The history of the schema, oldest first, made by scripts/make-migration.mjs: a step that was released is never edited, a change is a new step. */
export const migrations: readonly MigrationStep[] = [
  {
    name: '0001_initial',
    sql: [
      'create table "agent" ("agent" text collate "C" not null, "pool" text collate "C" not null, "state" text collate "C" not null, "version" text collate "C" not null, "labels" json not null, "executors" json not null, "capacity" integer not null, "jobs" integer not null, "heard_at" timestamptz not null, primary key ("agent"))',
      'create table "decision" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "version_id" text collate "C" not null, "version" text collate "C" not null, "number" integer not null, "verdict" text collate "C" not null, "decision" json not null, primary key ("deployment", "environment", "version_id"))',
      'create table "inventory_items" ("kind" text collate "C" not null, "name" text collate "C" not null, "revision" bigint not null, "doc" json, primary key ("kind", "name"))',
      'create index "inventory_items_by_revision" on "inventory_items" ("revision")',
      'create table "inventory_progress" ("name" text collate "C" not null, "revision" bigint not null, primary key ("name"))',
      'create table "inventory_targets" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "revision" bigint not null, "present" boolean not null, primary key ("deployment", "environment", "resource"))',
      'create index "inventory_targets_by_revision" on "inventory_targets" ("revision")',
      'create table "job" ("id" text collate "C" not null, "kind" text collate "C" not null, "release_id" text collate "C" not null, "rollout_id" text collate "C", "ordinal" integer, "deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "version_id" text collate "C" not null, "version" text collate "C" not null, "rollback" boolean not null, "pool" text collate "C" not null, "executor" text collate "C" not null, "state" text collate "C" not null, "attempt" integer not null, "attempts_max" integer not null, "epoch" integer not null, "report_n" integer not null, "agent" text collate "C", "lease_until" timestamptz, "lapses" integer not null, "observe_first" boolean, "limits" json not null, "queued_at" timestamptz not null, "dispatched_at" timestamptz, "claimed_at" timestamptz, "started_at" timestamptz, "finished_at" timestamptz, "heard_at" timestamptz, "cancel_asked_at" timestamptz, "cancel_as" text collate "C", "pickup_until" timestamptz, "run_until" timestamptz, "cancel_until" timestamptz, "wake_at" timestamptz, "percent" double precision, "step" text collate "C", "message" text collate "C", "links" json not null, "outputs" json not null, "config" json not null, "metrics" json, "retry" json not null, "occupies" boolean not null, "held" text collate "C", "held_because" text collate "C", "slots" json not null, "verdict" text collate "C", "verdict_sentence" text collate "C", primary key ("id"))',
      'create unique index "job_one_per_target" on "job" ("deployment", "environment", "resource") where occupies',
      'create index "job_due" on "job" ("wake_at") where wake_at is not null',
      'create index "job_held" on "job" ("deployment", "environment") where held is not null',
      'create index "job_by_target" on "job" ("deployment", "environment", "queued_at")',
      'create index "job_by_rollout" on "job" ("rollout_id")',
      'create index "job_by_release" on "job" ("release_id")',
      'create table "measurement" ("job_id" text collate "C" not null, "metric" text collate "C" not null, "index" integer not null, "result" text collate "C" not null, "at" timestamptz not null, "value" json, "message" text collate "C", primary key ("job_id", "metric", "index"))',
      'create table "quarantine" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "version_id" text collate "C" not null, "version" text collate "C" not null, "because" text collate "C" not null, "at" timestamptz not null, primary key ("deployment", "environment", "resource", "version_id"))',
      'create table "release" ("id" text collate "C" not null, "deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "version_id" text collate "C" not null, "version" text collate "C" not null, "version_sequence" integer not null, "rollout_id" text collate "C", "restores" text collate "C", "takes_back" json, "variables" json not null, "state" text collate "C" not null, "verified" boolean not null, "created_at" timestamptz not null, "finished_at" timestamptz, "because" text collate "C", primary key ("id"))',
      'create index "release_by_target" on "release" ("deployment", "environment", "resource", "created_at")',
      'create table "rollout" ("id" text collate "C" not null, "deployment" text collate "C" not null, "environment" text collate "C" not null, "version_id" text collate "C" not null, "version" text collate "C" not null, "version_sequence" integer not null, "state" text collate "C" not null, "plan" json not null, "plan_size" integer not null, "obligations" json not null, "obligations_key" text collate "C" not null, "members" text collate "C" not null, "wave" integer not null, "wave_done_at" timestamptz, "last_start_at" timestamptz, "promoted" text collate "C", "forgiven" integer not null, "ending" json, "because" text collate "C", "created_at" timestamptz not null, "started_at" timestamptz, "finished_at" timestamptz, "wake_at" timestamptz, "generation" integer not null, "backlog" json not null, "withdrawn" boolean not null, primary key ("id"))',
      'create index "rollout_by_place" on "rollout" ("deployment", "environment", "created_at")',
      'create index "rollout_due" on "rollout" ("wake_at") where wake_at is not null',
      'create table "slot" ("key" text collate "C" not null, "job_id" text collate "C" not null, primary key ("key", "job_id"))',
      'create index "slot_by_job" on "slot" ("job_id")',
      'create table "target" ("deployment" text collate "C" not null, "environment" text collate "C" not null, "resource" text collate "C" not null, "sequence" integer not null, "release_id" text collate "C", "version_id" text collate "C", "version" text collate "C", "version_sequence" integer, "verified" boolean not null, "since" timestamptz, "started_at" timestamptz, "halted" text collate "C", primary key ("deployment", "environment", "resource"))',
      'create index "target_by_version" on "target" ("version_id")',
    ],
  },
  {
    name: '0002_enrolments',
    sql: [
      'create table "enrolment" ("agent" text collate "C" not null, "pool" text collate "C" not null, "at" timestamptz not null, primary key ("agent"))',
    ],
  },
  {
    name: '0003_renewals',
    sql: [
      'alter table "release" add column "fingerprint" text collate "C", add column "revision" bigint, add column "renewal" boolean',
      'alter table "rollout" add column "renewal" boolean',
      'alter table "target" add column "fingerprint" text collate "C", add column "revision" bigint, add column "wanted" text collate "C", add column "wanted_revision" bigint',
    ],
  },
  {
    name: '0004_held_since',
    sql: ['drop index "job_held"', 'CREATE INDEX job_held_since ON job USING btree (held, queued_at) WHERE (held IS NOT NULL)'],
  },
  {
    name: '0005_executor_templates',
    sql: [
      'alter table "release" add column "template" text collate "C"',
      'create table "template" ("id" text collate "C" not null, "executor" json not null, primary key ("id"))',
    ],
  },
  {
    name: '0006_within_target',
    sql: [
      'alter table "job" add column "weight" integer',
      'alter table "job" add column "slot" text collate "C"',
      'alter table "job" add column "not_before" timestamp with time zone',
      'alter table "release" add column "sequence" json',
      'alter table "rollout" add column "pinned" boolean',
      'create table "standing" ("id" text collate "C" not null, "kind" text collate "C" not null, "revision" bigint not null, "fact" json not null, "expires_at" timestamptz, "ended_at" timestamptz, primary key ("id"))',
      'create index "standing_in_force" on "standing" ("ended_at", "expires_at")',
      'alter table "target" add column "slot" text collate "C"',
      'alter table "target" add column "leftover" text collate "C"',
    ],
  },
  {
    name: '0007_inbox',
    sql: [
      "CREATE INDEX job_unjudged ON job USING btree (finished_at) WHERE (verdict = ANY (ARRAY['inconclusive'::text, 'error'::text]))",
      'alter table "rollout" add column "state_at" timestamp with time zone',
    ],
  },
  {
    name: '0008_agent_orders',
    sql: [
      'create table "agent_order" ("agent" text collate "C" not null, "command" text collate "C" not null, "by" text collate "C" not null, "reason" text collate "C", "at" timestamptz not null, primary key ("agent"))',
    ],
  },
  {
    name: '0009_held_at_place',
    sql: ['CREATE INDEX job_held_at_place ON job USING btree (deployment, environment, queued_at, id) WHERE (held IS NOT NULL)'],
  },
  {
    name: '0010_job_confirmation',
    sql: ['alter table "job" add column "asked" json', 'alter table "job" add column "confirmation" json'],
  },
];
