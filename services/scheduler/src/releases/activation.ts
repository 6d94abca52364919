import {
  compileExpression,
  CelFailure,
  relationsOf,
  SlipwayError,
  type DeploymentDoc,
  type EnvironmentDoc,
  type Inventory,
  type Json,
  type JsonObject,
  type Version,
} from '@slipway/core';
import type { JobRow } from '../tables.js';

/** The documents that templates and metric conditions of a job see. A thing that was removed meanwhile is known by its name only. */
export function activationOf(
  inventory: Inventory,
  job: Pick<
    JobRow,
    | 'id'
    | 'kind'
    | 'attempt'
    | 'rollback'
    | 'weight'
    | 'slot'
    | 'releaseId'
    | 'deployment'
    | 'environment'
    | 'resource'
    | 'versionId'
    | 'version'
  >,
  variables: JsonObject,
): JsonObject {
  const { deployment, environment, resource } = job;
  const where = inventory.resources.get(resource);
  return {
    job: {
      ...{ id: job.id, action: job.kind, attempt: job.attempt, rollback: job.rollback, weight: job.weight ?? 100 },
      ...(job.slot === undefined ? {} : { slot: job.slot }),
    },
    release: { id: job.releaseId },
    version: plain(inventory.versions.byId(job.versionId) ?? { id: job.versionId, tag: job.version }),
    deployment: deploymentNames(inventory.deployments.get(deployment) ?? { name: deployment }),
    environment: plain(inventory.environments.get(environment) ?? { name: environment }),
    resource: plain(where ?? { identifier: resource }),
    variables,
    relations: where ? relationsOf(where, (identifier) => inventory.resources.get(identifier)) : {},
  };
}

/** Templates look at what a deployment is, not at its own templates. */
function deploymentNames(deployment: DeploymentDoc | { name: string }): JsonObject {
  if (!('system' in deployment)) return { name: deployment.name };
  const { name, system, description, metadata } = deployment;
  return { name, system, metadata, ...(description === undefined ? {} : { description }) };
}

/** Model documents are JSON; only their declared types do not say so. */
const plain = (doc: Version | EnvironmentDoc | object): JsonObject => doc as unknown as JsonObject;

/** Evaluate one CEL expression; throws SlipwayError `scheduler.expression.failed` when it has no value. */
export function evaluateCel(source: string, names: Record<string, unknown>): Json {
  const value = compileExpression(source).evaluate(names as JsonObject);
  if (value instanceof CelFailure)
    throw new SlipwayError({ code: 'scheduler.expression.failed', kind: 'invalid', message: `${source}: ${value.message}` });
  return value;
}
