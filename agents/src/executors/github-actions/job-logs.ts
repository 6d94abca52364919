import type { GithubActionsConfig } from '@slipway/contracts';
import { pause } from '../../timers.js';
import type { Run } from '../executor.js';
import type { WorkflowJob, WorkflowJobs } from './answers.js';
import { said, type Asking } from './credentials.js';
import type { GithubSession } from './github-session.js';

/** The end of a job's log tells what went wrong; the whole is in GitHub. */
const KEPT_BYTES_MAX = 65_536;
const DOWNLOAD_BYTES_MAX = 32 * 1_048_576;
const JOBS_MAX = 10;
const DOWNLOAD_MS_MAX = 30_000;
/** No faster than a job's log may grow. */
const PIECE = { length: 15_000, everyMs: 150 };

/** Copies the end of each job's log to the job's own log; those of jobs that did not succeed first, if there are many. */
export async function copyLogs(
  run: Run,
  config: GithubActionsConfig,
  session: GithubSession,
  jobs: WorkflowJobs,
  asking: Asking,
): Promise<void> {
  const worth = jobs.jobs.filter(({ conclusion }) => conclusion !== 'skipped');
  const chosen = [...worth].sort((a, b) => Number(a.conclusion === 'success') - Number(b.conclusion === 'success')).slice(0, JOBS_MAX);
  for (const job of worth.filter((one) => chosen.includes(one))) {
    if (asking.signal.aborted) return;
    await copyLog(run, config, session, job, asking).catch((error: unknown) => {
      run.output.write('agent', `the log of job ${job.name} could not be read: ${(error as Error).message}\n`);
    });
  }
  const left = worth.length - chosen.length;
  if (left > 0) run.output.write('agent', `the logs of ${left} more jobs are in GitHub\n`);
}

async function copyLog(run: Run, config: GithubActionsConfig, session: GithubSession, job: WorkflowJob, asking: Asking): Promise<void> {
  const path = `/repos/${config.repository}/actions/jobs/${job.id}/logs`;
  const answer = await session.ask({ method: 'GET', path }, asking);
  const link = answer.headers['location'];
  if (answer.status !== 302 || link === undefined || !URL.canParse(link)) throw new Error(`GitHub answered ${said(answer)}`);
  // Whoever has the link has the log, for a minute.
  run.hide(link);
  const { text, lost } = await download(session, link, AbortSignal.any([asking.signal, AbortSignal.timeout(DOWNLOAD_MS_MAX)]));
  run.output.write('agent', `job ${job.name}: ${job.conclusion ?? 'no conclusion'}\n`);
  if (lost > 0) run.output.lose(lost);
  for (let at = 0; at < text.length; at += PIECE.length) {
    await pause(run.timers, PIECE.everyMs, run.signal);
    const piece = text.slice(at, at + PIECE.length);
    if (run.output.ready()) run.output.write('out', piece);
    else run.output.lose(piece.length);
  }
}

/** The end of what is behind the link. */
async function download(session: GithubSession, link: string, signal: AbortSignal): Promise<{ text: string; lost: number }> {
  const stream = await session.open(link, signal);
  let kept = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    kept = Buffer.concat([kept, chunk]);
    if (kept.length > 2 * KEPT_BYTES_MAX) kept = kept.subarray(-KEPT_BYTES_MAX);
    if (bytes > DOWNLOAD_BYTES_MAX) break;
  }
  const text = kept
    .subarray(-KEPT_BYTES_MAX)
    .toString('utf8')
    .replace(/^\ufeff/, '');
  return { text: text === '' || text.endsWith('\n') ? text : `${text}\n`, lost: Math.max(0, bytes - KEPT_BYTES_MAX) };
}
