import type { ReplyOf, RolloutStanding, RolloutView } from '@slipway/contracts';
import { SlipwayError, waveNamed } from '@slipway/core';
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
    const [first, ...others] = [...Map.groupBy(waiting, (one) => one.job?.waits?.for).values()].flatMap(waitsOf);
    const mine = members.find((one) => one.resource === resource);
    explained.rollout = {
      id,
      state,
      done: members.filter(({ letter }) => letter === 's').length,
      members: members.length,
      ...(because === undefined ? {} : { because }),
      ...(wakeAt === undefined ? {} : { wakeAt }),
      ...(renewal ? { renewal } : {}),
      ...(first ? { waits: first } : {}),
      ...(others.length > 0 ? { othersWait: others } : {}),
      ...(mine ? { member: `${mine.resource}: ${standingOf(mine, waves, members.indexOf(mine))}` } : {}),
      ...(asks ? { asks } : {}),
      ...(waves[wave] ? { wave: waves[wave].name } : {}),
    };
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.kind !== 'unavailable') throw error;
  }
}

type Member = RolloutView['members'][number];

/** The first of those that wait for the like. */
function waitsOf(list: readonly Member[]): NonNullable<RolloutStanding['othersWait']> {
  const [first] = list;
  return first?.job?.waits ? [{ ...first.job.waits, resource: first.resource, more: list.length - 1 }] : [];
}

/** How one target stands in the rollout, by its letter. */
function standingOf({ letter, verified, job }: Member, waves: RolloutView['waves'], ordinal: number): string {
  const wave = waves.find(({ from, to }) => ordinal >= from && ordinal < to)?.name;
  const words: Record<string, string> = {
    '.': `not begun yet${wave === undefined ? '' : `, it is in ${waveNamed(wave)}`}`,
    j: job ? `${job.kind} is ${job.state}` : 'its job runs',
    v: `is being verified${verified === undefined ? '' : `, ${verified}`}`,
    s: 'succeeded',
    f: `failed${job?.message === undefined ? '' : `: ${job.message}`}`,
    u: 'unknown or inconclusive, waits for a person',
    x: 'excluded',
    b: 'is being rolled back',
    r: 'was rolled back',
  };
  return words[letter] ?? letter;
}
