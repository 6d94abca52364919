import type { WithinStrategy } from '../model/policy.js';
import type { Sequence, SequenceStep, SlotName } from '../model/sequence.js';

/** What a sequence is planned from. */
export interface SequenceSituation {
  /** Something runs at the target; without that there is nothing to compare with, and the version takes over at once. */
  runs: boolean;
  /** The slot that serves now; absent where none does. */
  live?: SlotName;
  /** Something is measured after the jobs. */
  verified: boolean;
  /** It brings an earlier version back: no holds, no steps between. */
  rollback: boolean;
}

/** The slot that does not serve. */
export function idleSlot(live: SlotName | undefined): SlotName {
  return live === 'blue' ? 'green' : 'blue';
}

/** The frozen jobs by which one release comes to its target. Same input, same plan. */
export function planSequence(within: WithinStrategy, situation: SequenceSituation): Sequence {
  return within.type === 'canary' ? planCanary(within, situation) : planBlueGreen(within, situation);
}

/** Back to the slot that still has the earlier version: one job, and a look at it. What is left goes at once. */
export function planSwitchBack(to: SlotName, verified: boolean): Sequence {
  return {
    steps: [{ action: 'switch', weight: 100, slot: to, afterMs: 0 }, ...lookAt(verified, { weight: 100, slot: to })],
    at: 0,
    turn: 0,
    state: 'running',
    retires: { slot: idleSlot(to), afterMs: 0 },
  };
}

/** A step is shifted to, held, and measured at the end of its hold; the next one follows when that has passed. */
function planCanary({ steps }: Extract<WithinStrategy, { type: 'canary' }>, { runs, verified, rollback }: SequenceSituation): Sequence {
  const planned: SequenceStep[] = [{ action: 'deploy', weight: 0, afterMs: 0 }];
  let afterMs = 0;
  for (const { weight, holdMs, verify } of steps) {
    const last = weight === 100;
    if (!last && (rollback || !runs)) continue;
    planned.push({ action: 'shift', weight, afterMs });
    afterMs = rollback || !runs ? 0 : holdMs;
    if (!verified || !(verify || last)) continue;
    planned.push({ action: 'verify', weight, afterMs });
    afterMs = 0;
  }
  const turn = planned.findLastIndex((step) => step.action === 'shift');
  return { steps: planned, at: 0, turn, state: 'running', back: { action: 'shift', weight: 0, afterMs: 0 } };
}

function planBlueGreen(
  { preview, keepOldMs }: Extract<WithinStrategy, { type: 'blueGreen' }>,
  { live, verified, rollback }: SequenceSituation,
): Sequence {
  const slot = idleSlot(live);
  const planned: SequenceStep[] = [
    { action: 'deploy', weight: 0, slot, afterMs: 0 },
    ...lookAt(verified && preview && !rollback, { weight: 0, slot }),
    { action: 'switch', weight: 100, slot, afterMs: 0 },
    ...lookAt(verified, { weight: 100, slot }),
  ];
  return {
    steps: planned,
    at: 0,
    turn: planned.findIndex((step) => step.action === 'switch'),
    state: 'running',
    back: { action: 'retire', weight: 0, slot, afterMs: 0 },
    // What a rollback leaves behind was bad: nobody goes back to it.
    ...(live === undefined ? {} : { retires: { slot: live, afterMs: rollback ? 0 : keepOldMs } }),
  };
}

function lookAt(verified: boolean, at: { weight: number; slot?: SlotName }): SequenceStep[] {
  return verified ? [{ action: 'verify', ...at, afterMs: 0 }] : [];
}
