import { isRolloutOver, resolveVariables, type DeploymentDoc, type EnvironmentDoc, type ResourceDoc } from '@slipway/core';
import { documents, type DocumentRow } from '../../services/registry/src/tables.js';
import {
  decisionTable,
  jobTable,
  releaseTable,
  rolloutTable,
  targetTable,
  type DecisionRow,
  type JobRow,
  type ReleaseRow,
  type RolloutRow,
  type TargetRow,
} from '../../services/scheduler/src/tables.js';
import type { World } from './world.js';

/**
 * Where the version that runs is the newest that was ever on its way there, is allowed, and nothing waits for a person, it runs with the variables that the
 * documents give it now, or with these was tried and did not do.
 */
export function outdated(world: World, tables: Record<string, unknown[]>): string[] {
  const problems: string[] = [];
  const rollouts = tables[rolloutTable.name] as RolloutRow[];
  const releases = tables[releaseTable.name] as ReleaseRow[];
  for (const target of tables[targetTable.name] as TargetRow[]) {
    const release = releases.find((one) => one.id === target.releaseId);
    if (!release || target.halted !== undefined || (target.wanted !== undefined && target.wanted !== target.fingerprint)) continue;
    const here = rollouts.filter((one) => one.deployment === target.deployment && one.environment === target.environment);
    if (here.some((one) => !isRolloutOver(one) || one.versionSequence > (target.versionSequence ?? 0))) continue;
    if (!mayGo(tables, target)) continue;
    const now = variablesNow(world, target);
    if (now !== undefined && now !== JSON.stringify(release.variables))
      problems.push(
        `I13: ${target.deployment} ${target.version} on ${target.resource} runs with ${JSON.stringify(release.variables)}, and should with ${now}`,
      );
  }
  return problems;
}

function mayGo(tables: Record<string, unknown[]>, { deployment, environment, resource, versionId }: TargetRow): boolean {
  const decision = (tables[decisionTable.name] as DecisionRow[]).find(
    (one) => one.deployment === deployment && one.environment === environment && one.versionId === versionId,
  );
  const stuck = (tables[jobTable.name] as JobRow[]).some(
    (one) => one.deployment === deployment && one.environment === environment && one.resource === resource && one.state === 'unknown',
  );
  return decision?.verdict === 'allowed' && !stuck;
}

/** By the documents of the registry; undefined where the target is no more. */
function variablesNow(world: World, { deployment: name, environment: place, resource: identifier }: TargetRow): string | undefined {
  const rows = (world.rows('registry')[documents.name] as DocumentRow[]).filter((row) => row.removedAt === undefined);
  const docOf = <D>(kind: string, of: string): D | undefined =>
    rows.find((row) => row.kind === kind && row.name === of)?.doc as D | undefined;
  const lookup = (of: string): ResourceDoc | undefined => docOf<ResourceDoc>('resource', of);
  const [deployment, environment, resource] = [
    docOf<DeploymentDoc>('deployment', name),
    docOf<EnvironmentDoc>('environment', place),
    lookup(identifier),
  ];
  if (!deployment || !environment || !resource) return undefined;
  return JSON.stringify(resolveVariables({ deployment, environment, resource, lookup }).values);
}
