import { waveNamed } from '@slipway/core';
import { inboxReply, type InboxItem, type ParsedRequestOf, type ReplyOf } from '@slipway/contracts';
import type { Inventory } from '@slipway/core';
import type { Tx } from '@slipway/persistence';
import { jobTable, rolloutTable, targetTable, type JobRow, type RolloutRow, type TargetRow } from '../tables.js';
import { placeKey, placeOf, type Place } from '../work.js';
import type { World } from '../world.js';
import { asksForApproval, asksOf, confirmCommand, isConfirmed } from './asks.js';

/** Jobs of one kind of trouble that are looked at: far more than anybody can act on. */
const JOBS_MAX = 2_000;

type Reader = Pick<Tx, 'find'>;
type Scope = ParsedRequestOf<'scheduler.inbox'>;

/** What waits for a person here: waves to let in, uncertain outcomes, what is halted, paused or waits for somebody elsewhere. */
export async function showInbox(world: World, request: Scope): Promise<ReplyOf<'scheduler.inbox'>> {
  const inventory = await world.mirror.current(world.store);
  const { deployment, environment, system } = request;
  const where = { ...(deployment === undefined ? {} : { deployment }), ...(environment === undefined ? {} : { environment }) };
  const found = await world.store.read(async (reader) => {
    const rollouts = await reader.find(rolloutTable, { ...where, finishedAt: null }, { orderBy: { createdAt: 'asc' } });
    const targets = await reader.find(targetTable, { ...where, halted: { not: null } });
    const jobs = await uncertainJobs(reader, where, rollouts);
    return { rollouts, targets, jobs, ended: await lastEnds(reader, targets) };
  });
  const items = [
    ...found.jobs.map(jobItem),
    ...found.rollouts.flatMap((row) => rolloutItem(row, found.jobs)),
    ...found.targets.filter((row) => !isToldByRollout(row, found.rollouts)).map((row) => targetItem(row, found.ended)),
    ...[...world.problems].flatMap(([key, problem]) => problemItem(key, problem, where)),
  ].map((item) => ({ ...item, system: systemOf(inventory, item) }));
  return inboxReply(items.filter((item) => system === undefined || item.system === system));
}

type Item = Omit<InboxItem, 'system'>;

const systemOf = (inventory: Inventory, { environment, deployment }: Place): string =>
  inventory.environments.get(environment)?.system ?? inventory.deployments.get(deployment)?.system ?? '';

/** Jobs of which only a person can say what became of them, and those for which somebody must act in the executor's own system. */
async function uncertainJobs(reader: Reader, where: Partial<Place>, open: readonly RolloutRow[]): Promise<JobRow[]> {
  const found = await reader.find(jobTable, { ...where, occupies: true, state: ['unknown', 'actionRequired'] }, { limit: JOBS_MAX });
  // What somebody has confirmed, or asked to stop, waits for its agent.
  const held = found.filter((job) => job.state === 'unknown' || (!isConfirmed(job) && job.cancelAskedAt === undefined));
  const unjudged = await reader.find(
    jobTable,
    { ...where, verdict: ['inconclusive', 'error'] },
    { orderBy: { finishedAt: 'desc' }, limit: JOBS_MAX },
  );
  const over = unjudged.filter((job) => job.finishedAt !== undefined && job.state !== 'unknown');
  const rollouts = new Map(open.map((row) => [row.id, row]));
  const running = new Set<string | undefined>();
  for (const group of Map.groupBy(over, placeKey).values()) {
    const resource = [...new Set(group.map((job) => job.resource))];
    const options = { only: ['deployment', 'environment', 'resource', 'releaseId'] } as const;
    for (const row of await reader.find(targetTable, { ...placeOf(group[0] as JobRow), resource }, options)) running.add(row.releaseId);
  }
  const seen = new Set<string>();
  const waits = (job: JobRow): boolean => {
    const member = `${job.rolloutId}#${job.ordinal}`;
    // Newest first: what was measured there before has been followed by another try.
    if (seen.has(member)) return false;
    seen.add(member);
    const rollout = job.rolloutId === undefined ? undefined : rollouts.get(job.rolloutId);
    if (rollout && job.ordinal !== undefined) return rollout.members[job.ordinal] === 'u';
    return job.rollback && running.has(job.releaseId);
  };
  return [...held, ...over.filter(waits)];
}

function jobItem(job: JobRow): Item {
  const { id, deployment, environment, resource, version, rolloutId, state, kind, message } = job;
  const named = { deployment, environment, resource, version, job: id, ...(rolloutId === undefined ? {} : { rollout: rolloutId }) };
  const why = (words: string | undefined): string => (words === undefined ? '' : `: ${words}`);
  const what = `${job.rollback ? 'rollback to' : kind === 'verify' ? 'verification of' : `${kind} of`} ${version} at ${resource}`;
  const resolve = [`slipway resolve ${id} --as succeeded|failed --reason <text>`];
  if (state === 'actionRequired') {
    const { asked } = job;
    const confirm = confirmCommand(job);
    const link = asked?.link ?? Object.values(job.links)[0];
    return {
      ...named,
      kind: 'actionRequired',
      sentence: `${what} ${confirm === undefined ? `waits for a person in ${job.executor}` : 'waits to be confirmed'}${why(asked?.message ?? message)}`,
      since: asked?.at ?? job.queuedAt,
      asks: [...(confirm === undefined ? [] : [`${confirm} --reason <text>`]), `slipway cancel ${id} --reason <text>`],
      ...(link === undefined ? {} : { link }),
    };
  }
  const since = job.finishedAt ?? job.queuedAt;
  if (state === 'unknown')
    return { ...named, kind: 'unknown', sentence: `nobody knows what became of the ${what}${why(message)}`, since, asks: resolve };
  const verdict = `${job.verdict}${job.verdictSentence === undefined ? '' : `: ${job.verdictSentence}`}`;
  return { ...named, kind: 'inconclusive', sentence: `${what} is ${verdict}`, since, asks: resolve };
}

function rolloutItem(row: RolloutRow, jobs: readonly JobRow[]): Item[] {
  const { id, deployment, environment, version, state, plan, members } = row;
  const since = row.stateAt ?? row.waveDoneAt ?? row.createdAt;
  const left = [...members].filter((letter) => letter === '.').length;
  const item = { deployment, environment, version, rollout: id, since, targets: left, asks: asksOf(row) };
  const wave = asksForApproval(row);
  if (wave !== undefined) {
    const { name, from, to } = plan.waves[wave] as RolloutRow['plan']['waves'][number];
    const sentence = `${waveNamed(name)} of ${version} waits to be approved before it begins`;
    return [{ ...item, kind: 'waveApproval', sentence, targets: to - from }];
  }
  if (state !== 'paused' && state !== 'halted') return [];
  // What became of an uncertain member is asked by its job; the rollout waits for that answer.
  if (state === 'paused' && members.includes('u') && jobs.some((job) => job.rolloutId === id)) return [];
  return [{ ...item, kind: state, sentence: `rollout of ${version} is ${state}${row.because === undefined ? '' : `: ${row.because}`}` }];
}

/** Failed members of a halted rollout are its business. */
function isToldByRollout({ deployment, environment, resource }: TargetRow, open: readonly RolloutRow[]): boolean {
  return open.some(
    (row) =>
      row.state === 'halted' &&
      placeKey(row) === placeKey({ deployment, environment }) &&
      row.plan.members.some((member, ordinal) => member === resource && row.members[ordinal] === 'f'),
  );
}

function targetItem(row: TargetRow, ended: ReadonlyMap<string, number>): Item {
  const { deployment, environment, resource, version, since = 0 } = row;
  const at = ended.get(`${placeKey(row)}/${resource}`) ?? since;
  const asks = [`slipway rollback ${deployment} -e ${environment} -r ${resource}`, `slipway version publish ${deployment} <a newer tag>`];
  return {
    ...{ kind: 'halted', deployment, environment, resource, since: at, asks },
    ...(version === undefined ? {} : { version }),
    sentence: `${resource}: ${row.halted}`,
  };
}

/** When the last job at these targets ended. */
async function lastEnds(reader: Reader, targets: readonly TargetRow[]): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  for (const group of Map.groupBy(targets, placeKey).values()) {
    const where = { ...placeOf(group[0] as TargetRow), resource: group.map((row) => row.resource), finishedAt: { not: null } };
    const options = { only: ['id', 'deployment', 'environment', 'resource', 'finishedAt'], orderBy: { queuedAt: 'asc' } } as const;
    for (const job of await reader.find(jobTable, where, options)) ends.set(`${placeKey(job)}/${job.resource}`, job.finishedAt ?? 0);
  }
  return ends;
}

function problemItem(key: string, problem: { because: string; since: number }, where: Partial<Place>): Item[] {
  const [deployment = '', environment = ''] = key.split('/');
  if ((where.deployment ?? deployment) !== deployment || (where.environment ?? environment) !== environment) return [];
  const { because, since } = problem;
  return [
    {
      kind: 'unplannable',
      deployment,
      environment,
      sentence: because,
      since,
      asks: ['slipway apply -f <file with the policy, corrected>'],
    },
  ];
}
