import type { ClaimAnswer } from '@slipway/contracts';
import { refuseClaim, type Measurement } from '@slipway/core';
import { poolsOf } from '../agents/enrolments.js';
import { gateAt } from '../decisions/gate.js';
import { activationOf } from '../releases/activation.js';
import { measurementTable, type AgentOrderRow, type JobRow } from '../tables.js';
import { elapsedOf } from '../verification/make-verify.js';
import { placeKey, placeOf, type Work } from '../work.js';
import { stepHold, isOpenStep } from '../sequences/hold-steps.js';
import { goesNoFurther } from '../sequences/settle-step.js';
import { stepJob } from './step-job.js';

export interface Claim {
  agent: string;
  job: string;
  attempt: number;
}

/** A decision whose time has passed is followed by the next one within this. */
const NEXT_DECISION_MS = 1_000;

/** The registry's word of a new agent comes within this. */
const ENROLMENT_MS = 500;

type Denial = Extract<ClaimAnswer, { granted: false }>;

/**
 * Grant or deny, job by job. A job that nobody has begun is granted only while the newest decision allows it at its target and its rollout goes
 * on (I2, I11): the place's lock puts this check and every withdrawal one after the other. Jobs and their rollouts must be of locked places.
 */
export async function answerClaims(
  work: Work,
  claims: readonly Claim[],
  orders: Promise<ReadonlyMap<string, AgentOrderRow>>,
): Promise<ClaimAnswer[]> {
  if (claims.length === 0) return [];
  const rows = claims.flatMap((claim) => work.jobs.get({ id: claim.job }) ?? []);
  const [told, closed, pools, measured] = await Promise.all([
    orders,
    closedGates(work, rows),
    poolsOf(
      work.tx,
      claims.map((claim) => claim.agent),
    ),
    measuredSoFar(work, rows),
    work.loadRollouts(rows.flatMap((row) => row.rolloutId ?? [])),
    work.loadReleases(rows.map((row) => row.releaseId)),
  ]);
  return claims.map((claim): ClaimAnswer => {
    const row = work.jobs.get({ id: claim.job });
    if (!row) return { job: claim.job, granted: false, code: 'job.claim.missing', because: 'there is no such job' };
    const stranger = refuseStranger(row, claim.agent, pools.get(claim.agent));
    if (stranger) return stranger;
    const refusal = refuseClaim(row, claim.agent, claim.attempt);
    if (refusal) return { job: row.id, granted: false, ...refusal };
    const order = told.get(claim.agent);
    if (order && row.agent !== claim.agent) return takesNothingNew(row, order);
    // What somebody has held may have begun: it is granted so that it is looked after, but where the gate has closed nothing new may begin.
    const held = row.claimedAt !== undefined;
    const denial = held && row.rollback ? undefined : closed(row);
    if (denial && (!held || denial.retryAfterMs !== undefined)) return denial;
    stepJob(work, row, { type: 'claim', agent: claim.agent, attempt: claim.attempt });
    return { ...grant(work, row, measured.get(row.id) ?? []), ...(denial ? { observeOnly: true } : {}) };
  });
}

/** Another agent of the pool may have it at once. */
function takesNothingNew(row: JobRow, { agent, command, by }: AgentOrderRow): Denial {
  const because = `agent ${agent} takes nothing new: ${by} asked it to ${command}`;
  return { job: row.id, granted: false, code: 'job.claim.agent', because, retryAfterMs: ENROLMENT_MS };
}

function refuseStranger(row: JobRow, agent: string, pool: string | undefined): Denial | undefined {
  if (pool === row.pool) return undefined;
  if (pool === undefined) {
    const because = `whose jobs ${agent} may claim is not known here yet`;
    return { job: row.id, granted: false, code: 'job.claim.agent', because, retryAfterMs: ENROLMENT_MS };
  }
  return { job: row.id, granted: false, code: 'job.claim.pool', because: `the job is for pool ${row.pool}, and ${agent} is in ${pool}` };
}

function grant(work: Work, row: JobRow, measurements: Measurement[]): Extract<ClaimAnswer, { granted: true }> {
  const { id: job, epoch, attempt, kind, deployment, environment, resource, version, limits } = row;
  return {
    ...{ job, granted: true, epoch, attempt, kind, deployment, environment, resource, version },
    leaseMs: limits.leaseMs,
    renewMs: Math.floor(limits.leaseMs / 3),
    runMs: limits.runMs,
    spec: {
      executor: row.config,
      ...(row.metrics ? { metrics: row.metrics } : {}),
      context: activationOf(work.inventory, row, work.release(row.releaseId).variables),
    },
    observeFirst: row.observeFirst ?? false,
    measurements,
    ...(kind === 'verify' ? { elapsedMs: elapsedOf(row, work.now) } : {}),
  };
}

/** Why a job that nobody has begun may not begin now; what is closed for longer than a moment is withdrawn with the same stroke. */
async function closedGates(work: Work, rows: readonly JobRow[]): Promise<(row: JobRow) => Denial | undefined> {
  const decisions = new Map<string, Awaited<ReturnType<Work['loadDecisions']>>>();
  await Promise.all(
    [...Map.groupBy(rows, placeKey)].map(async ([key, group]) => {
      const versions = group.some((row) => row.rollback || row.kind === 'retire')
        ? undefined
        : [...new Set(group.map((row) => row.versionId))];
      decisions.set(key, await work.loadDecisions(placeOf(group[0] as JobRow), versions));
    }),
  );
  return (row) => {
    if (row.kind === 'verify') return undefined;
    const known = decisions.get(placeKey(row)) ?? new Map();
    if (isOpenStep(row) && row.kind !== 'deploy') return stepDenial(work, row, known);
    if (row.rollback) return frozen(work, row, work.standingAt(row).frozen(row.resource, { rollback: true })?.sentence);
    const rollout = row.rolloutId === undefined ? undefined : work.rollout(row.rolloutId);
    if (rollout && (rollout.state !== 'running' || rollout.ending))
      return withdrawn(
        work,
        row,
        'job.claim.rollout',
        `the rollout is ${rollout.state}${rollout.because === undefined ? '' : `: ${rollout.because}`}`,
      );
    const status = work.inventory.versions.byId(row.versionId)?.status;
    if (status !== 'ready') return withdrawn(work, row, 'job.claim.version', `version ${row.version} is ${status ?? 'unknown'}`);
    const answer = gateAt(
      known.get(row.versionId),
      row.resource,
      work.inventory.targetRevision(row.deployment, row.environment, row.resource),
      work.now,
      work.standingAt(row).saysTo({ versionId: row.versionId, pinned: rollout?.pinned }, row.resource),
    );
    if (answer.open) return undefined;
    if (answer.expired)
      return { job: row.id, granted: false, code: 'job.claim.early', because: answer.because, retryAfterMs: NEXT_DECISION_MS };
    return withdrawn(work, row, 'job.claim.gate', answer.because);
  };
}

function withdrawn(work: Work, row: JobRow, code: string, because: string): Denial {
  stepJob(work, row, { type: 'withdraw', because });
  return { job: row.id, granted: false, code, because };
}

/** A step of a sequence that may not begin now is put aside with its target; one whose rollout ends is over. */
function stepDenial(work: Work, row: JobRow, decisions: Awaited<ReturnType<Work['loadDecisions']>>): Denial | undefined {
  const stop = goesNoFurther(work, row, work.release(row.releaseId));
  if (stop !== undefined && row.kind !== 'retire') return withdrawn(work, row, 'job.claim.rollout', stop);
  const hold = stepHold(work, row, decisions);
  if (!hold) return undefined;
  work.queued.push(row);
  return { job: row.id, granted: false, code: hold.held === 'paused' ? 'job.claim.rollout' : 'job.claim.gate', because: hold.because };
}

/** A rollback that a freeze stops too is put aside until the freeze is over. */
function frozen(work: Work, row: JobRow, freeze: string | undefined): Denial | undefined {
  if (freeze === undefined) return undefined;
  work.jobs.change(row, { occupies: false });
  work.queued.push(row);
  return { job: row.id, granted: false, code: 'job.claim.gate', because: `freeze: ${freeze}` };
}

async function measuredSoFar(work: Work, rows: readonly JobRow[]): Promise<Map<string, Measurement[]>> {
  const ids = rows.filter((row) => row.kind === 'verify').map((row) => row.id);
  if (ids.length === 0) return new Map();
  const stored = await work.tx.find(measurementTable, { jobId: ids }, { orderBy: { metric: 'asc', index: 'asc' } });
  const byJob = new Map<string, Measurement[]>();
  for (const { jobId, ...measurement } of stored) {
    const series = byJob.get(jobId);
    if (series) series.push(measurement);
    else byJob.set(jobId, [measurement]);
  }
  return byJob;
}
