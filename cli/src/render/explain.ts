import type { ReplyOf } from '@slipway/contracts';
import type { Decision, DecisionGroup, RuleResult, Verdict, WithinStrategy } from '@slipway/core';
import { columns, pad, type Paint } from '../terminal.js';
import { waitsFor } from './waits.js';
import { moment, span } from './when.js';

type Explained = ReplyOf<'policy.explain'>['decisions'][number];

/** How many targets of a group are named before the rest is counted. */
const NAMED_TARGETS_MAX = 6;

/** The tree of one decision, readable in ten seconds (FEEL.md). */
export function renderExplanation(explained: Explained, now: number, paint: Paint): string {
  const { decision, running, unblocks } = explained;
  const alike = decision.groups.length <= 1;
  const head = `${paint.bold(`${decision.deployment} ${decision.version}`)} ${headline(decision)}`;
  const count = `${decision.targets} ${decision.targets === 1 ? 'target' : 'targets'}${alike && decision.targets > 1 ? ', all alike' : ''}`;
  const lines = [`${pad(head, 64)} ${paint.dim(count)}`, ''];
  for (const group of decision.groups) {
    if (!alike) lines.push(`${names(group)}: ${verdictWord(group.verdict, paint)}`);
    lines.push(...renderGroup(group, paint), '');
  }
  const standing = rolloutLine(explained.rollout, now, paint);
  if (standing) lines.push(standing, '');
  lines.push(footer(unblocks, running, now));
  return lines.join('\n');
}

function headline(decision: Decision): string {
  switch (decision.verdict) {
    case 'allowed':
      return `may go to ${decision.environment}.`;
    case 'waiting':
      return `may not go to ${decision.environment} yet.`;
    case 'undecided':
      return `is undecided for ${decision.environment}, and so does not go.`;
    case 'denied':
      return `may not go to ${decision.environment}.`;
  }
}

function names(group: DecisionGroup): string {
  if (group.rest) return `  the other ${group.size} targets`;
  const shown = group.resources.slice(0, NAMED_TARGETS_MAX).join(', ');
  return `  ${shown}${group.resources.length > NAMED_TARGETS_MAX ? ` and ${group.resources.length - NAMED_TARGETS_MAX} more` : ''}`;
}

function renderGroup(group: DecisionGroup, paint: Paint): string[] {
  const lines: string[] = [];
  if (group.standing.length > 0) {
    lines.push(
      columns(
        group.standing.map((rule) => ruleRow(rule, paint)),
        '  ',
      ),
    );
  }
  for (const policy of group.policies) {
    lines.push(`  policy ${paint.bold(policy.policy)}`);
    if (policy.rules.length > 0)
      lines.push(
        columns(
          policy.rules.map((rule) => ruleRow(rule, paint)),
          '    ',
        ),
      );
  }
  if (group.policies.length === 0 && group.standing.length === 0) lines.push('  no policy concerns it');
  lines.push(`  then  ${obligations(group)}`);
  return lines;
}

function ruleRow(rule: RuleResult, paint: Paint): string[] {
  const row = [`${mark(rule.verdict, paint)} ${rule.rule}`, rule.sentence];
  // An override or pin is shown with the command that ends it, also where it allows.
  const lifts = rule.overriddenBy !== undefined || rule.rule === 'pin';
  return rule.ask && (rule.verdict !== 'allowed' || lifts) ? [...row, paint.dim(`ask: ${rule.ask}`)] : row;
}

/** ✓ allowed, … waiting, ? undecided, ✗ denied. */
export function mark(verdict: Verdict, paint: Paint): string {
  switch (verdict) {
    case 'allowed':
      return paint.green('✓');
    case 'waiting':
      return paint.yellow('…');
    case 'undecided':
      return paint.red('?');
    case 'denied':
      return paint.red('✗');
  }
}

function verdictWord(verdict: Verdict, paint: Paint): string {
  return verdict === 'allowed' ? paint.green(verdict) : verdict === 'waiting' ? paint.yellow(verdict) : paint.red(verdict);
}

function obligations(group: DecisionGroup): string {
  const { gradualRollout, verification, rollback } = group.obligations;
  const across = gradualRollout.across;
  const parts: string[] = [];
  switch (across.type) {
    case 'allAtOnce':
      parts.push('all at once');
      break;
    case 'linear':
      parts.push(`one every ${span(across.everyMs)}`);
      break;
    case 'linearNormalized':
      parts.push(`spread over ${span(across.withinMs)}`);
      break;
    case 'waves':
      parts.push(`in ${across.waves.length} waves (${across.waves.map((wave) => wave.name).join(', ')})`);
      break;
  }
  if (gradualRollout.within) parts.push(withinTarget(gradualRollout.within));
  if (verification.length > 0) parts.push(`verified by ${verification.map((metric) => metric.name).join(', ')}`);
  if (rollback) parts.push(`rolled back on ${rollback.on.join(' or ')} (${rollback.scope})`);
  return parts.join(', ');
}

function withinTarget(within: WithinStrategy): string {
  if (within.type === 'canary') return `each by canary at ${within.steps.map((step) => `${step.weight} %`).join(', ')}`;
  return `each to its idle slot${within.preview ? ', previewed' : ''}, then switched, the old slot kept ${span(within.keepOldMs)}`;
}

/** What the rollout itself adds to the rules' answer. */
function rolloutLine(rollout: Explained['rollout'], now: number, paint: Paint): string | undefined {
  if (!rollout) return undefined;
  const wave = rollout.wave && rollout.state === 'running' ? `, wave ${rollout.wave}` : '';
  const wake = rollout.wakeAt !== undefined && rollout.wakeAt > now ? `, goes on at ${moment(rollout.wakeAt, now)}` : '';
  const word = rollout.state === 'running' || rollout.state === 'completed' ? rollout.state : paint.yellow(rollout.state);
  const what = rollout.renewal ? 'rollout of its changed config' : 'rollout';
  const lines = [
    `  ${what} ${rollout.id.slice(-6)}  ${word}${wave}: ${rollout.done} of ${rollout.members} done${wake}${rollout.because ? `; ${rollout.because}` : ''}`,
  ];
  const { waits } = rollout;
  if (waits) lines.push(`    ${waits.resource} ${waitsFor(waits, now)}${waits.more > 0 ? `; ${waits.more} more wait` : ''}`);
  for (const ask of rollout.asks ?? []) lines.push(paint.dim(`    ask: ${ask}`));
  return lines.join('\n');
}

function footer(unblocks: readonly string[], running: Explained['running'], now: number): string {
  const unblock = unblocks.length > 0 ? `Unblocks: ${unblocks.join('; ')}. ` : '';
  if (running.length === 0) return `${unblock}Nothing runs there now.`;
  const runs = running.map(
    (r) =>
      `${r.version}${running.length > 1 ? ` on ${r.count}` : ''}${r.since === undefined ? '' : ` since ${span(now - r.since)} (${moment(r.since, now)})`}`,
  );
  return `${unblock}Running there now: ${runs.join(', ')}.`;
}
