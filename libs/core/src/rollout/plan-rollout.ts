import type { Obligations } from '../model/decision.js';
import type { ResourceDoc } from '../model/inventory.js';
import type { AcrossStrategy, GradualRolloutRule, WaveSpec } from '../model/policy.js';
import type { Rollout, RolloutPlan } from '../model/rollout.js';
import { cutWaves } from './cut-waves.js';
import { orderTargets } from './order-targets.js';

export interface PlanRolloutInput {
  id: string;
  deployment: string;
  environment: string;
  versionId: string;
  version: string;
  targets: readonly ResourceDoc[];
  obligations: Obligations;
  now: number;
}

/**
 * The frozen plan of one version entering one environment, in state `pending`. Same input, same plan. Throws SlipwayError when a wave's selector
 * cannot be evaluated for one of the targets.
 */
export function planRollout(input: PlanRolloutInput): Rollout {
  const plan = planOf(input.targets, input.obligations.gradualRollout, input.versionId);
  return {
    id: input.id,
    deployment: input.deployment,
    environment: input.environment,
    versionId: input.versionId,
    version: input.version,
    state: 'pending',
    plan,
    obligations: input.obligations,
    members: '.'.repeat(plan.members.length),
    wave: 0,
    forgiven: 0,
    createdAt: input.now,
    wakeAt: input.now,
    generation: 1,
  };
}

function planOf(targets: readonly ResourceDoc[], rule: GradualRolloutRule, versionId: string): RolloutPlan {
  const ordered = orderTargets(targets, rule.order, versionId);
  const { members, waves } = cutWaves(ordered, waveSpecs(rule));
  const all = Math.max(1, members.length);
  const everyMs = distance(rule.across, all);
  const maxInFlight = everyMs === undefined ? Math.max(1, Math.min(rule.maxInFlight ?? all, all)) : 1;
  const failureBudget =
    'count' in rule.failureBudget ? rule.failureBudget.count : Math.floor((members.length * rule.failureBudget.percent) / 100);
  return { members, waves, maxInFlight, failureBudget, bakeMs: rule.bakeMs, ...(everyMs === undefined ? {} : { everyMs }) };
}

/** One after the other, or evenly spread: the first at once, the last one distance before the end. */
function distance(across: AcrossStrategy, members: number): number | undefined {
  switch (across.type) {
    case 'linear':
      return across.everyMs;
    case 'linearNormalized':
      return Math.floor(across.withinMs / members);
    case 'allAtOnce':
    case 'waves':
      return undefined;
  }
}

/** Strategies without waves are one wave; one target after the other bakes its first target, so that one is a wave of its own. */
function waveSpecs({ across, bakeMs }: GradualRolloutRule): WaveSpec[] {
  const whole: WaveSpec = { name: 'all', targets: { percent: 100 }, holdMs: 0, verify: true, approve: false };
  switch (across.type) {
    case 'waves':
      return across.waves;
    case 'allAtOnce':
      return [whole];
    case 'linear':
    case 'linearNormalized':
      return bakeMs > 0 ? [{ ...whole, name: 'first', targets: { count: 1 } }, whole] : [whole];
  }
}
