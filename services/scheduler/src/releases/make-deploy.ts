import { createHash } from 'node:crypto';
import {
  createJob,
  renderTemplate,
  resolveVariables,
  SlipwayError,
  type ConcurrencyRule,
  type DeploymentDoc,
  type ExecutorSpec,
  type JsonObject,
  type Obligations,
  type ResourceDoc,
  type SequenceStep,
} from '@slipway/core';
import { slugSchema } from '@slipway/contracts';
import { jobEvent } from '../jobs/job-events.js';
import type { JobRow, ReleaseRow, Slot } from '../tables.js';
import { stableJson } from '../stable-json.js';
import type { Place, Work } from '../work.js';
import { activationOf, evaluateCel } from './activation.js';

export interface DeployOf {
  release: ReleaseRow;
  rolloutId?: string;
  ordinal?: number;
  obligations: Obligations;
  rollback: boolean;
  /** The job of the release that it restores: exactly what was rendered then goes again, instead of what the templates give now. */
  restores?: Pick<JobRow, 'id' | 'releaseId' | 'pool' | 'config'>;
  /** The executor's template of the release that it brings back; absent: what the deployment declares now. */
  template?: ExecutorSpec;
  /** Which job of a sequence it is; absent: the one `deploy` that is all. */
  step?: SequenceStep;
  /** Why it cannot be run at all, found before: the job is made all the same, `rejected`, so that the reason is on record. */
  problem?: string;
}

/** What a release gives to an executor, and where. */
export interface Rendered {
  pool: string;
  config: JobRow['config'];
}

/**
 * The `deploy` job of a release, or another one of its sequence, rendered, in state `queued`; whoever made it asks `admitJobs`. When a template has no value the job is
 * `rejected` with the reason and has ended (never an empty string in a config).
 */
export function makeDeploy(work: Work, of: DeployOf): JobRow {
  const { release, obligations } = of;
  const { deployment, environment, resource, versionId, version } = release;
  const id = work.world.ids.next();
  const { action: kind = 'deploy', weight, slot } = of.step ?? {};
  const names = {
    id,
    kind,
    ...(weight === undefined ? {} : { weight }),
    ...(slot === undefined ? {} : { slot }),
    attempt: 1,
    rollback: of.rollback,
    releaseId: release.id,
    deployment,
    environment,
    resource,
    versionId,
    version,
  } as const;
  const rendered =
    of.problem === undefined
      ? of.restores
        ? asItWas(of.restores, names)
        : render(work, names, release.variables, of.template)
      : { problem: of.problem };
  const template = of.template ?? work.inventory.deployments.get(deployment)?.executor;
  release.fingerprint ??= fingerprintOf(work, names, release.variables, rendered, of.template);
  if (template) release.template = keepTemplate(work, template);
  const ready = 'pool' in rendered;
  const { leaseMs } = work.world;
  const { pickupMs, runMs, silenceMs } = obligations.timeouts;
  const job = createJob(
    {
      ...names,
      ...(of.rolloutId === undefined ? {} : { rolloutId: of.rolloutId }),
      pool: ready ? rendered.pool : '',
      executor: (ready ? rendered.config.type : template?.type) ?? '',
      limits: { pickupMs, runMs, silenceMs, leaseMs },
      retry: obligations.retry,
    },
    work.now,
  );
  const row: JobRow = {
    ...job,
    ...(of.ordinal === undefined ? {} : { ordinal: of.ordinal }),
    config: ready ? rendered.config : { type: job.executor },
    occupies: false,
    slots: ready && !of.rollback && kind !== 'retire' ? slotsOf(work, obligations.concurrency, rendered.pool, release) : [],
  };
  if (!ready) {
    Object.assign(row, { state: 'rejected', message: rendered.problem, finishedAt: work.now, wakeAt: undefined } satisfies Partial<JobRow>);
    work.ended.push({ row, withdrawn: false });
    work.say(jobEvent(row, 'rejected', work.now));
  }
  return work.jobs.add(row);
}

const templateIds = new WeakMap<ExecutorSpec, string>();

/** Equal for templates that say the same. */
export function templateIdOf(executor: ExecutorSpec): string {
  let id = templateIds.get(executor);
  if (id === undefined) {
    id = createHash('sha256').update(stableJson(executor)).digest('hex').slice(0, 32);
    templateIds.set(executor, id);
  }
  return id;
}

/** The id under which this template is kept for the jobs and rollbacks to come. */
function keepTemplate(work: Work, executor: ExecutorSpec): string {
  const id = templateIdOf(executor);
  if (!work.world.templates.has(id)) work.templates.set(id, { id, executor });
  return id;
}

function render(
  work: Work,
  names: Parameters<typeof activationOf>[1],
  variables: JsonObject,
  template?: ExecutorSpec,
): Rendered | { problem: string } {
  const deployment = work.inventory.deployments.get(names.deployment);
  if (!deployment) return { problem: `deployment ${names.deployment} has been removed` };
  if (!work.inventory.resources.has(names.resource)) return { problem: `resource ${names.resource} has been removed` };
  const activation = activationOf(work.inventory, names, variables);
  try {
    const pool = renderTemplate(deployment.pool, activation);
    const slug = slugSchema.safeParse(pool);
    if (!slug.success)
      return {
        problem: `pool "${String(pool)}", from ${deployment.pool}, is no name of a pool: lower-case letters, digits and inner dashes`,
      };
    return { pool: slug.data, config: renderTemplate(template ?? deployment.executor, activation) as JobRow['config'] };
  } catch (error) {
    if (error instanceof SlipwayError) return { problem: error.message };
    throw error;
  }
}

/** What the earlier job was given, under the names of this one. */
function asItWas(earlier: NonNullable<DeployOf['restores']>, { id, releaseId }: Names): Rendered {
  const config = JSON.stringify(earlier.config).replaceAll(earlier.id, id).replaceAll(earlier.releaseId, releaseId);
  return { pool: earlier.pool, config: JSON.parse(config) as JobRow['config'] };
}

type Names = Parameters<typeof activationOf>[1];

/** What a new release of this version would be at this target now. */
export function fingerprintNow(work: Work, names: Place & { resource: string; versionId: string; version: string }): string {
  const { values, problem } = variablesAt(work, names);
  const neutral = { ...names, ...NOBODY };
  return fingerprintOf(work, neutral, values, problem === undefined ? render(work, neutral, values) : { problem });
}

const NOBODY = { id: '', releaseId: '', kind: 'deploy', attempt: 1, rollback: false, weight: 100, slot: 'blue' } as const;

/** Equal for releases that give the same to the same executor in the same pool; the ids of job and release, which always differ, are left out. */
function fingerprintOf(
  work: Work,
  names: Names,
  variables: JsonObject,
  rendered: Rendered | { problem: string },
  template?: ExecutorSpec,
): string {
  const deployment = work.inventory.deployments.get(names.deployment);
  const own = 'pool' in rendered && names.id !== '' && deployment !== undefined && namesItself(deployment, template);
  const told = own ? render(work, { ...names, ...NOBODY }, variables, template) : rendered;
  return createHash('sha256')
    .update(stableJson([names.versionId, variables, told]))
    .digest('hex')
    .slice(0, 32);
}

const NAMES_ITSELF = /\{\{[^]*\b(job|release)\b/;
const selfNaming = new WeakMap<ExecutorSpec, boolean>();

/** Whether its templates may write the job or the release into the config. */
function namesItself({ pool, executor }: DeploymentDoc, template: ExecutorSpec = executor): boolean {
  let names = selfNaming.get(template);
  if (names === undefined) {
    names = NAMES_ITSELF.test(JSON.stringify(template));
    selfNaming.set(template, names);
  }
  return names || NAMES_ITSELF.test(pool);
}

/** The variables of a deployment at a target, or why they have no values. */
export function variablesAt(
  { inventory }: Work,
  { deployment: name, environment: place, resource: identifier }: Place & { resource: string },
): { values: JsonObject; problem?: string } {
  const deployment = inventory.deployments.get(name);
  const environment = inventory.environments.get(place);
  const resource = inventory.resources.get(identifier);
  // What was removed has no variables; `render` says so.
  if (!deployment || !environment || !resource) return { values: {} };
  const lookup = (other: string): ResourceDoc | undefined => inventory.resources.get(other);
  const { values, problems } = resolveVariables({ deployment, environment, resource, lookup });
  return problems.length > 0 ? { values, problem: problems.map((found) => found.message).join('; ') } : { values };
}

/** The limits it counts against: one key per rule and what the rule counts by. */
function slotsOf(work: Work, rules: Obligations['concurrency'], pool: string, release: ReleaseRow): Slot[] {
  const resource = work.inventory.resources.get(release.resource);
  return rules.map((rule) => ({ key: `${rule.policy}/${countedBy(work, rule, pool, release, resource)}`, max: rule.max }));
}

function countedBy(work: Work, { per }: ConcurrencyRule, pool: string, release: ReleaseRow, resource: ResourceDoc | undefined): string {
  if (per === 'pool') return `pool/${pool}`;
  if (per === 'environment') return `environment/${release.environment}`;
  if (per === 'system') return `system/${work.inventory.environments.get(release.environment)?.system ?? ''}`;
  try {
    return `key/${JSON.stringify(evaluateCel(per.key, { resource }))}`;
  } catch (error) {
    // A resource without the label shares one limit with the others that lack it: stricter than none.
    if (error instanceof SlipwayError) return 'key/';
    throw error;
  }
}
