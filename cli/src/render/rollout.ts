import { waveNamed } from '@slipway/core';
import type { RolloutView } from '@slipway/contracts';
import { columns, progressBar, type Paint } from '../terminal.js';
import { waitsFor } from './waits.js';
import { span } from './when.js';

/** A rollout in one of these states begins nothing more. */
const OVER = new Set(['completed', 'superseded', 'rolledBack', 'cancelled']);
/** Members of one wave shown before the rest is counted. */
const SHOWN_MEMBERS_MAX = 12;

type Member = RolloutView['members'][number];

/** One rollout, one line per target with state and progress (FEEL.md). */
export function renderRollout(rollout: RolloutView, now: number, paint: Paint): string[] {
  const done = rollout.members.filter((member) => member.letter === 's').length;
  const wave = rollout.waves[rollout.wave];
  const waves = rollout.waves.length > 1 && wave ? `   wave ${rollout.wave + 1} of ${rollout.waves.length} (${wave.name})` : '';
  const because = rollout.because ? `   ${rollout.because}` : '';
  const wake =
    rollout.wakeAt !== undefined && rollout.wakeAt > now && rollout.state === 'running'
      ? `   goes on in ${span(rollout.wakeAt - now)}`
      : '';
  const head =
    `${paint.bold(`${rollout.deployment} ${rollout.version} → ${rollout.environment}`)}   ${rollout.renewal ? 'changed config, ' : ''}rollout ${rollout.id.slice(-6)} ${state(rollout.state, paint)}${waves}` +
    `   ${done} of ${rollout.members.length} done · budget ${rollout.budget.used} of ${rollout.budget.of} used${wake}${because}`;
  const rows: string[][] = [];
  rollout.waves.forEach((part, index) => {
    const members = rollout.members.slice(part.from, part.to);
    if (members.every((member) => member.letter === '.') && index > rollout.wave) {
      rows.push([
        part.name,
        `…${members.length} ${members.length === 1 ? 'target' : 'targets'}`,
        paint.dim(OVER.has(rollout.state) ? '· never begun' : `· waits for ${waveNamed(rollout.waves[index - 1]?.name ?? '')}`),
      ]);
      return;
    }
    members
      .slice(0, SHOWN_MEMBERS_MAX)
      .forEach((member, i) => rows.push([i === 0 ? part.name : '', member.resource, ...memberCells(member, now, paint)]));
    if (members.length > SHOWN_MEMBERS_MAX)
      rows.push(['', `…${members.length - SHOWN_MEMBERS_MAX} more`, tally(members.slice(SHOWN_MEMBERS_MAX))]);
  });
  const asks = (rollout.asks ?? []).map((ask) => paint.dim(`  ask: ${ask}`));
  return [head, ...columns(rows, '  ').split('\n'), ...asks];
}

function memberCells(member: Member, now: number, paint: Paint): string[] {
  const { job } = member;
  switch (member.letter) {
    case '.':
      return [paint.dim('· not begun')];
    case 'j':
      if (job?.waits?.for === 'hold') return [paint.cyan(`● ${waitsFor(job.waits, now)}`)];
      if (job?.waits?.for === 'person') return [paint.yellow('… waits for a person'), waitsFor(job.waits, now)];
      if (job?.doing !== undefined) return stepCells(job, member.verified, now, paint);
      if (job?.state === 'queued' || job?.state === 'dispatched')
        return ['· queued', job.waits ? waitsFor(job.waits, now) : (job.message ?? '')];
      return [paint.cyan(`● ${job?.state ?? 'running'}`), `${progressBar(job?.percent ?? 0)} ${job?.step ?? job?.message ?? ''}`.trimEnd()];
    case 'v':
      return [paint.cyan('● verifying'), member.verified ?? ''];
    case 's':
      return [
        paint.green('✓ succeeded'),
        [member.verified ? `verified ${member.verified}` : '', kept(job, now)].filter(Boolean).join(', '),
      ];
    case 'f':
      return [paint.red('✗ failed'), job?.message ?? ''];
    case 'u':
      return [paint.yellow('? unknown'), job?.message ?? 'a person must say what became of it'];
    case 'x':
      return [paint.dim('– excluded')];
    case 'b':
      return [paint.yellow('↩ rolling back'), job?.waits?.for === 'person' ? waitsFor(job.waits, now) : (job?.doing ?? job?.step ?? '')];
    case 'r':
      return [paint.yellow('↩ rolled back'), job?.message ?? ''];
    default:
      return [member.letter];
  }
}

/** One of several jobs at one target. */
function stepCells(job: NonNullable<Member['job']>, verified: string | undefined, now: number, paint: Paint): string[] {
  if (job.state === 'queued' || job.state === 'dispatched')
    return [`· ${job.doing}`, job.waits ? waitsFor(job.waits, now) : (job.message ?? '')];
  if (job.kind === 'verify') return [paint.cyan(`● ${job.doing}`), verified ?? ''];
  return [paint.cyan(`● ${job.doing}`), `${progressBar(job.percent ?? 0)} ${job.step ?? job.message ?? ''}`.trimEnd()];
}

/** The slot that served before, while it waits to be retired. */
function kept(job: Member['job'], now: number): string {
  return job?.kind === 'retire' && job.waits ? waitsFor(job.waits, now) : '';
}

function state(word: string, paint: Paint): string {
  if (word === 'completed') return paint.green(word);
  return word === 'running' || word === 'pending' ? paint.cyan(word) : paint.yellow(word);
}

function tally(members: readonly Member[]): string {
  const done = members.filter((member) => member.letter === 's').length;
  const begun = members.filter((member) => member.letter !== '.').length;
  return `${done} done, ${begun - done} under way`;
}
