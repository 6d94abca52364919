import { VERIFY_EXECUTOR, type Wait } from '@slipway/contracts';
import type { Tx } from '@slipway/persistence';
import { LOST_AFTER_MS } from '../agents/heartbeats.js';
import { confirmCommand, isConfirmed } from './asks.js';
import { agentTable, jobTable, type AgentRow, type JobRow } from '../tables.js';

/** Places in longer queues are not counted; that there are so many says enough. */
const QUEUE_READ_MAX = 5_000;

type Reader = Pick<Tx, 'find'>;
type Queued = Pick<JobRow, 'id' | 'pool' | 'executor' | 'queuedAt' | 'dispatchedAt' | 'held' | 'slots'>;
type Waiting = Queued &
  Pick<JobRow, 'state' | 'attempt' | 'attemptsMax' | 'message' | 'heldBecause' | 'wakeAt' | 'pickupUntil'> &
  Pick<JobRow, 'agent' | 'asked' | 'confirmation'>;

/** Who else waits for an agent or a slot, and which agents there are. */
export interface Queues {
  agents: AgentRow[];
  /** Offered to the agents of their pools, and not taken. */
  offered: Queued[];
  /** Held back by a concurrency limit. */
  limited: Queued[];
}

const QUEUED = ['id', 'pool', 'executor', 'queuedAt', 'dispatchedAt', 'held', 'slots'] as const;

/** What these jobs wait behind; nothing is read when none of them waits. */
export async function readQueues(reader: Reader, jobs: readonly Pick<JobRow, 'state' | 'held'>[]): Promise<Queues> {
  const options = { only: QUEUED, orderBy: { queuedAt: 'asc' }, limit: QUEUE_READ_MAX } as const;
  const someOffered = jobs.some((job) => job.state === 'dispatched');
  const someLimited = jobs.some((job) => job.held === 'concurrency');
  return {
    agents: someOffered ? await reader.find(agentTable, {}, { orderBy: { agent: 'asc' } }) : [],
    offered: someOffered ? await reader.find(jobTable, { occupies: true, state: 'dispatched' }, options) : [],
    limited: someLimited ? await reader.find(jobTable, { held: 'concurrency' }, options) : [],
  };
}

/** What holds a job up, and until when; undefined when nothing does. */
export function waitOf(job: Waiting, queues: Queues, now: number): Wait | undefined {
  if (job.state === 'dispatched') return forAgent(job, queues, now);
  if (job.state === 'actionRequired') return forPerson(job);
  if (job.state !== 'queued') return undefined;
  if (job.held === 'concurrency') {
    const keys = new Set(job.slots.map((slot) => slot.key));
    const before = queues.limited.filter(
      (other) => isBefore(other, job, (one) => one.queuedAt) && other.slots.some(({ key }) => keys.has(key)),
    );
    return {
      for: 'slot',
      sentence: `${job.heldBecause ?? 'a concurrency limit is reached'}${ahead(before.length, queues.limited.length)}`,
    };
  }
  if (job.held === 'hold')
    return {
      for: 'hold',
      sentence: job.heldBecause ?? 'the step before it holds',
      ...(job.wakeAt === undefined ? {} : { until: job.wakeAt }),
    };
  if (job.held !== undefined) return { for: job.held === 'busy' ? 'target' : 'gate', sentence: job.heldBecause ?? 'it is held back' };
  if (job.attempt > 1 && job.wakeAt !== undefined && job.wakeAt > now)
    return {
      for: 'retry',
      sentence: `attempt ${job.attempt} of ${job.attemptsMax}${job.message === undefined ? '' : ` after: ${job.message}`}`,
      until: job.wakeAt,
    };
  return { for: 'queue', sentence: 'is about to be offered to an agent' };
}

/** What a person is asked, and how to answer; or that somebody has. */
export function forPerson(job: Pick<JobRow, 'id' | 'executor' | 'agent' | 'asked' | 'confirmation'>): Wait {
  const { asked, confirmation, agent } = job;
  if (confirmation && isConfirmed(job)) {
    const why = confirmation.reason === undefined ? '' : ` (${confirmation.reason})`;
    return { for: 'person', sentence: `confirmed by ${confirmation.by}${why}; agent ${agent} goes on with its next word` };
  }
  const message = asked?.message ?? `a person must act in ${job.executor}`;
  const ask = confirmCommand(job);
  if (ask !== undefined) return { for: 'person', sentence: message, ask };
  return { for: 'person', sentence: asked?.link === undefined ? message : `${message} (at ${asked.link})` };
}

function forAgent(job: Waiting, queues: Queues, now: number): Wait {
  const agents = queues.agents.filter((agent) => agent.pool === job.pool);
  const until = job.pickupUntil === undefined ? {} : { until: job.pickupUntil };
  const last = agents.reduce<AgentRow | undefined>((a, b) => (a && a.heardAt >= b.heardAt ? a : b), undefined);
  if (!last)
    return {
      for: 'noAgent',
      sentence: `no agent of pool ${job.pool} was ever heard of`,
      ask: `slipway agent enroll <name> --pool ${job.pool} --executors ${job.executor}`,
      ...until,
    };
  const there = agents.filter((agent) => now - agent.heardAt <= LOST_AFTER_MS);
  if (there.length === 0)
    return {
      for: 'noAgent',
      sentence: `no agent of pool ${job.pool} is online: ${last.agent} was heard last`,
      lastHeardAt: last.heardAt,
      ...until,
    };
  const able = there.filter((agent) => job.executor === VERIFY_EXECUTOR || agent.executors.includes(job.executor));
  if (able.length === 0)
    return { for: 'noAgent', sentence: `no agent of pool ${job.pool} that is online runs executor ${job.executor}`, ...until };
  if (able.every((agent) => agent.state !== 'online')) {
    const states = able.map((agent) => `${agent.agent} is ${agent.state}`).join(', ');
    return { for: 'noAgent', sentence: `no agent of pool ${job.pool} takes jobs now: ${states}`, ...until };
  }
  const before = queues.offered.filter(
    (other) =>
      other.pool === job.pool && other.executor === job.executor && isBefore(other, job, (one) => one.dispatchedAt ?? one.queuedAt),
  );
  return { for: 'agent', sentence: `a free agent of pool ${job.pool}${ahead(before.length, queues.offered.length)}`, ...until };
}

/** Ids grow with time, so they tell the order of jobs of one moment. */
function isBefore(a: Queued, b: Queued, at: (job: Queued) => number): boolean {
  return at(a) < at(b) || (at(a) === at(b) && a.id < b.id);
}

function ahead(before: number, read: number): string {
  if (before === 0) return '';
  return `, ${before}${read >= QUEUE_READ_MAX ? ' or more' : ''} ${before === 1 ? 'job' : 'jobs'} before it`;
}
