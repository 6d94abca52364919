import type { ArgoCdConfig } from '@slipway/contracts';
import type { Run } from '../executor.js';
import type { ArgoCdApi } from './api.js';
import {
  autoSyncs,
  lastOperation,
  runOf,
  sameSources,
  sourcesOf,
  specSources,
  revisionsOf,
  timeOf,
  type Application,
  type SeenOperation,
} from './application.js';

/** One run of the executor: what it is to bring about, and what it says. */
export interface ArgoRun {
  run: Run;
  config: ArgoCdConfig;
  api: ArgoCdApi;
}

/**
 * What the run notes. Only a cache: another agent has none of it.
 * `sent`: a request to begin an operation was `sent` and its answer is not known, or it was `taken`.
 * `written`: the spec was changed while auto-sync is on. `accepted`: the revisions of an operation of auto-sync that stands for ours. `rolledBackTo`: the entry of the history we asked for.
 * `begunAt`: when the controller took our operation up, as its history has it. `stopped`: we had it terminated. `finished`: what came of our operation, which a later one replaces in the Application.
 */
export const NOTE = {
  sent: 'sent',
  begunAt: 'begunAt',
  accepted: 'accepted',
  rolledBackTo: 'rolledBackTo',
  written: 'written',
  stopped: 'stopped',
  finished: 'finished',
} as const;

/** The clocks of Slipway, the agent and the cluster may differ by so much. */
const CLOCKS_DIFFER_MS_MAX = 60_000;

/** The operation that is this run's: it carries the run's id, or is the one of auto-sync or of a rollback that stands for it. */
export function ownOperation({ run }: ArgoRun, app: Application): SeenOperation | undefined {
  const last = lastOperation(app);
  if (!last) return undefined;
  if (runOf(last.operation) === run.id) return last;
  if (runOf(last.operation) !== undefined) return undefined;
  const revisions = revisionsOf(last.operation.sync).join();
  const { [NOTE.accepted]: accepted, [NOTE.rolledBackTo]: rolledBackTo } = run.notes;
  if (last.operation.initiatedBy?.automated) return accepted !== undefined && accepted === revisions ? last : undefined;
  return rolledBackTo !== undefined && isRollback(last) && rolledBackTo === revisions ? last : undefined;
}

/** An operation of the rollback endpoint, which takes no info: it has the strategy that only it and people choose. */
export const isRollback = ({ operation }: SeenOperation): boolean => operation.sync?.syncStrategy?.apply !== undefined;

/** Whether auto-sync itself is bringing about, or has brought about, exactly what the spec says. */
export const isAutoSyncOfSpec = ({ operation }: SeenOperation, app: Application): boolean =>
  operation.initiatedBy?.automated === true &&
  autoSyncs(app.spec) &&
  operation.sync?.resources.length === 0 &&
  sameSources(sourcesOf(operation.sync), specSources(app.spec));

/** Whether this operation certainly began before the run could have begun anything. */
export function beganBefore(run: Run, { operation, state }: SeenOperation): boolean {
  const other = runOf(operation);
  const [job, attempt] = splitRun(run.id);
  // An earlier attempt of the job is over before the next begins, and a new operation replaces the old one.
  if (other !== undefined) {
    const [otherJob, otherAttempt] = splitRun(other);
    if (otherJob === job && otherAttempt < attempt) return true;
  }
  const at = timeOf(state?.startedAt);
  const born = bornAt(run.grant.job);
  return at !== undefined && born !== undefined && at < born - CLOCKS_DIFFER_MS_MAX;
}

function splitRun(id: string): [string, number] {
  const dot = id.lastIndexOf('.');
  return [id.slice(0, dot), Number(id.slice(dot + 1))];
}

/** When a job was made: jobs have ids of UUID v7, which begin with it. */
function bornAt(job: string): number | undefined {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(job) ? Number.parseInt(job.slice(0, 8) + job.slice(9, 13), 16) : undefined;
}

/** Where people see it. */
export const uiOf = ({ config }: ArgoRun, app: Application): string =>
  `${config.server}/applications/${encodeURIComponent(app.metadata.namespace ?? config.application.namespace ?? 'argocd')}/${encodeURIComponent(config.application.name)}`;
