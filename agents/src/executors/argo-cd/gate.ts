import type { ArgoCdConfig } from '@slipway/contracts';
import { cleanText } from '../../text.js';
import { initiatorOf, lastOperation, reconciledAt, revisionsOf, type Application } from './application.js';

/** What is known of the operation that succeeded. */
export interface Finished {
  finishedAt: number;
  /** When this agent saw it, by its own clock. */
  seenAt: number;
  revisions: readonly string[];
  /** Whether the Application is compared to what was synced: not after a sync to another revision than its spec's, or a rollback by history. */
  compared: boolean;
}

export type GateAnswer =
  | { is: 'healthy' }
  /** `stale`: what is said may be of the time before the operation's end. */
  | { is: 'wait'; because: string; stale?: true }
  /** A failure when it lasts. */
  | { is: 'bad'; because: string };

const MESSAGE_LENGTH_MAX = 300;
const BROKEN = new Set(['ComparisonError', 'InvalidSpecError']);

/** Whether a sync that succeeded has brought about a healthy Application. `Synced` and `Healthy` right after a sync are the old state. */
export function judgeHealth(app: Application, finished: Finished, config: Pick<ArgoCdConfig, 'suspended'>): GateAnswer {
  // These times have whole seconds: of the same second it may be the state before, so a later one is asked for.
  if (reconciledAt(app) <= finished.finishedAt) return { is: 'wait', because: 'until Argo CD has compared it after the sync', stale: true };
  const last = lastOperation(app);
  if (last && !last.over) return { is: 'wait', because: `until an operation of ${initiatorOf(last.operation)} is over` };
  const broken = app.status.conditions.find(({ type }) => BROKEN.has(type ?? ''));
  if (broken) return { is: 'bad', because: `${broken.type}: ${cleanText(broken.message ?? '', MESSAGE_LENGTH_MAX)}` };
  const now = revisionsOf(app.status.sync);
  if (finished.compared && now.join() !== finished.revisions.join())
    return { is: 'bad', because: `the source has moved: ${listed(finished.revisions)} was synced, and is now compared to ${listed(now)}` };
  const { status = 'none', message = '' } = app.status.health ?? {};
  const told = `health is ${cleanText(status, 40)}${message === '' ? '' : `: ${cleanText(message, MESSAGE_LENGTH_MAX)}`}`;
  if (status === 'Healthy' || (status === 'Suspended' && config.suspended === 'healthy')) return { is: 'healthy' };
  return status === 'Degraded' ? { is: 'bad', because: told } : { is: 'wait', because: told };
}

const listed = (revisions: readonly string[]): string =>
  revisions.length > 0 ? revisions.map((one) => cleanText(one, 80)).join(', ') : 'nothing';
