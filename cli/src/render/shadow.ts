import type { ReplyOf } from '@slipway/contracts';
import { columns, type Paint } from '../terminal.js';
import { moment, span } from './when.js';

/** Where shadow policies disagreed with the gate. */
export function renderShadows({ policies, disagreements, since }: ReplyOf<'policy.shadow'>, now: number, paint: Paint): string {
  const names = policies.map(({ policy }) => policy);
  const head = names.length > 0 ? `shadow policies: ${names.join(', ')}` : 'no shadow policy is applied; write shadow: true into one';
  if (disagreements.length === 0) return `${head}\nThey and the gate said the same since ${moment(since, now)}.`;
  const rows = disagreements.map(({ policy, deployment, environment, version, would, targets, ofTargets, from, to, ended, because }) => {
    const until = to === undefined ? `since ${moment(from, now)}` : `${moment(from, now)}, ${span(to - from)}`;
    const end = ended === 'over' ? (would === 'hold' ? 'it went all the same' : 'over') : ended === 'agreed' ? 'then they agreed' : 'lasts';
    return [
      paint.bold(policy),
      `${deployment} ${version} → ${environment}`,
      would === 'hold' ? paint.yellow('would hold') : paint.cyan('would let go'),
      `${targets} of ${ofTargets}`,
      until,
      end,
      paint.dim(because.join('; ')),
    ];
  });
  return `${head}\n\n${columns(rows)}`;
}
