import type { ParsedRequestOf, RolloutView, StatusCell, Wait } from '@slipway/contracts';
import type { Store, Tx } from '@slipway/persistence';
import { jobTable, measurementTable, rolloutTable, type JobRow, type MeasurementRow, type RolloutRow } from '../tables.js';
import { asksOf, type Stands } from './asks.js';
import { doingOf } from './step-words.js';
import { readQueues, waitOf } from './waits.js';

type Reader = Pick<Tx, 'find' | 'count'>;
type MemberView = RolloutView['members'][number];

/** More members than these are counted, not listed one by one with their jobs. */
const MEMBERS_SHOWN_MAX = 2_000;

/** Rollouts as people watch them, newest first. */
export async function showRollouts(
  store: Store,
  request: ParsedRequestOf<'scheduler.rollouts'>,
  now: number,
): Promise<{ rollouts: RolloutView[] }> {
  const { deployment, environment, id, limit, members } = request;
  return store.read(async (reader) => {
    const where = {
      ...(deployment === undefined ? {} : { deployment }),
      ...(environment === undefined ? {} : { environment }),
      ...(id === undefined ? {} : { id }),
    };
    const rows = await reader.find(rolloutTable, where, { orderBy: { createdAt: 'desc', id: 'desc' }, limit });
    const rollouts: RolloutView[] = [];
    for (const row of rows) {
      const shown = members ? await membersOf(reader, row, now) : { members: [], uncertain: [], holds: false };
      rollouts.push({ ...(headOf(row, shown) as RolloutView), members: shown.members });
    }
    return { rollouts };
  });
}

/** Everything of a rollout but its members. */
export function headOf(row: RolloutRow, stands: Stands = {}): NonNullable<StatusCell['rollout']> {
  const asks = asksOf(row, stands);
  const { id, deployment, environment, version, state, wave, plan, createdAt } = row;
  const because = row.ending?.because ?? row.because;
  const count = (letters: string): number => [...row.members].filter((letter) => letters.includes(letter)).length;
  return {
    ...{ id, deployment, environment, version, state, wave, createdAt },
    ...(because === undefined ? {} : { because }),
    ...(row.renewal ? { renewal: true } : {}),
    ...(asks.length > 0 ? { asks } : {}),
    ...(row.ending ? { ending: row.ending.state } : {}),
    waves: plan.waves.map(({ name, from, to, holdMs, approve }) => ({ name, from, to, holdMs, approve })),
    budget: { used: Math.max(0, count('fbr') - row.forgiven), of: plan.failureBudget },
    counts: {
      targets: row.members.length,
      pending: count('.'),
      running: count('j'),
      verifying: count('v'),
      succeeded: count('s'),
      failed: count('f'),
      unknown: count('u'),
      rolledBack: count('r'),
      rollingBack: count('b'),
    },
    maxInFlight: plan.maxInFlight,
    ...(row.waveDoneAt === undefined ? {} : { waveDoneAt: row.waveDoneAt }),
    ...(row.startedAt === undefined ? {} : { startedAt: row.startedAt }),
    ...(row.finishedAt === undefined ? {} : { finishedAt: row.finishedAt }),
    ...(row.wakeAt === undefined ? {} : { wakeAt: row.wakeAt }),
  };
}

/** The members, the jobs of which a person must say what became of them, and whether a step holds. */
async function membersOf(reader: Reader, row: RolloutRow, now: number): Promise<Required<Stands> & { members: MemberView[] }> {
  const jobs =
    row.plan.members.length > MEMBERS_SHOWN_MAX
      ? []
      : await reader.find(jobTable, { rolloutId: row.id }, { orderBy: { queuedAt: 'asc', id: 'asc' } });
  const verifies = jobs.filter((job) => job.kind === 'verify').map((job) => job.id);
  const measured = Map.groupBy(
    verifies.length > 0 ? await reader.find(measurementTable, { jobId: verifies }) : [],
    (measurement) => measurement.jobId,
  );
  const newest = new Map(jobs.map((job) => [job.ordinal, job]));
  const newestVerify = new Map(jobs.filter((job) => job.kind === 'verify').map((job) => [job.ordinal, job]));
  const queues = await readQueues(reader, row.finishedAt === undefined ? [...newest.values()] : []);
  const uncertain = [...newest.values()].filter((job) => row.members[job.ordinal ?? -1] === 'u').map((job) => job.id);
  const members = row.plan.members.map((resource, ordinal): MemberView => {
    const letter = row.members[ordinal] ?? '.';
    const job = newest.get(ordinal);
    const verify = newestVerify.get(ordinal);
    return {
      resource,
      letter,
      ...(job && letter !== '.' ? { job: jobHead(job, waitOf(job, queues, now)) } : {}),
      ...(verify && letter !== '.' && (letter !== 'j' || verify === job)
        ? { verified: progressOf(verify, measured.get(verify.id) ?? []) }
        : {}),
    };
  });
  const holds = [...newest.values()].some((job) => job.held === 'hold' && job.kind !== 'retire');
  return { members, uncertain, holds };
}

/** What a person watching wants of a job. */
function jobHead(job: JobRow, waits: Wait | undefined): NonNullable<MemberView['job']> {
  const { id, kind, state, attempt, rollback, version, queuedAt } = job;
  const message = job.heldBecause ?? job.message;
  const doing = doingOf(job);
  return {
    ...{ id, kind, state, attempt, rollback, version, queuedAt },
    ...(job.held === undefined ? {} : { held: job.held }),
    ...(job.weight === undefined ? {} : { weight: job.weight }),
    ...(job.slot === undefined ? {} : { slot: job.slot }),
    ...(doing === undefined ? {} : { doing }),
    ...(waits ? { waits } : {}),
    ...(job.percent === undefined ? {} : { percent: job.percent }),
    ...(job.step === undefined ? {} : { step: job.step }),
    ...(message === undefined ? {} : { message }),
    ...(job.agent === undefined ? {} : { agent: job.agent }),
    ...(job.startedAt === undefined ? {} : { startedAt: job.startedAt }),
    ...(job.finishedAt === undefined ? {} : { finishedAt: job.finishedAt }),
    links: job.links,
  };
}

/** `3/5`: measurements that passed, of those asked for; with more metrics all of them that count together. */
function progressOf(verify: JobRow, measurements: readonly MeasurementRow[]): string {
  const counting = new Map((verify.metrics ?? []).filter((metric) => !metric.dryRun).map((metric) => [metric.name, metric]));
  if (counting.size === 0) return 'nothing (only dry runs)';
  const asked = [...counting.values()].reduce((sum, metric) => sum + metric.count, 0);
  const passed = measurements.filter(({ metric, result }) => result === 'passed' && counting.has(metric)).length;
  const words = verify.verdict === undefined || verify.verdict === 'running' || verify.verdict === 'passed' ? '' : ` ${verify.verdict}`;
  return `${passed}/${asked}${words}`;
}
