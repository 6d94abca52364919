import type { ParsedRequestOf, StatusCell } from '@slipway/contracts';
import { formatDuration, type Inventory, type InventoryTargets } from '@slipway/core';
import {
  agentTable,
  decisionTable,
  jobTable,
  quarantineTable,
  rolloutTable,
  targetTable,
  type DecisionRow,
  type JobRow,
  type QuarantineRow,
  type RolloutRow,
  type TargetRow,
} from '../tables.js';
import { placeKey } from '../work.js';
import type { World } from '../world.js';
import { asksOf } from './asks.js';
import { headOf } from './rollout-views.js';
import { doingOf } from './step-words.js';
import { forPerson, waitOf, type Queues } from './waits.js';

/** A job that nobody has taken for so long is worth a person's look, when no agent of its pool takes jobs. */
const PICKUP_ATTENTION_MS = 5_000;
/** Verifications without a verdict that are named one by one. */
const UNCERTAIN_MAX = 100;
/** Targets named in one line before the rest is counted. */
const NAMED_MAX = 3;
/** How many waiting versions a cell shows, newest first. */
const WAITING_MAX = 5;

interface Rows {
  targets: TargetRow[];
  rollouts: RolloutRow[];
  decisions: DecisionRow[];
  quarantines: QuarantineRow[];
  jobs: JobRow[];
  /** Jobs of sequences that are half way. */
  steps: JobRow[];
  queues: Queues;
}

/** What runs where, what is on its way, what waits and why, and what needs a person. */
export async function showStatus(world: World, request: ParsedRequestOf<'scheduler.status'>): Promise<{ cells: StatusCell[] }> {
  const inventory = await world.mirror.current(world.store);
  const { deployment, environment } = request;
  const where = { ...(deployment === undefined ? {} : { deployment }), ...(environment === undefined ? {} : { environment }) };
  const now = world.clock.now();
  const [targets, rollouts, decisions, quarantines, jobs, agents] = await world.store.read((reader) =>
    Promise.all([
      reader.find(targetTable, where),
      reader.find(rolloutTable, { ...where, finishedAt: null }, { orderBy: { createdAt: 'asc' } }),
      reader.find(decisionTable, where),
      reader.find(quarantineTable, where, { orderBy: { at: 'asc' } }),
      reader.find(
        jobTable,
        { ...where, occupies: true, state: ['dispatched', 'unknown', 'actionRequired'] },
        { orderBy: { queuedAt: 'asc' }, limit: 5_000 },
      ),
      reader.find(agentTable, {}),
    ]),
  );
  const uncertain = rollouts.filter((row) => row.members.includes('u')).map((row) => row.id);
  if (uncertain.length > 0)
    jobs.push(
      ...(await world.store.read((reader) =>
        reader.find(jobTable, { rolloutId: uncertain, kind: 'verify', verdict: ['inconclusive', 'error'] }, { limit: UNCERTAIN_MAX }),
      )),
    );
  const queues = { agents, offered: [], limited: [] };
  // Only strategies within a target leave a version half way.
  const steps = rollouts.some((row) => row.obligations.gradualRollout.within)
    ? await world.store.read((reader) => reader.find(jobTable, { ...where, occupies: true, weight: { not: null } }, { limit: 5_000 }))
    : [];
  const rows = {
    targets: by(targets),
    rollouts: by(rollouts),
    decisions: by(decisions),
    quarantines: by(quarantines),
    jobs: by(jobs),
    steps: by(steps),
  };
  const cells: StatusCell[] = [];
  for (const pair of inventory.pairs(deployment)) {
    const system = inventory.environments.get(pair.environment)?.system ?? '';
    if (environment !== undefined && pair.environment !== environment) continue;
    if (request.system !== undefined && system !== request.system) continue;
    const key = placeKey(pair);
    if (pair.size === 0 && !rows.targets.has(key)) continue;
    const own: Rows = {
      targets: (rows.targets.get(key) ?? []).filter((row) => pair.has(row.resource)),
      rollouts: rows.rollouts.get(key) ?? [],
      decisions: rows.decisions.get(key) ?? [],
      quarantines: rows.quarantines.get(key) ?? [],
      jobs: rows.jobs.get(key) ?? [],
      steps: rows.steps.get(key) ?? [],
      queues,
    };
    cells.push(cellOf(inventory, pair, system, own, world.problems.get(key)?.because, now));
  }
  return { cells };
}

const by = <Row extends { deployment: string; environment: string }>(rows: readonly Row[]): Map<string, Row[]> =>
  Map.groupBy(rows, placeKey);

function cellOf(
  inventory: Inventory,
  pair: InventoryTargets,
  system: string,
  rows: Rows,
  problem: string | undefined,
  now: number,
): StatusCell {
  const { deployment, environment } = pair;
  const rollout = rows.rollouts.at(-1);
  const resources = pair.size;
  return {
    ...{ system, deployment, environment },
    targets: resources,
    running: runningOf(rows.targets),
    ...(rollout ? { rollout: headOf(rollout) } : {}),
    ...(rows.steps.length > 0 ? { halfWay: halfWayOf(rows.steps) } : {}),
    waiting: waitingOf(inventory, resources, rows),
    quarantined: rows.quarantines.map(({ version, resource, because, at }) => ({ version, resource, because, at })),
    attention: attentionOf(rows, problem, now),
  };
}

function runningOf(targets: readonly TargetRow[]): StatusCell['running'] {
  const versions = Map.groupBy(
    targets.filter((row) => row.version !== undefined),
    (row) => row.version as string,
  );
  return [...versions]
    .sort(([, a], [, b]) => (b[0]?.versionSequence ?? 0) - (a[0]?.versionSequence ?? 0))
    .map(([version, running]) => {
      const slots = Map.groupBy(
        running.filter((row) => row.slot !== undefined),
        (row) => row.slot as string,
      );
      return {
        ...{ version, count: running.length, verified: running.filter((row) => row.verified).length },
        ...(slots.size > 0 ? { slots: Object.fromEntries([...slots].map(([slot, rows]) => [slot, rows.length])) } : {}),
      };
    });
}

/** Versions that have not taken their targets over yet: what goes on there, alike things once. */
function halfWayOf(steps: readonly JobRow[]): NonNullable<StatusCell['halfWay']> {
  const alike = Map.groupBy(steps, (job) => `${job.version} ${doingOf(job) ?? ''}`);
  return [...alike.values()].map((jobs) => {
    const [first] = jobs as [JobRow, ...JobRow[]];
    const held = jobs.filter((job) => job.held === 'hold').flatMap((job) => job.wakeAt ?? []);
    return {
      ...{ version: first.version, doing: doingOf(first) ?? '', count: jobs.length, resource: first.resource },
      ...(held.length > 0 ? { until: Math.min(...held) } : {}),
    };
  });
}

/** Newer versions than the oldest that runs, which are not on their way yet, with what their latest decision says. */
function waitingOf(inventory: Inventory, targets: number, { targets: rows, decisions, rollouts }: Rows): StatusCell['waiting'] {
  const running = rows.filter((row) => row.versionSequence !== undefined).map((row) => row.versionSequence as number);
  const oldest = running.length < targets ? 0 : Math.min(...running);
  const onTheirWay = new Set(rollouts.map((row) => row.versionId));
  return decisions
    .map((row) => ({ row, version: inventory.versions.byId(row.versionId) }))
    .filter(
      ({ row, version }) =>
        version?.status === 'ready' && version.sequence > oldest && row.verdict !== 'allowed' && !onTheirWay.has(row.versionId),
    )
    .sort((a, b) => (b.version?.sequence ?? 0) - (a.version?.sequence ?? 0))
    .slice(0, WAITING_MAX)
    .map(({ row }) => ({
      version: row.version,
      verdict: row.verdict,
      because: row.decision.because,
      ...(row.decision.reevaluateAt === undefined ? {} : { reevaluateAt: row.decision.reevaluateAt }),
    }));
}

/** What goes no further without a person. */
function attentionOf({ rollouts, targets, jobs, queues }: Rows, problem: string | undefined, now: number): string[] {
  const lines: string[] = [];
  if (problem !== undefined) lines.push(problem);
  for (const row of rollouts)
    if (row.state === 'paused' || row.state === 'halted')
      lines.push(`rollout of ${row.version} is ${row.state}${row.because === undefined ? '' : `: ${row.because}`}${asked(asksOf(row))}`);
    else if (asksOf(row).length > 0 && row.because !== undefined)
      lines.push(`rollout of ${row.version}: ${row.because}${asked(asksOf(row))}`);
  for (const row of targets) if (row.halted !== undefined) lines.push(`${row.resource}: ${row.halted}`);
  for (const row of targets) if (row.leftover !== undefined) lines.push(`${row.resource}: ${row.leftover}`);
  const behind = rollouts.some((row) => row.renewal)
    ? []
    : targets.filter((row) => row.wanted !== undefined && row.wanted !== row.fingerprint);
  if (behind.length > 0) lines.push(keepsOldConfig(behind.map((row) => row.resource)));
  for (const job of jobs) {
    if (job.kind === 'verify' && job.finishedAt !== undefined && job.state !== 'unknown')
      lines.push(
        `${job.resource}: verification is ${job.verdict}${job.verdictSentence === undefined ? '' : ` (${job.verdictSentence})`}; say so with ${resolve(job)}`,
      );
    if (job.state === 'unknown')
      lines.push(
        `${job.resource}: nobody knows what became of job ${job.id}${job.message === undefined ? '' : ` (${job.message})`}; say so with ${resolve(job)}`,
      );
    if (job.state === 'actionRequired') {
      const { sentence, ask } = forPerson(job);
      lines.push(`${job.resource}: ${sentence}${ask === undefined ? '' : `; say yes with \`${ask}\``}`);
    }
  }
  const alone = jobs.filter((job) => job.state === 'dispatched' && now - (job.dispatchedAt ?? now) > PICKUP_ATTENTION_MS);
  for (const [, waiting] of Map.groupBy(alone, (job) => `${job.pool}/${job.executor}`)) {
    const line = noAgent(waiting, queues, now);
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

const resolve = (job: JobRow): string => `\`slipway resolve ${job.id} --as succeeded|failed --reason <text>\``;

const asked = (asks: readonly string[]): string => (asks.length === 0 ? '' : `; ${asks.map((ask) => `\`${ask}\``).join(' or ')}`);

/** What was changed did no good there: automation does not bring it again, so someone must know. */
function keepsOldConfig(resources: readonly string[]): string {
  const rest = resources.length - NAMED_MAX;
  const names = `${resources.slice(0, NAMED_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  return `${names}: without the variables or config that were changed since; they failed, were taken back or stopped, and are not tried again by themselves: change them again, or publish a newer version`;
}

/** Of jobs that wait for the same agents, when none of these takes jobs. */
function noAgent(waiting: readonly JobRow[], queues: Queues, now: number): string | undefined {
  const [first] = waiting;
  const wait = first && waitOf(first, queues, now);
  if (wait?.for !== 'noAgent') return undefined;
  const heard = wait.lastHeardAt === undefined ? '' : `, ${formatDuration(Math.round((now - wait.lastHeardAt) / 1_000) * 1_000)} ago`;
  const ask = wait.ask === undefined ? '' : asked([wait.ask]);
  return `${wait.sentence}${heard}; ${waiting.length} ${waiting.length === 1 ? 'job waits' : 'jobs wait'} for one${ask}`;
}
