import type { GithubActionsConfig } from '@slipway/contracts';
import type { Outcome } from '../executor.js';
import type { WorkflowJobs, WorkflowRun } from './answers.js';

/** What GitHub can say of a run; anything else is not known here, and the run is followed on. */
export type RunPhase = 'queued' | 'blocked' | 'running' | 'waiting' | 'ended' | 'unknown';

export function phaseOf({ status, conclusion }: WorkflowRun): RunPhase {
  switch (status) {
    case 'queued':
    case 'requested':
      return 'queued';
    case 'pending':
      return 'blocked';
    case 'in_progress':
      return 'running';
    case 'waiting':
    case 'action_required':
      return 'waiting';
    case 'completed':
      break;
    default:
      return 'unknown';
  }
  if (conclusion === 'action_required') return 'waiting';
  // Without a conclusion it is settling still.
  return conclusion !== undefined && CONCLUSIONS.has(conclusion) ? 'ended' : 'unknown';
}

const FAILURES: Readonly<Record<string, string>> = {
  failure: 'failed',
  timed_out: 'was ended by its own time limit in GitHub',
  startup_failure: 'could not be started: GitHub found the workflow file invalid, or was not allowed to run it',
};
const CONCLUSIONS = new Set(['success', 'cancelled', 'skipped', 'neutral', 'stale', ...Object.keys(FAILURES)]);

export interface Ended {
  config: GithubActionsConfig;
  run: WorkflowRun;
  jobs: WorkflowJobs | undefined;
  /** It was we who stopped it. */
  stopped: boolean;
}

/** What a run whose phase is `ended` means for the job. */
export function outcomeOf({ config, run, jobs, stopped }: Ended): Outcome {
  const conclusion = run.conclusion ?? '';
  const name = `run ${run.id} of ${config.workflow}${run.run_attempt > 1 ? ` (attempt ${run.run_attempt})` : ''}`;
  const links: Record<string, string> = run.html_url === undefined ? {} : { run: run.html_url };
  const outputs = { workflowRunId: run.id, runAttempt: run.run_attempt, conclusion, ...(run.html_url ? { url: run.html_url } : {}) };
  const said = { outputs, links };
  switch (conclusion) {
    case 'success':
      return { verb: 'succeeded', ...said };
    case 'cancelled':
      return { verb: 'cancelled', message: `${name} was cancelled${stopped ? '' : ' in GitHub'}`, ...said };
    case 'skipped':
    case 'neutral': {
      const message = `${name} concluded ${conclusion}: none of its jobs deployed anything (onSkipped: ${config.onSkipped})`;
      return { verb: config.onSkipped, message, ...said };
    }
    case 'stale':
      return { verb: 'unknown', message: `GitHub gave ${name} up (stale); what it did is not known`, ...said };
    default:
      return { verb: 'failed', message: `${name} ${FAILURES[conclusion] ?? `concluded ${conclusion}`}${culprits(jobs)}`, ...said };
  }
}

const CULPRITS_MAX = 5;

/** The jobs that failed, each with the step at which it did. */
function culprits(jobs: WorkflowJobs | undefined): string {
  const failed = (jobs?.jobs ?? []).filter(({ conclusion }) => conclusion !== undefined && conclusion in FAILURES);
  if (failed.length === 0) return '';
  const named = failed.slice(0, CULPRITS_MAX).map(({ name, steps }) => {
    const step = steps.find(({ conclusion }) => conclusion !== undefined && conclusion in FAILURES);
    return `job ${name}${step ? ` at step ${step.name}` : ''}`;
  });
  const more = failed.length > CULPRITS_MAX ? `, and ${failed.length - CULPRITS_MAX} more` : '';
  return `: ${named.join(', ')}${more}`;
}
