import { planSequence, planSwitchBack, type WithinStrategy } from '@slipway/core';
import type { JobRow, ReleaseRow } from '../tables.js';
import type { Work } from '../work.js';
import { makeStep, metricsAt } from './make-step.js';
import { dropRetire, pendingRetires } from './retires.js';

export interface WayBack {
  order: { rolloutId?: string; ordinal?: number; obligedBy: string; version: string };
  /** The release that brings `old` back, and the one that it takes back. */
  release: ReleaseRow;
  current: ReleaseRow | undefined;
  old: ReleaseRow;
  history: readonly ReleaseRow[];
  within: WithinStrategy;
}

/**
 * The first job of the way back from a release that had taken its target over: one switch while the other slot still has what it goes back to,
 * else an ordinary deployment, without holds.
 */
export async function sequenceBack(work: Work, back: WayBack): Promise<JobRow> {
  const { order, release, current, old, history, within } = back;
  const { rolloutId, ordinal, obligedBy } = order;
  const verified = metricsAt(work, release.deployment, work.rollout(obligedBy).obligations).length > 0;
  const retire = (await pendingRetires(work, release, [release.resource])).get(release.resource);
  const kept = current?.sequence?.kept;
  const has = history.find((one) => one.id === kept?.releaseId);
  // What was begun to be retired is no way back any more. Of what did not succeed nothing was to be retired.
  const whole = current?.sequence?.state === 'failed' || retire?.releaseId === current?.id;
  const there = kept !== undefined && has !== undefined && whole && rootOf(has) === rootOf(old);
  if (retire) dropRetire(work, retire, `${order.version} is taken back`);
  const live = work.target(release).slot;
  const sequence = there
    ? planSwitchBack(kept.slot, verified)
    : planSequence(within, { runs: true, ...(live === undefined ? {} : { live }), verified, rollback: true });
  work.releases.change(release, { sequence: { ...sequence, obligedBy } });
  const job = await makeStep(work, {
    ...{ release, step: sequence.steps[0]!, rollback: true },
    ...(rolloutId === undefined ? {} : { rolloutId }),
    ...(ordinal === undefined ? {} : { ordinal }),
  });
  if ('problem' in job) throw new Error(`the first job of a way back is no verification: ${job.problem}`);
  return job;
}

const rootOf = (release: ReleaseRow): string => release.restores ?? release.id;
