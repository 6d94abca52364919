import type { InboxItem } from '@slipway/contracts';
import type { Paint } from '../terminal.js';
import { moment, span } from './when.js';

const NAMES: Record<InboxItem['kind'], string> = {
  approval: 'approval',
  undecided: 'undecided',
  waveApproval: 'wave approval',
  inconclusive: 'verification without a verdict',
  unknown: 'unknown outcome',
  halted: 'halted',
  paused: 'paused',
  actionRequired: 'a run asks',
  unplannable: 'cannot be planned',
};

/** All that waits for a person, oldest first, each with what can be done about it. */
export function renderInbox(items: readonly InboxItem[], more: number, now: number, paint: Paint): string {
  if (items.length === 0) return 'Nothing waits for a person.';
  const head = `${items.length + more} ${items.length + more === 1 ? 'thing waits' : 'things wait'} for a person, oldest first`;
  const rest = more > 0 ? [paint.dim(`and ${more} more, newer than these`)] : [];
  return [head, ...items.map((item) => renderItem(item, now, paint)), ...rest].join('\n\n');
}

function renderItem(item: InboxItem, now: number, paint: Paint): string {
  const { kind, deployment, environment, targets, since, sentence, asks, link } = item;
  const sign = kind === 'halted' || kind === 'unknown' ? paint.red('!') : paint.yellow('…');
  const size = targets === undefined || targets === 0 ? '' : `, ${targets} ${targets === 1 ? 'target' : 'targets'}`;
  const waits = paint.dim(`since ${moment(since, now)} (${span(now - since)})`);
  return [
    `${sign} ${paint.bold(`${deployment} → ${environment}`)}  ${NAMES[kind]}${size}  ${waits}`,
    `  ${sentence}`,
    ...(link === undefined ? [] : [`  see ${paint.cyan(link)}`]),
    ...asks.map((ask) => `  ${paint.cyan(ask)}`),
  ].join('\n');
}
