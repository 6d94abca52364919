import { waveNamed } from '@slipway/core';
import type { ReplyOf } from '@slipway/contracts';
import type { Decision, DecisionGroup, RuleResult, Verdict } from '@slipway/core';
import { columns, pad, type Paint } from '../terminal.js';
import { renderObligations } from './obligations.js';
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
    if (!alike) lines.push(`${targetNames(group)}: ${verdictWord(group.verdict, paint)}`);
    lines.push(...renderGroup(group, paint), '');
  }
  for (const shadow of explained.shadow) lines.push(...shadowLines(shadow, paint), '');
  const standing = rolloutLine(explained.rollout, now, paint);
  if (standing) lines.push(standing, '');
  lines.push(footer(unblocks, running, now));
  return lines.join('\n');
}

/** One line for each place: what a person asks who names no environment. */
export function renderPlaces(decisions: readonly Explained[], paint: Paint): string {
  const rows = decisions.map(({ decision, unblocks, rollout, shadow }) => {
    const held = rollout && ['halted', 'paused', 'unknown'].includes(rollout.state) ? `rollout ${rollout.state}` : undefined;
    const said =
      held ??
      (decision.verdict === 'allowed'
        ? 'may go'
        : `${decision.verdict === 'waiting' ? 'waits' : decision.verdict}: ${decision.because.join('; ')}`);
    const disagrees = shadow.filter((one) => one.groups.some((group) => group.would !== 'agree')).map((one) => one.policy);
    const more = [
      ...(unblocks.length > 0 ? [`unblocks: ${unblocks.join('; ')}`] : []),
      ...(disagrees.length > 0 ? [`shadow ${disagrees.join(', ')} disagrees`] : []),
    ];
    return [
      `  ${paint.bold(decision.environment)}`,
      decision.version,
      `${mark(decision.verdict, paint)} ${said}`,
      ...(more.length > 0 ? [paint.dim(more.join('; '))] : []),
    ];
  });
  const [first] = decisions;
  return [paint.bold(first?.decision.deployment ?? ''), columns(rows), paint.dim('all of it: -e <environment>')].join('\n');
}

/** The smallest set of missing facts, and the earliest time. */
export function renderUnblock(explained: Explained, now: number, paint: Paint): string {
  const { decision, unblock } = explained;
  const head = `${paint.bold(`${decision.deployment} ${decision.version}`)} → ${decision.environment}`;
  if (unblock.length === 0) return `${head}   ${paint.green('nothing is in the way')}`;
  const lines = [head];
  for (const group of unblock) {
    if (unblock.length > 1 || decision.groups.length > 1) lines.push(targetNames(group));
    if (!group.possible) {
      lines.push(
        `  ${paint.red('only another version, an override or another policy helps')}`,
        ...group.because.map((one) => `    ${one}`),
      );
      continue;
    }
    const rows = group.needs.map(({ what, ask }) => [
      paint.yellow('needs'),
      what,
      ...(ask === undefined ? [] : [paint.dim(`ask: ${ask}`)]),
    ]);
    if (group.needs.length === 0) rows.push([paint.yellow('needs'), 'nothing but time']);
    const at = group.at !== undefined && group.at > now ? moment(group.at, now) : 'as soon as that is there';
    lines.push(columns([...rows, [paint.yellow('earliest'), at]], '  '));
  }
  return lines.join('\n');
}

function shadowLines(shadow: Explained['shadow'][number], paint: Paint): string[] {
  const count = (would: 'hold' | 'letGo'): number =>
    shadow.groups.filter((group) => group.would === would).reduce((sum, group) => sum + group.size, 0);
  const says = [
    ...(count('hold') > 0 ? [paint.yellow(`would hold ${count('hold')} of ${shadow.targets}`)] : []),
    ...(count('letGo') > 0 ? [paint.cyan(`would let go ${count('letGo')} of ${shadow.targets}`)] : []),
  ];
  const lines = [`  shadow policy ${paint.bold(shadow.policy)} ${paint.dim('(never gates)')}  ${says.join(', ') || 'says the same'}`];
  const told = new Map(shadow.groups.map((group) => [JSON.stringify(group.result.rules), group.result.rules]));
  for (const rules of told.values())
    if (rules.length > 0)
      lines.push(
        columns(
          rules.map((rule) => ruleRow(rule as RuleResult, paint).slice(0, 2)),
          '    ',
        ),
      );
  return lines;
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

/** `  par-1, par-2 and 7 more`. */
export function targetNames(group: Pick<DecisionGroup, 'resources' | 'rest' | 'size'>): string {
  if (group.rest) return group.size === 1 ? '  the other target' : `  the other ${group.size} targets`;
  const shown = group.resources.slice(0, NAMED_TARGETS_MAX).join(', ');
  return `  ${shown}${group.size > NAMED_TARGETS_MAX ? ` and ${group.size - NAMED_TARGETS_MAX} more` : ''}`;
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
  lines.push(`  then  ${renderObligations(group.obligations)}`);
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

/** What the rollout itself adds to the rules' answer. */
function rolloutLine(rollout: Explained['rollout'], now: number, paint: Paint): string | undefined {
  if (!rollout) return undefined;
  const wave = rollout.wave && rollout.state === 'running' ? `, ${waveNamed(rollout.wave)}` : '';
  const wake = rollout.wakeAt !== undefined && rollout.wakeAt > now ? `, goes on at ${moment(rollout.wakeAt, now)}` : '';
  const word = rollout.state === 'running' || rollout.state === 'completed' ? rollout.state : paint.yellow(rollout.state);
  const what = rollout.renewal ? 'rollout of its changed config' : 'rollout';
  const lines = [
    `  ${what} ${rollout.id.slice(-6)}  ${word}${wave}: ${rollout.done} of ${rollout.members} done${wake}${rollout.because ? `; ${rollout.because}` : ''}`,
  ];
  if (rollout.member !== undefined) lines.push(`    ${rollout.member}`);
  for (const waits of [...(rollout.waits ? [rollout.waits] : []), ...(rollout.othersWait ?? [])])
    lines.push(`    ${waits.resource} ${waitsFor(waits, now)}${waits.more > 0 ? `; ${waits.more} more wait` : ''}`);
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
