import { DEFAULT_TIMEOUTS, type Obligations, type WithinStrategy } from '@slipway/core';
import { span } from './when.js';

/** How a version goes, in one line: `in 2 waves (canary, all), verified by health, rolled back on jobFailure (target)`. */
export function renderObligations({ gradualRollout, verification, retry, rollback, concurrency, timeouts }: Obligations): string {
  const parts = [acrossTargets(gradualRollout.across)];
  if (gradualRollout.within) parts.push(withinTarget(gradualRollout.within));
  for (const { max, per } of concurrency) parts.push(`at most ${max} at once per ${typeof per === 'object' ? per.key : per}`);
  if (verification.length > 0) parts.push(`verified by ${verification.map((metric) => metric.name).join(', ')}`);
  if (retry.attempts > 1) parts.push(`tried up to ${retry.attempts} times on ${retry.on.join(' or ')}`);
  if (rollback) parts.push(`rolled back on ${rollback.on.join(' or ')} (${rollback.scope})`);
  parts.push(...limits(timeouts));
  return parts.join(', ');
}

function acrossTargets(across: Obligations['gradualRollout']['across']): string {
  switch (across.type) {
    case 'allAtOnce':
      return 'all at once';
    case 'linear':
      return `one every ${span(across.everyMs)}`;
    case 'linearNormalized':
      return `spread over ${span(across.withinMs)}`;
    case 'waves':
      return `in ${across.waves.length} waves (${across.waves.map((wave) => wave.name).join(', ')})`;
  }
}

function withinTarget(within: WithinStrategy): string {
  if (within.type === 'canary') return `each by canary at ${within.steps.map((step) => `${step.weight} %`).join(', ')}`;
  return `each to its idle slot${within.preview ? ', previewed' : ''}, then switched, the old slot kept ${span(within.keepOldMs)}`;
}

/** Time-outs that someone asked for. */
function limits({ pickupMs, runMs, silenceMs }: Obligations['timeouts']): string[] {
  const asked = [
    ...(pickupMs === DEFAULT_TIMEOUTS.pickupMs ? [] : [`${span(pickupMs)} without an agent`]),
    ...(runMs === DEFAULT_TIMEOUTS.runMs ? [] : [`${span(runMs)} of running`]),
    ...(silenceMs === DEFAULT_TIMEOUTS.silenceMs ? [] : [`${span(silenceMs)} of silence`]),
  ];
  return asked.length === 0 ? [] : [`given up after ${asked.join(' or ')}`];
}
