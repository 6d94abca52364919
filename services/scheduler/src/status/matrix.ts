import type { ParsedRequestOf, StatusCell } from '@slipway/contracts';
import type { Inventory, InventoryTargets } from '@slipway/core';
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
import { headOf } from './rollout-views.js';

/** A job that nobody has taken for so long is worth a person's look, when no agent of its pool is there. */
const PICKUP_ATTENTION_MS = 5_000;
const AGENT_LOST_MS = 45_000;
/** How many waiting versions a cell shows, newest first. */
const WAITING_MAX = 5;

interface Rows {
  targets: TargetRow[];
  rollouts: RolloutRow[];
  decisions: DecisionRow[];
  quarantines: QuarantineRow[];
  jobs: JobRow[];
  pools: ReadonlySet<string>;
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
      reader.find(agentTable, {}, { only: ['agent', 'pool', 'heardAt'] }),
    ]),
  );
  const pools = new Set(agents.filter((agent) => now - agent.heardAt <= AGENT_LOST_MS).map((agent) => agent.pool));
  const rows = { targets: by(targets), rollouts: by(rollouts), decisions: by(decisions), quarantines: by(quarantines), jobs: by(jobs) };
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
      pools,
    };
    cells.push(cellOf(inventory, pair, system, own, world.problems.get(key), now));
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
    .map(([version, running]) => ({ version, count: running.length, verified: running.filter((row) => row.verified).length }));
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
function attentionOf({ rollouts, targets, jobs, pools }: Rows, problem: string | undefined, now: number): string[] {
  const lines: string[] = [];
  if (problem !== undefined) lines.push(problem);
  for (const row of rollouts)
    if (row.state === 'paused' || row.state === 'halted')
      lines.push(`rollout of ${row.version} is ${row.state}${row.because === undefined ? '' : `: ${row.because}`}`);
  for (const row of targets) if (row.halted !== undefined) lines.push(`${row.resource}: ${row.halted}`);
  for (const job of jobs) {
    if (job.state === 'unknown')
      lines.push(
        `${job.resource}: nobody knows what became of job ${job.id}${job.message === undefined ? '' : ` (${job.message})`}; say so with \`slipway resolve ${job.id}\``,
      );
    if (job.state === 'actionRequired') lines.push(`${job.resource}: ${job.message ?? 'a person must act in the executor’s own system'}`);
  }
  const alone = jobs.filter(
    (job) => job.state === 'dispatched' && !pools.has(job.pool) && now - (job.dispatchedAt ?? now) > PICKUP_ATTENTION_MS,
  );
  for (const [pool, waiting] of Map.groupBy(alone, (job) => job.pool))
    lines.push(`no agent of pool ${pool} is there; ${waiting.length} ${waiting.length === 1 ? 'job waits' : 'jobs wait'} for one`);
  return lines;
}
