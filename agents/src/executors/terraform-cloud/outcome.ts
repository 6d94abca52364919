import type { TerraformCloudConfig } from '@slipway/contracts';
import { cleanText } from '../../text.js';
import type { Outcome, Run } from '../executor.js';
import type { SeenRun } from './seen-run.js';
import { costSentence, planSentence, stageSentence, words } from './summary.js';

const STOP_NOTE = 'stop';

/** That we asked for the run's end, written before we do: its status alone does not tell our stop from another's. */
export const noteStop = (run: Run): void => {
  if (!isStopped(run)) run.note(STOP_NOTE, true);
};

const isStopped = (run: Run): boolean => run.notes[STOP_NOTE] === true;

/** What a run that is over means for the job. */
export function outcomeOf(
  run: Run,
  config: TerraformCloudConfig,
  seen: SeenRun,
  said: { policies: string | undefined; lastError: string },
): Outcome {
  const { status } = seen.run.attributes;
  const more = [planSentence(seen.plan), costSentence(seen.cost), said.policies].filter(Boolean).join('; ');
  const with_ = (sentence: string): string => (more === '' ? sentence : `${sentence}; ${more}`);
  switch (status) {
    case 'applied':
      return { verb: 'succeeded', message: with_('applied') };
    case 'planned_and_finished':
      return planned(config, seen, with_);
    case 'discarded':
      return { verb: 'cancelled', message: with_(`discarded${isStopped(run) ? '' : ' there by somebody'}: nothing was applied`) };
    case 'canceled':
    case 'force_canceled':
      return cancelled(run, seen, with_);
    default:
      return { verb: status === 'assessed' ? 'succeeded' : 'failed', message: failure(seen, said) };
  }
}

function planned(config: TerraformCloudConfig, { run }: SeenRun, with_: (sentence: string) => string): Outcome {
  if (!run.attributes['has-changes']) return { verb: 'succeeded', message: with_('no changes: everything is as the configuration says') };
  if (config.planOnly) return { verb: 'succeeded', message: with_('planned only, as asked: nothing was applied') };
  return { verb: 'failed', message: with_('there are changes, and the run was for planning only: nothing was applied') };
}

function cancelled(run: Run, { apply }: SeenRun, with_: (sentence: string) => string): Outcome {
  const began = apply !== undefined && ['running', 'errored', 'canceled', 'finished'].includes(apply.attributes.status);
  const where = began ? 'in the middle of the apply: what it had done until then stays' : 'before anything was applied';
  if (isStopped(run)) return { verb: 'cancelled', message: with_(`cancelled ${where}`) };
  // Somebody else's stop half way leaves a target that is neither as before nor as wanted.
  return { verb: began ? 'failed' : 'cancelled', message: with_(`cancelled there by somebody ${where}`) };
}

function failure(seen: SeenRun, { policies, lastError }: { policies: string | undefined; lastError: string }): string {
  const { status } = seen.run.attributes;
  const inPlan = seen.plan?.attributes.status === 'errored' ? 'the plan failed' : undefined;
  const inApply = seen.apply?.attributes.status === 'errored' ? 'the apply failed: what it had done until then stays' : undefined;
  const first = inApply ?? inPlan ?? `it ended as ${words(status)}`;
  const error = lastError === '' ? undefined : cleanText(lastError, 300);
  return [first, error, policies, stageSentence(seen)].filter(Boolean).join('; ');
}
