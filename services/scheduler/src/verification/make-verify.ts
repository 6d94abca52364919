import { durationSchema, VERIFY_EXECUTOR } from '@slipway/contracts';
import {
  createJob,
  renderTemplate,
  SlipwayError,
  type JsonObject,
  type MetricSpec,
  type Obligations,
  type RetrySpec,
  type SequenceStep,
} from '@slipway/core';
import { activationOf } from '../releases/activation.js';
import type { JobRow } from '../tables.js';
import type { Work } from '../work.js';

/** Measurements that a metric could not make are judged, not retried: the job itself runs once. */
const ONCE: RetrySpec = { attempts: 1, on: [], backoff: 'constant', delayMs: 0, maxDelayMs: 0, jitter: 0 };

/** All that is measured after a job: the deployment's own metrics, then those that policies add; of two with one name the policy's. */
export function metricsOf(own: readonly MetricSpec[], obligations: Pick<Obligations, 'verification'>): MetricSpec[] {
  return [...new Map([...own, ...obligations.verification].map((metric) => [metric.name, metric])).values()];
}

/**
 * The `verify` job that follows a `deploy` job or a step of a sequence, at the same pool, since only its agents reach the target. Gives the reason when a provider's
 * config has no value: then nothing can be measured, and nothing measured is no pass.
 */
export function makeVerify(
  work: Work,
  deploy: JobRow,
  metrics: readonly MetricSpec[],
  variables: JsonObject,
  obligations: Obligations,
  step?: SequenceStep,
): JobRow | { problem: string } {
  const id = work.world.ids.next();
  const within = step ? { weight: step.weight, ...(step.slot === undefined ? {} : { slot: step.slot }) } : {};
  const { releaseId, deployment, environment, resource, versionId, version, rollback, pool } = deploy;
  const names = {
    ...within,
    id,
    kind: 'verify',
    attempt: 1,
    rollback,
    releaseId,
    deployment,
    environment,
    resource,
    versionId,
    version,
  } as const;
  const rendered = renderProviders(metrics, activationOf(work.inventory, names, variables));
  if ('problem' in rendered) return rendered;
  const { pickupMs, silenceMs, runMs } = obligations.timeouts;
  const job = createJob(
    {
      ...names,
      ...(deploy.rolloutId === undefined ? {} : { rolloutId: deploy.rolloutId }),
      pool,
      executor: VERIFY_EXECUTOR,
      limits: { pickupMs, silenceMs, runMs: Math.max(runMs, longestMs(rendered.metrics) * 2), leaseMs: work.world.leaseMs },
      retry: ONCE,
    },
    work.now,
  );
  return work.jobs.add({
    ...job,
    ...(deploy.ordinal === undefined ? {} : { ordinal: deploy.ordinal }),
    // Its own times begin anew when its agent is lost; this one does not.
    config: { type: VERIFY_EXECUTOR, since: work.now },
    metrics: rendered.metrics,
    // Its target passes from the deploy job to this one without a gap (I1).
    occupies: true,
    slots: [],
    verdict: 'running',
  });
}

/** How long ago the clock of a verification began: when the job before it had really succeeded. Milliseconds. */
export function elapsedOf({ config, queuedAt }: Pick<JobRow, 'config' | 'queuedAt'>, now: number): number {
  return Math.max(0, now - (typeof config['since'] === 'number' ? config['since'] : queuedAt));
}

/** How long the measurements take when each comes at its time; metrics are rendered. */
function longestMs(metrics: readonly MetricSpec[]): number {
  return Math.max(...metrics.map((metric) => metric.initialDelayMs + metric.count * (metric.intervalMs + sleepMs(metric.provider))));
}

/** What one measurement takes by itself: only a sleep says so. */
function sleepMs({ type, duration }: MetricSpec['provider']): number {
  const parsed = type === 'sleep' ? durationSchema.safeParse(duration) : undefined;
  return parsed?.success ? parsed.data : 0;
}

/** Conditions are CEL over `result` and stay as they are; only the provider's config holds templates. */
function renderProviders(metrics: readonly MetricSpec[], activation: JsonObject): { metrics: MetricSpec[] } | { problem: string } {
  try {
    return {
      metrics: metrics.map((metric) => ({ ...metric, provider: renderTemplate(metric.provider, activation) as MetricSpec['provider'] })),
    };
  } catch (error) {
    if (error instanceof SlipwayError) return { problem: error.message };
    throw error;
  }
}
