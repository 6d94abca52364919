import type { Happening, ReplyOf } from '@slipway/contracts';
import { columns, type Paint } from '../terminal.js';
import { moment } from './when.js';

/** Targets named of one happening before the rest is counted. */
const NAMED_MAX = 3;

/** One line for each thing that happened, newest first. */
export function renderHistory({ happenings }: ReplyOf<'policy.history'>, now: number, paint: Paint): string {
  if (happenings.length === 0) return 'Nothing is recorded of that.';
  return columns(
    happenings.map((one) => [
      paint.dim(moment(one.at, now)),
      one.environment ?? '',
      one.version ?? '',
      wordOf(one, paint),
      targetsOf(one),
      [one.by, one.because].filter((part) => part !== undefined).join(': '),
    ]),
  );
}

function wordOf({ what }: Happening, paint: Paint): string {
  if (what === 'succeeded' || what === 'approved') return paint.green(what);
  if (what === 'failed' || what === 'rejected') return paint.red(what);
  const words = what.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return what === 'rolledBack' || what === 'quarantined' ? paint.yellow(words) : words;
}

function targetsOf({ resources, targets }: Happening): string {
  if (targets === 0) return '';
  if (targets <= NAMED_MAX) return resources.join(', ');
  return `${targets} targets`;
}
