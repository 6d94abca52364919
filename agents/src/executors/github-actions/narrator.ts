import type { GithubActionsConfig } from '@slipway/contracts';
import { cleanText } from '../../text.js';
import type { Run } from '../executor.js';
import { readPending, type PendingDeployment, type WorkflowJobs, type WorkflowRun } from './answers.js';
import { phaseOf } from './conclusions.js';
import type { Asking } from './credentials.js';
import type { GithubSession } from './github-session.js';
import type { Seen } from './repository-poller.js';

const MESSAGE_LENGTH_MAX = 1_000;
const STEP_LENGTH_MAX = 200;
/** Until GitHub says that it has ended, it has not. */
const PERCENT_MAX = 99;
/** Who must act is read again after so long, or when the run has changed. */
const PENDING_AGAIN_MS = 60_000;
/** Noted while a person is waited for: news of a vendor that is down must not start the run's clock again, in a later life neither. */
const ASKED = 'github.asked';

/** How requests of a run wait: people read why, and the run's mask learns what was used for them. */
export const askingOf = (run: Run, signal: AbortSignal): Asking => ({
  signal,
  waiting: (reason) => {
    if (run.notes[ASKED] !== true) run.progress({ message: cleanText(reason, MESSAGE_LENGTH_MAX) });
  },
  hide: (value) => run.hide(value),
});

/** Tells the job's people what GitHub says of its run. */
export class Narrator {
  private said = '';
  private attempt: number;
  private asked = { of: '', at: -Infinity };

  constructor(
    private readonly run: Run,
    private readonly config: GithubActionsConfig,
    private readonly session: GithubSession,
    private readonly asking: Asking,
  ) {
    this.attempt = typeof run.notes['github.attempt'] === 'number' ? run.notes['github.attempt'] : 1;
  }

  /** Afterwards, what was said last is said again. */
  waits(reason: string): void {
    this.said = '';
    this.asking.waiting(reason);
  }

  async tell({ run, jobs }: Seen): Promise<void> {
    if (!run) return;
    const again = this.attemptOf(run);
    switch (phaseOf(run)) {
      case 'queued':
        return this.progress(run, { message: `${again}queued in GitHub` });
      case 'blocked':
        return this.progress(run, { message: `${again}waits in GitHub for its turn: another run of its concurrency group goes first` });
      case 'running':
        return this.progress(run, { message: `${again}running in GitHub`, ...(jobs ? progressOf(jobs) : {}) });
      case 'waiting':
        return this.askPerson(run);
      case 'unknown': {
        const state = [run.status ?? 'no status', run.conclusion].filter(Boolean).join(', ');
        return this.progress(run, { message: `${again}GitHub says "${state}", which this agent does not know; it follows the run on` });
      }
      case 'ended':
        return;
    }
  }

  /** Somebody had it run again: the latest attempt is the one that counts. */
  private attemptOf({ run_attempt: attempt }: WorkflowRun): string {
    if (attempt !== this.attempt) this.run.note('github.attempt', attempt);
    this.attempt = attempt;
    return attempt > 1 ? `attempt ${attempt}: ` : '';
  }

  private progress(run: WorkflowRun, progress: Parameters<Run['progress']>[0]): void {
    const all = { ...progress, ...(run.html_url === undefined ? {} : { links: { run: run.html_url } }) };
    const said = JSON.stringify(all);
    if (said === this.said) return;
    this.said = said;
    if (this.run.notes[ASKED] === true) this.run.note(ASKED, false);
    this.run.progress(all);
  }

  private async askPerson(run: WorkflowRun): Promise<void> {
    const now = this.run.clock.monotonic();
    const of = JSON.stringify([run.status, run.updated_at, run.run_attempt]);
    if (of === this.asked.of && now - this.asked.at < PENDING_AGAIN_MS && this.said !== '') return;
    this.asked = { of, at: now };
    const pending = run.status === 'completed' ? [] : await this.pendingOf(run);
    if (pending.length > 0 && pending.every(({ wait_timer, reviewers }) => wait_timer > 0 && reviewers.length === 0)) {
      const timers = pending.map(({ environment, wait_timer }) => `${environment.name} (${wait_timer} min)`);
      return this.progress(run, { message: `waits in GitHub for the timer of environment ${timers.join(', ')}` });
    }
    if (this.run.notes[ASKED] !== true) this.run.note(ASKED, true);
    const what = pending.length > 0 ? `a review for ${pending.map(reviewOf).join(', ')}` : 'an approval';
    const message = cleanText(`run ${run.id} of ${this.config.workflow} waits in GitHub for ${what}`, MESSAGE_LENGTH_MAX);
    this.said = message;
    this.run.actionRequired(message, run.html_url === undefined ? {} : { link: run.html_url });
  }

  private async pendingOf(run: WorkflowRun): Promise<PendingDeployment[]> {
    const path = `/repos/${this.config.repository}/actions/runs/${run.id}/pending_deployments`;
    const answer = await this.session.ask({ method: 'GET', path }, this.asking);
    return (answer.status === 200 ? readPending(answer.json) : undefined) ?? [];
  }
}

function reviewOf({ environment, reviewers }: PendingDeployment): string {
  const names = reviewers.map(({ reviewer }) => reviewer.login ?? reviewer.name ?? '').filter((name) => name !== '');
  return `environment ${environment.name}${names.length > 0 ? ` by ${names.join(' or ')}` : ''}`;
}

/** How far the jobs are, each counting the same, by their steps; and the step under way. */
function progressOf({ jobs, count }: WorkflowJobs): { percent?: number; step?: string } {
  if (count === 0) return {};
  const done = jobs.map(({ status, steps }) => {
    if (status === 'completed') return 1;
    return steps.length === 0 ? 0 : steps.filter((step) => step.status === 'completed').length / steps.length;
  });
  const percent = Math.min(PERCENT_MAX, Math.floor((100 * done.reduce((sum, part) => sum + part, 0)) / count));
  const job = jobs.find(({ status }) => status === 'in_progress');
  const step = job?.steps.find(({ status }) => status === 'in_progress');
  if (!job) return { percent };
  return { percent, step: cleanText(step ? `${job.name}: ${step.name}` : job.name, STEP_LENGTH_MAX) };
}
