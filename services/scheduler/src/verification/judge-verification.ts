import { subjects } from '@slipway/contracts';
import { judgeAll, type Measurement, type VerificationJudgement } from '@slipway/core';
import type { JobRow } from '../tables.js';
import type { Work } from '../work.js';

/** `notVerified`: only dry runs; the version goes on as one that has no verification does. */
export type Judged = { verdict: 'passed' } | { verdict: 'notVerified' } | { verdict: 'failed' | 'uncertain'; because: string };

/** What core makes of a verification's measurements, and never the agent's word (SPEC 6): written to the job, and said. */
export function judgeVerification(work: Work, row: JobRow, measurements: readonly Measurement[]): Judged {
  const resolved = row.verdict === 'passed' || row.verdict === 'failed';
  const judged = judgeAll(row.metrics ?? [], measurements, { ended: true });
  // A person's word on an uncertain verification stands above what could not be measured.
  const verdict = resolved ? (row.verdict as 'passed' | 'failed') : judged.verdict;
  const sentence = resolved ? (row.verdictSentence ?? verdict) : sentenceOf(row, judged);
  work.jobs.change(row, { verdict, verdictSentence: sentence });
  sayVerification(work, row, verdict, { ...told(row, judged), ...(resolved ? {} : saw(judged, measurements)) });
  if (verdict === 'passed' || verdict === 'notVerified') return { verdict };
  if (verdict === 'failed') return { verdict, because: `verification failed: ${sentence}` };
  return { verdict: 'uncertain', because: `verification is ${verdict}: ${sentence}` };
}

/** Why the measuring ended, where it did not end by its verdict: no such provider there, its time was over. */
function sentenceOf({ state, message }: JobRow, { sentence }: VerificationJudgement): string {
  const ended = state === 'succeeded' || state === 'failed' || message === undefined ? '' : ` (${message})`;
  return `${sentence}${ended}`;
}

/** Each metric with what became of it, dry runs too. */
function told({ metrics = [] }: JobRow, { perMetric }: VerificationJudgement): { metrics: Record<string, string> } {
  return { metrics: Object.fromEntries(metrics.map(({ name }) => [name, `${perMetric[name]?.verdict}: ${perMetric[name]?.sentence}`])) };
}

/** What was seen last by the metric that gave a verdict that is no pass. */
function saw({ metric, verdict }: VerificationJudgement, measurements: readonly Measurement[]): object {
  const last = measurements.filter((one) => one.metric === metric && one.result === verdict).sort((a, b) => b.index - a.index)[0];
  if (!last || verdict === 'passed') return {};
  return {
    metric,
    ...(last.value === undefined ? {} : { saw: last.value }),
    ...(last.message === undefined ? {} : { message: last.message }),
  };
}

/** Tell that a verification began, or what came of it. */
export function sayVerification(work: Work, row: JobRow, verb: string, more: object = {}): void {
  const { version, deployment, environment, resource, id, verdictSentence, agent } = row;
  const body = {
    version,
    verb,
    ...(verdictSentence === undefined ? {} : { measurements: verdictSentence }),
    metrics: (row.metrics ?? []).map((metric) => metric.name),
    ...more,
    ...(agent === undefined ? {} : { agent }),
    ...(row.rollback ? { rollback: true } : {}),
    ...{ deployment, environment, resource, job: id, release: row.releaseId },
    ...(row.rolloutId === undefined ? {} : { rollout: row.rolloutId }),
    at: work.now,
  };
  work.say({ subject: subjects.verification(row, verb), id: `verification:${id}:${verb}`, body });
}
