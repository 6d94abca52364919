/*
 * GitHub's records as its document has them, with what our tests do not look at filled in.
 */

export interface StandInStep {
  name: string;
  status: string;
  conclusion: string | null;
}

export interface StandInJob {
  id: number;
  name: string;
  status: string;
  conclusion: string | null;
  steps: StandInStep[];
  log: string;
}

export interface StandInRun {
  id: number;
  repository: string;
  workflow: string;
  title: string;
  event: string;
  ref: string;
  inputs: Record<string, string>;
  status: string | null;
  conclusion: string | null;
  attempt: number;
  createdAt: number;
  updatedAt: number;
  jobs: StandInJob[];
  /** Environments that wait for a review or a timer. */
  pending: { environment: string; reviewers: string[]; waitMinutes: number }[];
}

const isoTime = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
const SHA = '0123456789abcdef0123456789abcdef01234567';

export function userRecord(url: string, login: string): Record<string, unknown> {
  const of = (path: string): string => `${url}/users/${login}${path}`;
  return {
    ...{ login, id: 1, node_id: 'U_1', avatar_url: of('/avatar'), gravatar_id: '', url: of(''), html_url: `${url}/${login}` },
    ...{ followers_url: of('/followers'), following_url: of('/following'), gists_url: of('/gists'), starred_url: of('/starred') },
    ...{ subscriptions_url: of('/subscriptions'), organizations_url: of('/orgs'), repos_url: of('/repos'), events_url: of('/events') },
    ...{ received_events_url: of('/received_events'), type: 'User', site_admin: false },
  };
}

const REPOSITORY_URLS =
  'archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees'.split(
    ' ',
  );

function repositoryRecord(url: string, repository: string): Record<string, unknown> {
  const [owner = '', name = ''] = repository.split('/');
  return {
    ...{ id: 7, node_id: 'R_7', name, full_name: repository, owner: userRecord(url, owner), private: true, fork: false },
    ...{ html_url: `${url}/${repository}`, description: null, url: `${url}/repos/${repository}` },
    ...Object.fromEntries(REPOSITORY_URLS.map((what) => [`${what}_url`, `${url}/repos/${repository}/${what}`])),
  };
}

export function runRecord(url: string, run: StandInRun, workflowId: number): Record<string, unknown> {
  const api = `${url}/repos/${run.repository}/actions/runs/${run.id}`;
  const repository = repositoryRecord(url, run.repository);
  const actor = userRecord(url, 'slipway');
  return {
    ...{ id: run.id, name: run.workflow, node_id: `WFR_${run.id}`, head_branch: run.ref, head_sha: SHA, run_number: run.id },
    ...{ path: `.github/workflows/${run.workflow}@${run.ref}`, display_title: run.title, event: run.event, status: run.status },
    ...{ conclusion: run.conclusion, workflow_id: workflowId, url: api, html_url: `${url}/${run.repository}/actions/runs/${run.id}` },
    ...{ pull_requests: [], created_at: isoTime(run.createdAt), updated_at: isoTime(run.updatedAt), run_attempt: run.attempt },
    ...{ run_started_at: isoTime(run.createdAt), jobs_url: `${api}/jobs`, logs_url: `${api}/logs`, cancel_url: `${api}/cancel` },
    ...{ check_suite_url: `${url}/repos/${run.repository}/check-suites/1`, artifacts_url: `${api}/artifacts`, rerun_url: `${api}/rerun` },
    ...{ previous_attempt_url: null, workflow_url: `${url}/repos/${run.repository}/actions/workflows/${workflowId}`, actor },
    ...{ triggering_actor: actor, repository, head_repository: repository },
    head_commit: { id: SHA, tree_id: SHA, message: 'a commit', timestamp: isoTime(run.createdAt), author: null, committer: null },
  };
}

export function jobRecord(url: string, run: StandInRun, job: StandInJob): Record<string, unknown> {
  const api = `${url}/repos/${run.repository}/actions`;
  const at = isoTime(run.createdAt);
  const ended = job.status === 'completed' ? isoTime(run.updatedAt) : null;
  return {
    ...{
      id: job.id,
      run_id: run.id,
      run_url: `${api}/runs/${run.id}`,
      node_id: `CR_${job.id}`,
      head_sha: SHA,
      url: `${api}/jobs/${job.id}`,
    },
    ...{ html_url: `${url}/${run.repository}/actions/runs/${run.id}/job/${job.id}`, status: job.status, conclusion: job.conclusion },
    ...{ created_at: at, started_at: at, completed_at: ended, name: job.name, run_attempt: run.attempt, check_run_url: `${api}/check/1` },
    steps: job.steps.map((step, i) => ({ ...step, number: i + 1, started_at: at, completed_at: step.status === 'completed' ? at : null })),
    ...{ labels: ['ubuntu-latest'], runner_id: 1, runner_name: 'runner', runner_group_id: 1, runner_group_name: 'Default' },
    ...{ workflow_name: run.workflow, head_branch: run.ref },
  };
}

export const pendingRecord = (url: string, { environment, reviewers, waitMinutes }: StandInRun['pending'][number]): unknown => ({
  environment: { id: 5, node_id: 'EN_5', name: environment, url: `${url}/environments/5`, html_url: `${url}/environments/5` },
  wait_timer: waitMinutes,
  wait_timer_started_at: null,
  current_user_can_approve: false,
  reviewers: reviewers.map((login) => ({ type: 'User', reviewer: userRecord(url, login) })),
});
