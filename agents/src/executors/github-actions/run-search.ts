import type { GithubActionsConfig } from '@slipway/contracts';
import type { AgentClock, Timers } from '../../ports.js';
import { pause } from '../../timers.js';
import { Interrupted } from '../../vendor/failures.js';
import { Refused } from '../executor.js';
import { readRuns, readWorkflowName, type WorkflowRun } from './answers.js';
import { said, type Asking } from './credentials.js';
import type { GithubSession } from './github-session.js';
import { serverTime } from './rate-limits.js';

/** GitHub's lists show a run seconds after its dispatch; a minute is what others wait, too. */
const LAG_MS = 60_000;
const LOOKS_AFTER_MS = [2_000, 4_000, 8_000, 15_000];
/** GitHub gives a thousand results for one search; the look goes on before the oldest of them, and ends after so many pages. */
const PAGES_PER_SEARCH = 10;
const THOROUGH = { pages: 50, perPage: 100 };
/** Before a dispatch: whoever began this run otherwise did so just now. */
export const GLANCE = { pages: 1, perPage: 20 };
/** GitHub ends every run after 35 days, waiting for a review included. */
const RUN_LASTS_MS = 35 * 86_400_000;
/** The clock that made the job's id and GitHub's may differ so much. */
const CLOCKS_DIFFER_MS = 3_600_000;

export interface Sought {
  session: GithubSession;
  config: GithubActionsConfig;
  runId: string;
}

export interface Look {
  found?: WorkflowRun;
  /** Everything from `since` on was seen. */
  complete: boolean;
  /** GitHub's clock. */
  at: number | undefined;
  runs: WorkflowRun[];
}

const time = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');

/** True when this title holds this id, and not a longer one. */
const holds = (title: string, runId: string): boolean => {
  const at = title.indexOf(runId);
  return at >= 0 && !/[A-Za-z0-9]/.test(title[at - 1] ?? ' ') && !/[A-Za-z0-9]/.test(title[at + runId.length] ?? ' ');
};

/** Before this a run of the job can't have begun: ids of jobs carry the time at which they were made (UUID v7). */
export function earliestOf(runId: string, clock: AgentClock): number {
  const made = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/.exec(runId);
  const bound = clock.now() - RUN_LASTS_MS;
  return made ? Math.max(bound, Number.parseInt(`${made[1]}${made[2]}`, 16) - CLOCKS_DIFFER_MS) : bound;
}

/**
 * One look at the workflow's dispatched runs since then for the one whose title holds the id, newest first. Branches are not told apart: the id
 * is enough, and GitHub's filter knows neither tags nor `refs/heads/` for certain. Throws `Refused` when the list can't be had.
 */
export async function look({ session, config, runId }: Sought, since: number, asking: Asking, limit = THOROUGH): Promise<Look> {
  const path = `/repos/${config.repository}/actions/workflows/${encodeURIComponent(config.workflow)}/runs`;
  const runs: WorkflowRun[] = [];
  let until: string | undefined;
  let at: number | undefined;
  for (let pages = 0, page = 1; pages < limit.pages; pages++, page++) {
    const created = until === undefined ? `>=${time(since)}` : `${time(since)}..${until}`;
    const query = { event: 'workflow_dispatch', created, per_page: limit.perPage, page, exclude_pull_requests: true };
    const answer = await session.ask({ method: 'GET', path, query }, asking);
    at ??= serverTime(answer);
    const list = answer.status === 200 ? readRuns(answer.json) : undefined;
    if (!list) throw new Refused(whyNot(config, answer));
    const found = list.runs.find(({ display_title }) => holds(display_title, runId));
    if (found) return { found, complete: true, at, runs };
    runs.push(...list.runs);
    if (list.length < limit.perPage) return { complete: true, at, runs };
    if (page === PAGES_PER_SEARCH) {
      const oldest = list.runs.at(-1)?.created_at ?? '';
      if (oldest === '' || oldest === until) break;
      until = oldest;
      page = 0;
    }
  }
  return { complete: false, at, runs };
}

/**
 * Looks until the run is there or the list has had its time to show it; `untold` says why it can't be told that there is none.
 * Throws `Interrupted` and `Refused`.
 */
export async function awaitRun(
  sought: Sought,
  since: number,
  asking: Asking,
  { clock, timers }: { clock: AgentClock; timers: Timers },
): Promise<{ found?: WorkflowRun; untold?: string }> {
  let until: number | undefined;
  for (let looks = 0; ; looks++) {
    const seen = await look(sought, since, asking).catch((error: unknown) => {
      // One strange answer among good ones proves nothing.
      if (!(error instanceof Refused) || looks === 0) throw error;
      return error;
    });
    if (!(seen instanceof Refused) && seen.found) return { found: seen.found };
    // From the first answer on: what lay before may have been an outage, after which the list lags as well.
    until ??= clock.monotonic() + LAG_MS;
    if (clock.monotonic() >= until) {
      if (seen instanceof Refused) throw seen;
      return notFound(sought, seen, asking);
    }
    const waitMs = LOOKS_AFTER_MS[Math.min(looks, LOOKS_AFTER_MS.length - 1)] as number;
    asking.waiting(`looking in GitHub for a run of ${sought.config.workflow} named with ${sought.runId}`);
    await pause(timers, Math.min(waitMs, Math.max(0, until - clock.monotonic())), asking.signal);
    if (asking.signal.aborted) throw new Interrupted();
  }
}

/** A run that has the workflow's own name says of no job that it is its; then nothing is certain. */
async function notFound({ session, config, runId }: Sought, { runs, complete }: Look, asking: Asking): Promise<{ untold?: string }> {
  if (!complete) return { untold: `${config.workflow} was dispatched more often than can be looked through` };
  if (runs.length === 0) return {};
  const path = `/repos/${config.repository}/actions/workflows/${encodeURIComponent(config.workflow)}`;
  const name = readWorkflowName((await session.ask({ method: 'GET', path }, asking)).json);
  const unnamed = runs.filter(({ display_title }) => display_title === '' || display_title === name);
  if (unnamed.length === 0) return {};
  return {
    untold: `${unnamed.length} run${unnamed.length === 1 ? '' : 's'} of ${config.workflow} may be this job's, and ${unnamed.length === 1 ? 'its name does' : 'their names do'} not tell; give the workflow a run-name with \${{ inputs.${config.jobInput} }}, which was ${runId}`,
  };
}

/** Why GitHub does not give a list or takes no dispatch: what was asked, what it said, what would be right. */
export function whyNot(config: GithubActionsConfig, answer: Parameters<typeof said>[0]): string {
  const { repository, workflow, server } = config;
  const credential = config.app ? `App ${config.app.id}` : 'the token';
  switch (answer.status) {
    case 200:
      return `${server} answered something that is not GitHub's API; for an Enterprise Server write server: https://<host>/api/v3`;
    case 401:
      return `${server} did not accept ${credential} for ${repository}: ${said(answer)}; give one that is valid`;
    case 403:
      return `${credential} may not use ${workflow} in ${repository}: ${said(answer)}; it needs the permission Actions: read and write`;
    case 404:
      return `there is no workflow ${workflow} in ${repository} that ${credential} may see at ${server}: ${said(answer)}; check both names, that the file is on the default branch, and that ${credential} reaches the repository with Actions: read and write`;
    case 422:
      return `GitHub does not dispatch ${workflow} of ${repository} at ${config.ref}: ${said(answer)}; the file at that branch or tag must have the trigger workflow_dispatch with the inputs ${[config.jobInput, ...Object.keys(config.inputs ?? {})].join(', ')}`;
    default:
      return `${server} did not take the request for ${workflow} of ${repository}: ${said(answer)}`;
  }
}
