import type { ReplyOf } from '@slipway/contracts';
import { isOver, isRolloutOver, type NumberedDecision } from '@slipway/core';
import { approvalTable, decisionTable as openDecisionTable, type ApprovalRow } from '../../services/policy/src/tables.js';
import { versions, type VersionRow } from '../../services/registry/src/tables.js';
import {
  decisionTable,
  jobTable,
  releaseTable,
  rolloutTable,
  slotTable,
  targetTable,
  type DecisionRow,
  type JobRow,
  type ReleaseRow,
  type RolloutRow,
  type SlotRow,
  type TargetRow,
} from '../../services/scheduler/src/tables.js';
import { asksForApproval } from '../../services/scheduler/src/status/asks.js';
import { strayed, waitingHalfWay } from './half-way.js';
import { outdated } from './outdated.js';
import type { People } from './people.js';
import type { World } from './world.js';

/*
 * After the last fault: what must have come to rest (I13), and what must still be there (I4).
 */

/** Why the mesh is not at rest; empty when it is. */
export function unsettled(world: World): string[] {
  const problems: string[] = [];
  const tables = world.rows('scheduler');
  const halfWay = {
    jobs: tables[jobTable.name] as JobRow[],
    rollouts: tables[rolloutTable.name] as RolloutRow[],
    decisions: tables[decisionTable.name] as DecisionRow[],
    targets: tables[targetTable.name] as TargetRow[],
    releases: tables[releaseTable.name] as ReleaseRow[],
  };
  const held = waitingHalfWay(halfWay);
  const behindUnknown = [...waitingBehindUnknown(tables, held), ...held];
  for (const job of tables[jobTable.name] as JobRow[]) {
    if (job.kind === 'verify' && job.state === 'succeeded' && job.verdict !== 'passed') {
      problems.push(`I13: ${job.id} measured all and passed, and its verdict is ${job.verdict}: ${job.verdictSentence}`);
    }
    if (!isOver(job) && !behindUnknown.includes(job))
      problems.push(
        `I13: job ${job.id} (${job.kind} ${job.deployment} ${job.version} on ${job.resource}) is ${job.state}${job.held ? `, held: ${job.held} ${job.heldBecause}` : ''}`,
      );
  }
  for (const rollout of tables[rolloutTable.name] as RolloutRow[]) {
    if (isRolloutOver(rollout) || behindUnknown.some((job) => job.rolloutId === rollout.id)) continue;
    // Its decision was taken back while it ran: a person's word, and only another one moves it on.
    const closed = !allowed(tables, rollout) && ![...rollout.members].some((l) => 'jvb'.includes(l));
    if (closed && rollout.because !== undefined) continue;
    const waitsForPerson =
      rollout.because !== undefined && (rollout.state === 'paused' || rollout.state === 'halted' || asksForApproval(rollout) !== undefined);
    if (!waitsForPerson)
      problems.push(
        `I13: rollout ${rollout.id} of ${rollout.deployment} ${rollout.version} in ${rollout.environment} is ${rollout.state} ${rollout.members}: ${rollout.because}`,
      );
  }
  for (const [name, store] of world.stores)
    if (store.outbox('unsent').length > 0) problems.push(`I13: ${name} has messages that were never sent`);
  problems.push(...behind(world, tables), ...outdated(world, tables), ...strayed(world, halfWay));
  return problems;
}

/**
 * An unknown job may still be at work, so it keeps its slots until a person has said what became of it; what people or their policies hold half way
 * keeps its slot as well. What waits for a limit that such jobs alone fill waits for those people too (I13 sets unknown jobs aside).
 */
function waitingBehindUnknown(tables: Record<string, unknown[]>, halfWay: readonly JobRow[]): JobRow[] {
  const jobs = tables[jobTable.name] as JobRow[];
  const unknown = new Set([...jobs.filter((job) => job.state === 'unknown'), ...halfWay].map((job) => job.id));
  const kept = (tables[slotTable.name] as SlotRow[]).filter((slot) => unknown.has(slot.jobId));
  return jobs.filter(
    (job) => job.held === 'concurrency' && job.slots.some(({ key, max }) => kept.filter((slot) => slot.key === key).length >= max),
  );
}

function allowed(tables: Record<string, unknown[]>, rollout: RolloutRow): boolean {
  return (tables[decisionTable.name] as DecisionRow[]).some(
    (d) =>
      d.deployment === rollout.deployment &&
      d.environment === rollout.environment &&
      d.versionId === rollout.versionId &&
      d.verdict === 'allowed',
  );
}

/** The newest allowed version of a place had its try there, and what its rollout says is what runs. */
function behind(world: World, tables: Record<string, unknown[]>): string[] {
  const problems: string[] = [];
  const targets = tables[targetTable.name] as TargetRow[];
  const rollouts = tables[rolloutTable.name] as RolloutRow[];
  const releases = tables[releaseTable.name] as ReleaseRow[];
  const known = world.rows('registry')[versions.name] as VersionRow[];
  const sequenceOf = (versionId: string): number => known.find((v) => v.id === versionId)?.sequence ?? 0;
  const isThere = (row: { deployment: string; environment: string }) => (other: { deployment: string; environment: string }) =>
    other.deployment === row.deployment && other.environment === row.environment;
  for (const row of tables[decisionTable.name] as DecisionRow[]) {
    // An unknown job keeps its target until a person has said what became of it.
    const stuck = (tables[jobTable.name] as JobRow[]).some((j) => isThere(row)(j) && j.state === 'unknown');
    if (row.verdict !== 'allowed' || stuck) continue;
    const newest = Math.max(
      0,
      ...rollouts.filter(isThere(row)).map((r) => r.versionSequence),
      ...targets.filter(isThere(row)).map((t) => t.versionSequence ?? 0),
    );
    if (sequenceOf(row.versionId) > newest)
      problems.push(`I13: ${row.deployment} ${row.version} is allowed in ${row.environment}, and no rollout ever began`);
  }
  for (const rollout of rollouts) {
    if (rollout.state !== 'completed') continue;
    rollout.plan.members.forEach((resource, i) => {
      const target = targets.filter(isThere(rollout)).find((t) => t.resource === resource);
      // What failed before it may have been tried again by a person after it.
      const later = (target?.since ?? 0) > (rollout.finishedAt ?? Infinity);
      const newer = later || rollouts.some((r) => isThere(rollout)(r) && r.createdAt > rollout.createdAt);
      const takenBack = releases.some(
        (r) => isThere(rollout)(r) && r.resource === resource && r.takesBack?.versionId === rollout.versionId,
      );
      if (rollout.members[i] === 's' && !newer && !takenBack && target?.versionId !== rollout.versionId) {
        problems.push(`I13: rollout ${rollout.id} completed, and ${resource} runs ${target?.version} instead of ${rollout.version}`);
      }
    });
  }
  return problems;
}

/** I4: what was acknowledged, and I12's neighbour: nothing that is well formed ends as a dead letter. */
export function lost(world: World, people: People): string[] {
  const problems: string[] = [];
  const known = world.rows('registry')[versions.name] as VersionRow[];
  for (const { deployment, tag } of people.published) {
    if (!known.some((v) => v.deployment === deployment && v.tag === tag))
      problems.push(`I4: ${deployment} ${tag} was acknowledged and is not recorded`);
  }
  const approvals = world.rows('policy')[approvalTable.name] as ApprovalRow[];
  for (const { deployment, version } of people.acknowledged) {
    if (people.wavering.has(`${deployment}/${version}`)) continue;
    const id = known.find((v) => v.deployment === deployment && v.tag === version)?.id;
    if (!approvals.some((a) => a.versionId === id && a.verdict === 'approved'))
      problems.push(`I4: the approval of ${deployment} ${version} was acknowledged and is gone`);
  }
  for (const letter of world.bus.deadLetters)
    problems.push(`dead letter of ${letter.consumer}: ${letter.subject} ${letter.error.code} ${letter.error.message}`);
  return problems;
}

/** I10: what was decided last is what the same evaluator says now, as long as its time has not come. */
export async function contradictions(world: World): Promise<string[]> {
  const problems: string[] = [];
  const open = world.rows('policy')[openDecisionTable.name] as { deployment: string; environment: string; body: NumberedDecision }[];
  for (const { deployment, environment, body } of open) {
    if ((body.reevaluateAt ?? Infinity) <= world.clockwork.now + 1_000) continue;
    const said = await world.untilAcknowledged('policy.explain', { deployment, environment, version: body.version });
    const now = 'reply' in said ? (said.reply as ReplyOf<'policy.explain'>).decisions[0]?.decision : undefined;
    const same = now?.verdict === body.verdict && JSON.stringify(now.because) === JSON.stringify(body.because);
    if (!same)
      problems.push(
        `I10: ${deployment} ${body.version} in ${environment} was decided ${body.verdict} (${body.because.join('; ')}), and is explained as ${now?.verdict} (${now?.because.join('; ')})`,
      );
  }
  return problems;
}
