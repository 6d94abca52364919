import type { ReplayedChange, ReplyOf, SimulatedChange } from '@slipway/contracts';
import { columns, type Paint } from '../terminal.js';
import { mark, targetNames } from './explain.js';
import { moment, span } from './when.js';

type Simulated = ReplyOf<'policy.simulate'>;

/** What a change of policies would change: for each place and version, before → after and why. */
export function renderSimulation(reply: Simulated, now: number, paint: Paint): string {
  const { policies, history, ignored, leftOut } = reply;
  const lines: string[] = [];
  const changed = [
    ...policies.added.map((name) => paint.green(`+ ${name}`)),
    ...policies.changed.map((name) => paint.yellow(`~ ${name}`)),
    ...policies.removed.map((name) => paint.red(`− ${name}`)),
  ];
  lines.push(changed.length > 0 ? `policies  ${changed.join('  ')}` : 'policies  unchanged', '');
  if (history) lines.push(...pastLines(history, now, paint));
  else lines.push(...todayLines(reply, paint));
  if (ignored.length > 0) lines.push(paint.dim(`Not looked at: ${ignored.join(', ')}. Only policies are simulated.`));
  for (const what of leftOut) lines.push(`${paint.yellow('!')} left out: ${what}`);
  return lines.join('\n').trimEnd();
}

function todayLines({ changes, judged }: Simulated, paint: Paint): string[] {
  const seen = `${judged.versions} ${judged.versions === 1 ? 'version' : 'versions'} in ${judged.pairs} ${judged.pairs === 1 ? 'place' : 'places'}`;
  if (changes.length === 0) return [`Nothing would change today: ${seen}, ${judged.targets} targets judged.`];
  const lines = changes.flatMap((change) => [placeLine(change, paint), ...changeLines(change, paint), '']);
  return [...lines, `${changes.length} would change of ${seen}.`];
}

function placeLine(change: SimulatedChange | ReplayedChange, paint: Paint): string {
  const where = `${paint.bold(`${change.deployment} ${change.version}`)} → ${change.environment}`;
  const count = `${change.size} ${change.size === 1 ? 'target' : 'targets'}`;
  return `${where}   ${paint.dim(change.rest ? count : `${count}: ${targetNames(change).trim()}`)}`;
}

function changeLines({ before, after, differs, how, unblocks }: SimulatedChange, paint: Paint): string[] {
  const rows = [
    ...(before ? [['  before', `${mark(before.verdict, paint)} ${before.verdict}`, before.because.join('; ')]] : []),
    [before ? '  after' : '  now', `${mark(after.verdict, paint)} ${after.verdict}`, after.because.join('; ')],
  ];
  const lines = differs === 'how' ? [] : [columns(rows)];
  if (how.length > 0) lines.push(`  goes otherwise: ${how.join(', ')}`);
  if (unblocks.length > 0 && differs !== 'how') lines.push(paint.dim(`  unblocks: ${unblocks.join('; ')}`));
  return lines;
}

function pastLines({ from, changes, badNotGone }: NonNullable<Simulated['history']>, now: number, paint: Paint): string[] {
  const since = `since ${moment(from, now)}`;
  if (changes.length === 0) return [`Nothing would have been otherwise ${since}.`];
  const lines = changes.flatMap((change) => [placeLine(change, paint), ...pastChange(change, now, paint), '']);
  if (badNotGone.length > 0) lines.push(`Bad ones that would not have gone: ${paint.green(badNotGone.join(', '))}.`, '');
  return [...lines, `${changes.length} would have been otherwise ${since}.`];
}

const OUTCOMES: Record<ReplayedChange['outcome'], string> = {
  started: 'went, and has not ended',
  succeeded: 'went, and succeeded',
  failed: 'went, and failed',
  rolledBack: 'went, and was rolled back',
  none: 'did not go',
};

function pastChange({ before, after, would, outcome, wentAt, from }: ReplayedChange, now: number, paint: Paint): string[] {
  const told = (course: ReplayedChange['before']): string =>
    `${course.allowedAt === undefined ? `held to the end, ${span(course.heldMs)}` : course.heldMs === 0 ? 'at once' : `after ${span(course.heldMs)}, ${moment(course.allowedAt, now)}`}${course.because.length > 0 ? `  ${paint.dim(course.because.join('; '))}` : ''}`;
  const words = {
    heldLonger: paint.yellow('held longer'),
    goneSooner: paint.cyan('gone sooner'),
    neverGone: paint.red('not gone'),
    goneAfterAll: paint.cyan('gone after all'),
  };
  return [
    columns(
      [
        ['would be', words[would]],
        ['before', told(before)],
        ['after', told(after)],
        ['really', `${OUTCOMES[outcome]}${wentAt === undefined ? '' : `, ${moment(wentAt, now)}`}; there since ${moment(from, now)}`],
      ],
      '  ',
    ),
  ];
}
