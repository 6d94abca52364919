import { subjects, VERIFY_EXECUTOR, type JobInvitation } from '@slipway/contracts';
import type { OutboxMessage } from '@slipway/persistence';
import type { JobRow } from '../tables.js';

/** An invitation to claim. One per dispatch: JetStream keeps one message per job, so a repeat on a full subject is no second one. */
export function invitation(row: JobRow): OutboxMessage {
  const { id, attempt, kind, deployment, environment, resource, version } = row;
  const body: JobInvitation = { job: id, attempt, kind, deployment, environment, resource, version };
  const executor = kind === 'verify' ? VERIFY_EXECUTOR : row.executor;
  return { subject: subjects.jobQueue(row.pool, executor, id), id: `${id}:${attempt}:${row.epoch}:${row.dispatchedAt ?? 0}`, body };
}

/** A job's start, its end, when a person must act and when one has confirmed; verification jobs tell their verdict instead of their end. */
export function jobEvent(row: JobRow, verb: string, now: number): OutboxMessage {
  const { id, kind, version, attempt, deployment, environment, resource } = row;
  const body = {
    version,
    verb,
    ...(row.message === undefined ? {} : { message: row.message }),
    kind,
    attempt,
    ...(row.agent === undefined ? {} : { agent: row.agent }),
    ...(row.rollback ? { rollback: true } : {}),
    ...(row.weight === undefined ? {} : { weight: row.weight }),
    ...(row.slot === undefined ? {} : { slot: row.slot }),
    deployment,
    environment,
    resource,
    job: id,
    release: row.releaseId,
    ...(row.rolloutId === undefined ? {} : { rollout: row.rolloutId }),
    ...(row.startedAt === undefined ? {} : { startedAt: row.startedAt }),
    ...(row.asked && verb === 'actionRequired' ? { asked: row.asked } : {}),
    ...(row.confirmation && verb === 'confirmed' ? { confirmation: row.confirmation } : {}),
    links: row.links,
    at: now,
  };
  const subject = kind === 'verify' ? subjects.verification(row, verb) : subjects.job(row, verb);
  // A run may ask more than once.
  const which = verb === 'actionRequired' || verb === 'confirmed' ? `:${row.reportN}` : '';
  return { subject, id: `job:${id}:${attempt}:${row.epoch}:${verb}${which}`, body };
}
