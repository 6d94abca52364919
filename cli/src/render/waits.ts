import type { Wait } from '@slipway/contracts';
import { moment, span } from './when.js';

/** What holds a job up, with its times as a person near the clock says them. */
export function waitsFor(wait: Wait, now: number): string {
  const heard = wait.lastHeardAt === undefined ? '' : ` ${span(now - wait.lastHeardAt)} ago`;
  const ask = wait.ask === undefined ? '' : `; ${wait.ask}`;
  switch (wait.for) {
    case 'retry':
      return `retries ${wait.until === undefined ? '' : `at ${moment(wait.until, now)}, `}${wait.sentence}`;
    case 'agent':
    case 'noAgent':
      return `${wait.for === 'agent' ? 'waits for ' : ''}${wait.sentence}${heard}${wait.until === undefined ? '' : `, until ${moment(wait.until, now)}`}${ask}`;
    case 'hold':
      return `${wait.sentence}${wait.until === undefined ? '' : ` until ${moment(wait.until, now)}`}${ask}`;
    case 'person':
      return `${wait.sentence}${ask}`;
    case 'slot':
      return `waits: ${wait.sentence}`;
    case 'target':
    case 'gate':
    case 'queue':
      return wait.sentence;
  }
}
