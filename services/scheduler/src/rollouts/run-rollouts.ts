import { subjects } from '@slipway/contracts';
import { advanceRollout, isRolloutOver, type RolloutEffect, type RolloutEvent } from '@slipway/core';
import { mayBeginIn } from '../decisions/may-begin.js';
import { rollBackMembers } from '../rollback/roll-back.js';
import type { RolloutRow } from '../tables.js';
import { placeKey, type Work } from '../work.js';
import { dispatchMembers } from './dispatch-members.js';
import { forgetWanted } from './renewals.js';
import { endHolds } from '../sequences/end-holds.js';
import { withdrawMembers } from './withdraw-members.js';

/** Put what happened to rollouts through their state machine, each rollout once, and carry out what follows. */
export async function runRollouts(work: Work): Promise<void> {
  const byRollout = Map.groupBy(work.rolloutEvents.splice(0), (entry) => entry.id);
  await work.loadRollouts([...byRollout.keys()]);
  for (const [id, entries] of byRollout)
    await runRollout(
      work,
      work.rollout(id),
      entries.map((entry) => entry.event),
    );
}

async function runRollout(work: Work, row: RolloutRow, events: readonly RolloutEvent[]): Promise<void> {
  const { within } = row.obligations.gradualRollout;
  const stood = row.state;
  if (within && events.some((event) => event.type === 'promote')) await endHolds(work, row);
  const { rollout, effects } = advanceRollout(row, events, work.now, await mayBeginIn(work, row, events));
  if (rollout === row) return;
  const over = isRolloutOver(rollout);
  work.changeRollout(row, rollout, {
    ...(row.startedAt === undefined && rollout.state !== 'pending' ? { startedAt: work.now } : {}),
    ...(over ? { finishedAt: work.now } : {}),
  });
  for (const effect of effects) await carryOut(work, row, effect);
  if (over && row.renewal && row.withdrawn) await forgetWanted(work, row);
  // What was held half way goes on.
  if (within && rollout.state === 'running' && stood !== 'running') work.freed.set(placeKey(row), row);
  // Its targets may be free for another version now.
  if (over) work.replan.set(placeKey(row), row);
}

async function carryOut(work: Work, row: RolloutRow, effect: RolloutEffect): Promise<void> {
  switch (effect.type) {
    case 'dispatch':
      return dispatchMembers(work, row, effect.ordinals);
    case 'withdraw':
      return withdrawMembers(work, row, effect.ordinals, row.because ?? `the rollout is ${row.state}`);
    case 'rollBack':
      return rollBackMembers(work, row, effect.ordinals, effect.because);
    case 'announce':
      return announce(work, row, effect);
  }
}

function announce(work: Work, row: RolloutRow, effect: Extract<RolloutEffect, { type: 'announce' }>): void {
  const { deployment, environment, version, versionId, generation, members } = row;
  const { verb, because, wave } = effect;
  const count = (letter: string): number => members.split(letter).length - 1;
  const body = {
    version,
    verb,
    ...(wave === undefined ? {} : { wave }),
    ...(because === undefined ? {} : { because }),
    ...(row.renewal ? { renewal: true } : {}),
    targets: members.length,
    succeeded: count('s'),
    failed: count('f') + count('b') + count('r'),
    deployment,
    environment,
    versionId,
    rollout: row.id,
    at: work.now,
  };
  const id = `rollout:${row.id}:${generation}:${verb}${wave === undefined ? '' : `:${wave}`}`;
  work.say({ subject: subjects.rollout(deployment, environment, verb), id, body });
}
