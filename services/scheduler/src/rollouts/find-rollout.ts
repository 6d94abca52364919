import { SlipwayError, type Inventory } from '@slipway/core';
import type { RolloutRow } from '../tables.js';
import type { Place, Work } from '../work.js';

export interface RolloutName extends Place {
  /** Tag; the newest open one when absent. */
  version?: string | undefined;
}

/** The open rollouts of one version at a place: the named one, else the newest that is open. Throws `scheduler.rollout.missing`, saying what there is. */
export async function openRollouts(work: Work, name: RolloutName, attempted: string): Promise<RolloutRow[]> {
  checkPlace(work, name, attempted);
  const open = await work.loadRolloutsOf(name, { open: true });
  const version =
    name.version ??
    open.reduce<RolloutRow | undefined>((a, b) => (a && a.versionSequence >= b.versionSequence ? a : b), undefined)?.version;
  const found = open.filter((row) => row.version === version);
  if (found.length > 0) return found;
  const which = name.version === undefined ? `${name.deployment}` : `${name.deployment} ${name.version}`;
  const there =
    open.length > 0 ? `Open there: ${open.map((row) => `${row.version} (${row.state})`).join(', ')}` : 'No rollout is open there';
  throw new SlipwayError({
    code: 'scheduler.rollout.missing',
    kind: 'missing',
    message: `${attempted}: no rollout of ${which} is open in ${name.environment}. ${there}.`,
  });
}

/** Throws when the deployment or environment does not exist, naming those that do. */
export function checkPlace(work: Work, { deployment, environment }: Place, attempted: string): void {
  const { deployments } = work.inventory;
  if (!deployments.has(deployment)) throw missing('deployment', deployment, deployments.keys(), attempted);
  checkEnvironment(work.inventory, environment, attempted);
}

export function checkEnvironment({ environments }: Inventory, environment: string, attempted: string): void {
  if (!environments.has(environment)) throw missing('environment', environment, environments.keys(), attempted);
}

function missing(noun: string, name: string, there: Iterable<string>, attempted: string): SlipwayError {
  const names = [...there].sort();
  return new SlipwayError({
    code: `scheduler.${noun}.missing`,
    kind: 'missing',
    message: `${attempted}: there is no ${noun} ${name}. ${names.length > 0 ? `There are: ${names.slice(0, 20).join(', ')}` : `There is none yet`}.`,
  });
}
