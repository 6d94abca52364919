import {
  advanceSequence,
  hasTurned,
  isLastLook,
  type Measurement,
  type MemberFailure,
  type SequenceEffect,
  type SequenceEvent,
} from '@slipway/core';
import { settleFailed, settleGood, settleTurned, settleUncertain, settleWithdrawn } from '../jobs/settle-outcome.js';
import { beganNothing } from '../jobs/began-nothing.js';
import { tellRelease } from '../releases/release-events.js';
import { memberIs } from '../rollouts/tell-member.js';
import type { ReleaseSequence } from './release-sequence.js';
import type { JobRow, QuarantineRow, ReleaseRow } from '../tables.js';
import { judgeVerification } from '../verification/judge-verification.js';
import { placeKey, type Work } from '../work.js';
import { holdSentence, makeStep, metricsAt, obligationsOf } from './make-step.js';
import { settleTakenBack } from './take-back-steps.js';

export interface EndedStep {
  row: JobRow;
  /** Nobody had begun it. */
  withdrawn: boolean;
  measured: readonly Measurement[];
  quarantines: readonly QuarantineRow[];
}

type Outcome =
  /** `verified`: a verification passed, with metrics that count. */
  | { is: 'good'; verified?: boolean }
  /** Of a job, a verification, or nothing at all: it goes no further because its rollout does not. */
  | { is: 'bad'; because: string; of: NonNullable<MemberFailure['of']> }
  | { is: 'again' }
  | { is: 'unknown'; because: string };

/** What follows from the end of one job of a sequence: the next one, the turn, the end, or the way back. Gives the jobs to admit. */
export async function settleStep(work: Work, ended: EndedStep): Promise<JobRow[]> {
  const { row, withdrawn, quarantines } = ended;
  const release = work.release(row.releaseId);
  const before = release.sequence as ReleaseSequence;
  if (row.kind === 'retire' && before.state === 'done') return settleRetired(work, row);
  if (withdrawn && row.state === 'cancelled' && before.at === 0 && before.state === 'running' && row.kind === 'deploy') {
    settleWithdrawn(work, row);
    return [];
  }
  if (isGone(work, row) && release.restores === undefined && !hasTurned(before) && row.state !== 'unknown') {
    // What was measured before the target went is judged all the same: a verification that has ended has a verdict.
    if (row.kind === 'verify' && !withdrawn) judgeVerification(work, row, ended.measured);
    leaveGone(work, row, release);
    return [];
  }
  const stop = goesNoFurther(work, row, release);
  const outcome = outcomeOf(work, ended, stop);
  if (outcome.is === 'unknown') {
    settleUncertain(work, row, outcome.because);
    return [];
  }
  let { sequence, effects } = advanceSequence(before, eventOf(outcome));
  if (outcome.is === 'good' && stop !== undefined && sequence.state === 'running' && !hasTurned(sequence))
    ({ sequence, effects } = advanceSequence(sequence, { type: 'stop' }));
  work.releases.change(release, { sequence: sequence as ReleaseSequence });
  const made: JobRow[] = [];
  const next = [...effects];
  for (let effect = next.shift(); effect !== undefined; effect = next.shift())
    if (effect.type === 'begin') {
      const jobs = await beginStep(work, row, release, effect.step);
      if (jobs === 'nothingToMeasure') next.push(...measuredNothing(work, release));
      else made.push(...jobs);
    } else if (effect.type === 'turned') settleTurned(work, row, release);
    else if (effect.type === 'done') {
      settleGood(work, row, outcome.is === 'good' && outcome.verified === true, quarantines);
      made.push(...(await retireOther(work, row, release)));
    } else if (effect.type === 'failed')
      stepFailed(work, { row, release, quarantines, back: effect.back }, outcome.is === 'bad' ? outcome : stopped(stop));
    else if (effect.type === 'takenBack') settleTakenBack(work, row, release, quarantines);
    else backFailed(work, row, quarantines, outcome.is === 'bad' ? outcome.because : 'it goes no further');
  return made;
}

/** The deployment has lost its metrics meanwhile: like one that never had any. */
function measuredNothing(work: Work, release: ReleaseRow): SequenceEffect[] {
  const { sequence, effects } = advanceSequence(release.sequence as ReleaseSequence, { type: 'good' });
  work.releases.change(release, { sequence: sequence as ReleaseSequence });
  return effects;
}

const isGone = (work: Work, { deployment, environment, resource }: JobRow): boolean =>
  work.inventory.targetRevision(deployment, environment, resource) === undefined;

/** The target itself was removed: nobody takes anything further there, or back. */
function leaveGone(work: Work, row: JobRow, release: ReleaseRow): void {
  const because = `${row.resource} is no release target any more`;
  work.releases.change(release, {
    ...{ state: 'cancelled', finishedAt: work.now, because },
    sequence: { ...(release.sequence as ReleaseSequence), state: 'takenBack' },
  });
  memberIs(work, row, 'x', because);
}

const stopped = (because = 'it goes no further'): Extract<Outcome, { is: 'bad' }> => ({ is: 'bad', of: 'stopped', because });

function eventOf(outcome: Exclude<Outcome, { is: 'unknown' }>): SequenceEvent {
  if (outcome.is === 'bad') return { type: outcome.of === 'stopped' ? 'stop' : 'bad' };
  return { type: outcome.is };
}

function outcomeOf(work: Work, { row, withdrawn, measured }: EndedStep, stop: string | undefined): Outcome {
  if (row.kind === 'verify') {
    // Its rollout asked it to end: what it would have said is of no use any more. After the turn the version runs there, and what is not known of it is asked.
    const turned = hasTurned(work.release(row.releaseId).sequence as ReleaseSequence);
    if (row.state === 'cancelled' && stop !== undefined && !turned) return stopped(stop);
    const judged = judgeVerification(work, row, measured);
    if (judged.verdict === 'passed' || judged.verdict === 'notVerified') return { is: 'good', verified: judged.verdict === 'passed' };
    if (judged.verdict === 'failed') return { is: 'bad', of: 'verification', because: judged.because };
    return { is: 'unknown', because: judged.because };
  }
  const because = row.message ?? `the ${row.kind} job ended as ${row.state}`;
  if (row.state === 'succeeded') return { is: 'good' };
  if (row.state === 'unknown') return { is: 'unknown', because };
  if (withdrawn && row.state === 'cancelled') return stop === undefined ? { is: 'again' } : stopped(stop);
  return { is: 'bad', of: beganNothing(row) ? 'rejected' : 'job', because };
}

/** Why the rest of a sequence is not begun: its rollout ends or is over, or people said that the version is bad. What brings a version back goes on. */
export function goesNoFurther(
  work: Work,
  row: Pick<JobRow, 'rolloutId' | 'versionId' | 'version'>,
  release: ReleaseRow,
): string | undefined {
  if (release.restores !== undefined || release.sequence?.state === 'takingBack') return undefined;
  if (release.sequence?.stopped !== undefined) return release.sequence.stopped;
  const status = work.inventory.versions.byId(row.versionId)?.status;
  if (status === 'rejected' || status === 'failed') return `version ${row.version} is ${status}`;
  if (row.rolloutId === undefined) return undefined;
  const rollout = work.rollout(row.rolloutId);
  if (rollout.ending) return rollout.ending.because;
  return rollout.finishedAt === undefined ? undefined : (rollout.because ?? `the rollout is ${rollout.state}`);
}

async function beginStep(
  work: Work,
  row: JobRow,
  release: ReleaseRow,
  step: ReleaseSequence['steps'][number],
): Promise<JobRow[] | 'nothingToMeasure'> {
  const { rolloutId, ordinal, rollback } = row;
  if (step.action === 'verify' && metricsAt(work, row.deployment, obligationsOf(work, release)).length === 0) return 'nothingToMeasure';
  const holds = step.afterMs > 0 ? holdSentence(row.weight ?? 0, step.afterMs) : undefined;
  const next = await makeStep(work, {
    ...{ release, step, rollback, after: row },
    ...(rolloutId === undefined ? {} : { rolloutId }),
    ...(ordinal === undefined ? {} : { ordinal }),
    ...(holds === undefined ? {} : { holds }),
  });
  if ('problem' in next) {
    settleUncertain(work, row, `its verification cannot be made: ${next.problem}`);
    return [];
  }
  const letter = release.sequence && isLastLook(release.sequence) ? 'v' : 'j';
  // Most steps leave it as it is, and then its rollout need not be asked.
  const known = rolloutId === undefined ? undefined : work.rollout(rolloutId).members[ordinal ?? -1];
  if (!rollback && known !== letter) memberIs(work, row, letter);
  // While it holds a newer version may come in its place.
  if (next.notBefore !== undefined) work.replan.set(placeKey(row), row);
  return [next];
}

/** The slot that served before is kept for a while, as a way back within seconds, and then removed. */
async function retireOther(work: Work, row: JobRow, release: ReleaseRow): Promise<JobRow[]> {
  const { retires } = release.sequence as ReleaseSequence;
  if (!retires) return [];
  const { rolloutId, ordinal } = row;
  const job = await makeStep(work, {
    release,
    step: { action: 'retire', weight: 0, ...retires },
    rollback: false,
    ...(rolloutId === undefined ? {} : { rolloutId }),
    ...(ordinal === undefined ? {} : { ordinal }),
  });
  return 'problem' in job || job.finishedAt !== undefined ? [] : [job];
}

function settleRetired(work: Work, row: JobRow): JobRow[] {
  if (row.state === 'cancelled' || row.state === 'unknown') return [];
  const leftover = row.state === 'succeeded' ? undefined : `slot ${row.slot} could not be retired: ${row.message ?? row.state}`;
  work.targets.change(work.target(row), { leftover });
  return [];
}

interface FailedStep {
  row: JobRow;
  release: ReleaseRow;
  quarantines: readonly QuarantineRow[];
  back: boolean;
}

function stepFailed(work: Work, { row, release, quarantines, back }: FailedStep, outcome: Extract<Outcome, { is: 'bad' }>): void {
  const { because, of } = outcome;
  // A release that brings a version back has no way back itself (I9).
  if (of !== 'stopped') settleFailed(work, row, quarantines, because, 'failed', { of, back });
  else {
    work.releases.change(release, { because });
    memberIs(work, row, 'f', because, { of, back });
  }
  if (back && !isFollowed(work, row)) work.orphans.push({ row, because });
}

/** Whether its rollout still listens to what becomes of this member. */
function isFollowed(work: Work, { rolloutId, ordinal }: JobRow): boolean {
  if (rolloutId === undefined || ordinal === undefined) return false;
  const rollout = work.rollout(rolloutId);
  return rollout.finishedAt === undefined && !'xr'.includes(rollout.members[ordinal] ?? 'x');
}

/** It holds a part of the traffic, and nobody but a person can change that. */
function backFailed(work: Work, row: JobRow, quarantines: readonly QuarantineRow[], because: string): void {
  const what = row.kind === 'retire' ? `removing ${row.version} from slot ${row.slot}` : `shifting ${row.version} back to 0`;
  const halted = `${what} failed: ${because}`;
  work.targets.change(work.target(row), { halted });
  tellRelease(work, row, 'failed', { state: 'failed', verified: false }, quarantines, halted);
  memberIs(work, row, 'f', halted);
}
