/** What a run's status means to us. `waiting`: a person may have to confirm; whether so is told by its actions. `decision`: a person must decide about policies or tasks. */
export type RunGroup = 'queued' | 'working' | 'waiting' | 'decision' | 'succeeded' | 'failed' | 'unknown';

const STATUSES: Readonly<Record<Exclude<RunGroup, 'unknown'>, readonly string[]>> = {
  queued: ['pending', 'fetching', 'fetching_completed', 'queuing', 'plan_queued', 'confirmed', 'queuing_apply', 'apply_queued'],
  working: [
    'pre_plan_running',
    'pre_plan_completed',
    'planning',
    'cost_estimating',
    'policy_checking',
    'post_plan_running',
    'pre_apply_running',
    'pre_apply_completed',
    'applying',
    'post_apply_running',
    'post_apply_completed',
    'assessing',
  ],
  waiting: ['planned', 'cost_estimated', 'policy_checked', 'post_plan_completed', 'planned_and_saved', 'tf_policy_checked'],
  decision: ['policy_override', 'tf_policy_override', 'pre_plan_awaiting_decision', 'post_plan_awaiting_decision'],
  succeeded: ['applied', 'planned_and_finished', 'assessed'],
  failed: ['errored', 'canceled', 'force_canceled', 'discarded', 'policy_soft_failed'],
};

const GROUPS = new Map(Object.entries(STATUSES).flatMap(([group, statuses]) => statuses.map((status) => [status, group as RunGroup])));

/** A status that we do not know goes on: `unknown`. */
export const groupOf = (status: string): RunGroup => GROUPS.get(status) ?? 'unknown';

export const isOver = (status: string): boolean => ['succeeded', 'failed'].includes(groupOf(status));
