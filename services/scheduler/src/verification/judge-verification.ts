import { subjects } from '@slipway/contracts';
import { judgeAll, type Json, type Measurement, type VerificationJudgement } from '@slipway/core';
import type { JobRow } from '../tables.js';
import type { Work } from '../work.js';

/** Of a measurement that is told in a sentence; `slipway verification` shows all of it. */
const MESSAGE_LENGTH_SHOWN = 200;
const VALUE_LENGTH_SHOWN = 40;

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
  const last = resolved ? undefined : decisive(judged, measurements);
  sayVerification(work, row, verdict, { ...told(row, judged), ...(last ? saw(last) : {}) });
  if (verdict === 'passed' || verdict === 'notVerified') return { verdict };
  const seen = last ? seenIn(last) : '';
  if (verdict === 'failed') return { verdict, because: `verification failed: ${sentence}${seen}` };
  return { verdict: 'uncertain', because: `verification is ${verdict}: ${sentence}${seen}` };
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
function decisive({ metric, verdict }: VerificationJudgement, measurements: readonly Measurement[]): Measurement | undefined {
  if (verdict === 'passed') return undefined;
  return measurements.filter((one) => one.metric === metric && one.result === verdict).sort((a, b) => b.index - a.index)[0];
}

const saw = ({ metric, value, message }: Measurement): object => ({
  metric,
  ...(value === undefined ? {} : { saw: value }),
  ...(message === undefined ? {} : { message }),
});

/** The same in a few words, for whoever asks why: `; result.value < 0.01 is false, saw 0.0909`. */
function seenIn({ value, message }: Measurement): string {
  const words = [message?.replace(/\s+/g, ' ').slice(0, MESSAGE_LENGTH_SHOWN), numberIn(value)].filter((part) => part !== undefined);
  return words.length === 0 ? '' : `; ${words.join(', ')}`;
}

/** The one number that a value of ours is about: a query's, a status, an exit code. */
function numberIn(value: Json | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const number = value['value'] ?? value['status'] ?? value['exitCode'];
  return typeof number === 'number' || typeof number === 'string' ? `saw ${String(number).slice(0, VALUE_LENGTH_SHOWN)}` : undefined;
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
