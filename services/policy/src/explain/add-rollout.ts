import type { ReplyOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Requests } from '@slipway/messaging';

type Explained = ReplyOf<'policy.explain'>['decisions'][number];

/** An explanation must not wait for a scheduler that is away; the rules' answer is complete without it. */
const SCHEDULER_TIMEOUT_MS = 1_500;
/** Rollouts of one place looked through for the version's own. */
const ROLLOUTS_READ = 20;

/** Say what has become of the version's rollout in that environment: an allowed target may be held by it (halted, rolled back, a wave to come). */
export async function addRollout(requests: Requests, explained: Explained, resource?: string): Promise<void> {
  const { deployment, environment, version } = explained.decision;
  try {
    const { rollouts } = await requests.ask(
      'scheduler.rollouts',
      { deployment, environment, limit: ROLLOUTS_READ },
      { timeoutMs: SCHEDULER_TIMEOUT_MS },
    );
    const rollout = rollouts.find((one) => one.version === version);
    if (!rollout) return;
    const { id, state, because, wakeAt, waves, wave, members, renewal, asks } = rollout;
    const waiting = members.filter((member) => member.job?.waits !== undefined && (resource === undefined || member.resource === resource));
    const [first] = waiting;
    explained.rollout = {
      id,
      state,
      done: members.filter(({ letter }) => letter === 's').length,
      members: members.length,
      ...(because === undefined ? {} : { because }),
      ...(wakeAt === undefined ? {} : { wakeAt }),
      ...(renewal ? { renewal } : {}),
      ...(first?.job?.waits ? { waits: { ...first.job.waits, resource: first.resource, more: waiting.length - 1 } } : {}),
      ...(asks ? { asks } : {}),
      ...(waves[wave] ? { wave: waves[wave].name } : {}),
    };
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.kind !== 'unavailable') throw error;
  }
}
