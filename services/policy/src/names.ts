import { didYouMean } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { DeploymentDoc, EnvironmentDoc, Inventory, Version } from '@slipway/core';

/** Versions that an error names, so that a mistyped tag can be seen. */
const TAGS_NAMED_MAX = 5;

const unknown = (noun: string, name: string, more: string): SlipwayError =>
  new SlipwayError({ code: `policy.${noun}.unknown`, kind: 'missing', message: `There is no ${noun} ${name}${more}` });

/** The deployment of this name, or `missing` that names the nearest. */
export function findDeployment(inventory: Inventory, name: string): DeploymentDoc {
  const doc = inventory.deployments.get(name);
  if (doc === undefined) throw unknown('deployment', name, didYouMean(name, inventory.deployments.keys()));
  return doc;
}

/** The environment of this name in the deployment's system, or `missing` that names the nearest. */
export function findEnvironment(inventory: Inventory, name: string, deployment: DeploymentDoc): EnvironmentDoc {
  const doc = inventory.environments.get(name);
  const fitting = [...inventory.environments.values()].filter((e) => e.system === deployment.system).map((e) => e.name);
  if (doc === undefined) throw unknown('environment', name, didYouMean(name, fitting));
  if (doc.system !== deployment.system) {
    throw unknown(
      'environment',
      name,
      ` in system ${deployment.system}, to which deployment ${deployment.name} belongs; it has ${fitting.join(', ') || 'none'}`,
    );
  }
  return doc;
}

/** The version with this tag, or `missing` that names the nearest or the newest ones. */
export function findVersion(inventory: Inventory, deployment: string, tag: string): Version {
  const version = inventory.versions.byTag(deployment, tag);
  if (version !== undefined) return version;
  const tags = inventory.versions.of(deployment).map((v) => v.tag);
  const newest = tags.slice(-TAGS_NAMED_MAX).reverse();
  const near = didYouMean(tag, tags);
  throw unknown(
    'version',
    `${tag} of ${deployment}`,
    near || (newest.length === 0 ? '; none was published yet' : `; the newest are ${newest.join(', ')}`),
  );
}
