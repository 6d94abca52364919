import { SlipwayError } from '@slipway/core';
import { settleEnded } from '../jobs/settle-ended.js';
import { stepJob } from '../jobs/step-job.js';
import { settle } from '../settle.js';
import { jobTable, type RolloutRow } from '../tables.js';
import type { Work } from '../work.js';

/**
 * Leave these targets out of open rollouts of one version: what waits there is taken back and never begins. Gives those that were left out.
 * Throws when one is no member, or has begun and goes on: that is for `cancel`.
 */
export async function excludeMembers(
  work: Work,
  rows: readonly RolloutRow[],
  resources: readonly string[],
  because: string,
): Promise<string[]> {
  const wanted = [...new Set(resources)];
  const found = wanted.flatMap((resource) =>
    rows.flatMap((row) => {
      const ordinal = work.ordinalOf(row, resource);
      return ordinal === undefined ? [] : [{ row, ordinal, resource }];
    }),
  );
  const strangers = wanted.filter((resource) => !found.some((one) => one.resource === resource));
  const { deployment, environment, version } = rows[0] as RolloutRow;
  const attempted = `Excluding from ${deployment} ${version} in ${environment}`;
  if (strangers.length > 0)
    throw new SlipwayError({
      code: 'scheduler.exclude.missing',
      kind: 'missing',
      message: `${attempted}: ${strangers.join(', ')} ${strangers.length === 1 ? 'is no member' : 'are no members'} of the rollout.`,
    });
  for (const row of rows)
    await takeBackWaiting(work, row, new Set(found.flatMap((one) => (one.row === row ? [one.ordinal] : []))), because);
  for (const row of rows)
    work.rolloutEvents.push({
      id: row.id,
      event: { type: 'exclude', ordinals: found.flatMap((one) => (one.row === row ? [one.ordinal] : [])) },
    });
  await settle(work);
  const kept = found.filter(({ row, ordinal }) => row.members[ordinal] !== 'x');
  if (kept.length > 0)
    throw new SlipwayError({
      code: 'scheduler.exclude.begun',
      kind: 'conflict',
      message: `${attempted}: ${kept.map(({ row, ordinal, resource }) => `${resource} ${letterMeans(row.members[ordinal] ?? '')}`).join('; ')}. Only what has not begun, failed or is uncertain can be left out; \`slipway cancel\` stops a job.`,
    });
  return found.map(({ resource }) => resource);
}

/** Offered to agents and claimed by none, or still to be made: their members are as before, and none begins again before it is excluded. */
async function takeBackWaiting(work: Work, row: RolloutRow, ordinals: ReadonlySet<number>, because: string): Promise<void> {
  const left = row.backlog.filter((ordinal) => !ordinals.has(ordinal));
  for (const ordinal of row.backlog)
    if (ordinals.has(ordinal)) work.rolloutEvents.push({ id: row.id, event: { type: 'member', ordinal, letter: '.' } });
  if (left.length < row.backlog.length) work.rollouts.change(row, { backlog: left });
  if (![...ordinals].some((ordinal) => row.members[ordinal] === 'j')) return;
  const where = { rolloutId: row.id, state: ['queued', 'dispatched'] as const, rollback: false, attempt: 1 };
  for (const job of work.jobs.loaded(await work.tx.find(jobTable, { ...where, state: [...where.state] })))
    if (job.claimedAt === undefined && job.ordinal !== undefined && ordinals.has(job.ordinal))
      stepJob(work, job, { type: 'withdraw', because });
  await settleEnded(work, work.ended.splice(0));
}

function letterMeans(letter: string): string {
  if (letter === 'j' || letter === 'v') return 'has begun';
  if (letter === 's') return 'has succeeded';
  return 'is taken back';
}
