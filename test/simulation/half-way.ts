import type { DecisionRow, JobRow, ReleaseRow, RolloutRow, TargetRow } from '../../services/scheduler/src/tables.js';
import type { World } from './world.js';

/*
 * Versions that are half way at a target when everything has come to rest (I13): only what people or their policies hold may be, and what the places
 * themselves have must be what the scheduler says of them.
 */

type Tables = { jobs: JobRow[]; rollouts: RolloutRow[]; decisions: DecisionRow[]; targets: TargetRow[]; releases: ReleaseRow[] };

const isAt = (a: { deployment: string; environment: string; resource: string }) => (b: typeof a) =>
  a.deployment === b.deployment && a.environment === b.environment && a.resource === b.resource;

/** Jobs of sequences that wait for a person or a policy: the rollout is paused or halted, the gate is closed, an unknown job has the target. */
export function waitingHalfWay({ jobs, rollouts, decisions }: Tables): JobRow[] {
  return jobs.filter((job) => {
    if (job.finishedAt !== undefined || job.weight === undefined || job.claimedAt !== undefined) return false;
    const rollout = rollouts.find((one) => one.id === job.rolloutId);
    if (job.held === 'paused') return rollout?.state === 'paused' || rollout?.state === 'halted';
    if (job.held === 'busy') return jobs.some((other) => isAt(job)(other) && other.state === 'unknown');
    const decision = decisions.find(
      (one) => one.deployment === job.deployment && one.environment === job.environment && one.versionId === job.versionId,
    );
    return job.held === 'gate' && decision?.verdict !== 'allowed';
  });
}

/** Where the places have something else than the scheduler believes. */
export function strayed(world: World, tables: Tables): string[] {
  const problems: string[] = [];
  const waiting = waitingHalfWay(tables);
  for (const target of tables.targets) {
    const own = tables.jobs.filter(isAt(target));
    // What an unknown job has done nobody can say; what could not be moved back is left to people, and said.
    if (own.some((job) => job.state === 'unknown') || target.halted !== undefined) continue;
    const { running, beside } = world.site.places.at(`${target.deployment}/${target.resource}`);
    // Where a host was removed nobody moves anything any more.
    if (tables.releases.some((release) => isAt(target)(release) && release.because?.includes('no release target any more'))) continue;
    const name = `${target.deployment} on ${target.resource}`;
    if (target.version !== undefined && running !== target.version)
      problems.push(`I13: ${name} runs ${running}, and the scheduler says ${target.version}`);
    if (beside && !waiting.some(isAt(target)) && !failedFirst(own, beside.version))
      problems.push(`I13: ${name} has ${beside.version} at ${beside.weight} % beside ${running}, and nobody takes it further or back`);
  }
  return problems;
}

/** A deploy that was not seen to succeed may have left its version there, without any traffic. */
function failedFirst(jobs: readonly JobRow[], version: string): boolean {
  const last = jobs.filter((job) => job.version === version && job.kind !== 'verify').at(-1);
  return last?.kind === 'deploy' && last.state !== 'succeeded';
}
