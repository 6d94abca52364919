import { formatDuration, type ExecutorSpec, type MetricSpec, type Obligations, type SequenceStep } from '@slipway/core';
import { makeDeploy, templateIdOf } from '../releases/make-deploy.js';
import { jobTable, templateTable, type JobRow, type ReleaseRow } from '../tables.js';
import { makeVerify, metricsOf } from '../verification/make-verify.js';
import type { Work } from '../work.js';

export interface StepOf {
  release: ReleaseRow;
  step: SequenceStep;
  rollback: boolean;
  rolloutId?: string;
  ordinal?: number;
  /** The job before it, from which it takes the target over without a gap (I1). */
  after?: JobRow;
  /** Of the step before it that holds. */
  holds?: string;
}

/** The obligations that bind the jobs of a sequence; its rollout must be loaded. */
export function obligationsOf(work: Work, release: ReleaseRow): Obligations {
  return work.rollout(release.sequence?.obligedBy ?? '').obligations;
}

/** What is measured after the jobs of a sequence. */
export function metricsAt(work: Work, deployment: string, obligations: Obligations): MetricSpec[] {
  return metricsOf(work.inventory.deployments.get(deployment)?.verification ?? [], obligations);
}

/** The job of one step, in state `queued`; whoever made it asks `admitJobs`. Gives the reason when a verification can not be made. */
export async function makeStep(work: Work, of: StepOf): Promise<JobRow | { problem: string }> {
  const { release, step, rollback, rolloutId, ordinal, after } = of;
  const obligations = obligationsOf(work, release);
  const row =
    step.action === 'verify'
      ? after && makeVerify(work, after, metricsAt(work, release.deployment, obligations), release.variables, obligations, step)
      : makeDeploy(work, {
          release,
          obligations,
          rollback,
          step,
          ...(rolloutId === undefined ? {} : { rolloutId }),
          ...(ordinal === undefined ? {} : { ordinal }),
          ...(await renderedFrom(work, release, step)),
        });
  if (!row) throw new Error(`a verification of release ${release.id} follows no job`);
  if ('problem' in row || row.finishedAt !== undefined) return row;
  const hurried = step.action !== 'retire' && rolloutId !== undefined && work.rollout(rolloutId).promoted === 'all';
  // Rows that are new are written whole: they may be changed in place.
  if (after) row.occupies = true;
  if (step.afterMs > 0 && !hurried) {
    row.notBefore = work.now + step.afterMs;
    if (of.holds !== undefined) row.heldBecause = of.holds;
  }
  return row;
}

/** `canary 25 % holds 3m`. */
export function holdSentence(weight: number, holdMs: number): string {
  return `canary ${weight} % holds ${formatDuration(holdMs)}`;
}

/** All jobs of a release are of one piece: made of the template it was made of, and, of a renewal that is taken back, given exactly what was given then. */
async function renderedFrom(work: Work, release: ReleaseRow, step: SequenceStep): Promise<{ restores?: JobRow; template?: ExecutorSpec }> {
  const { restores, takesBack, versionId, deployment, template } = release;
  if (restores !== undefined && takesBack?.versionId === versionId) {
    const jobs = await work.tx.find(jobTable, { releaseId: restores, kind: step.action as 'deploy' });
    const same = jobs.find((job) => (job.weight ?? 100) === step.weight && job.slot === step.slot);
    if (same) return { restores: same };
  }
  const declared = work.inventory.deployments.get(deployment)?.executor;
  if (template === undefined || (declared && templateIdOf(declared) === template)) return {};
  const executor = work.templates.get(template)?.executor ?? (await work.tx.find(templateTable, { id: [template] }))[0]?.executor;
  return executor ? { template: executor } : {};
}
