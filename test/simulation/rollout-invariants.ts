import { isRolloutOver, type PlannedWave } from '@slipway/core';
import type { JobRow, ReleaseRow, RolloutRow, TargetRow } from '../../services/scheduler/src/tables.js';
import type { Asked } from './operators.js';

/*
 * I6 and I7 of rollouts, and the ways back of I9, from what each commit leaves: budgets, waves, holds, approvals, pace, and the order of the way back.
 */

/** What of a rollout is compared from commit to commit. */
export const ROLLOUT_COLUMNS = ['id', 'deployment', 'environment', 'version', 'state', 'members', 'ending', 'because', 'wakeAt', 'plan', 'wave', 'waveDoneAt', 'lastStartAt', 'promoted', 'forgiven', 'createdAt'] as const; // prettier-ignore

type Broken = (invariant: string, what: string) => void;

const LIVE = 'jv';
const count = (members: string, letters: string): number => [...members].filter((letter) => letters.includes(letter)).length;

export class RolloutInvariants {
  private readonly seen = new Map<string, RolloutRow>();

  constructor(
    private readonly broken: Broken,
    private readonly asked: readonly Asked[],
  ) {}

  check(rollout: RolloutRow, now: number): void {
    const before = this.seen.get(rollout.id);
    if (before && isRolloutOver(before) && (before.state !== rollout.state || before.members !== rollout.members))
      this.broken('I6', `rollout ${rollout.id} was ${before.state} ${before.members} and is ${rollout.state} ${rollout.members}`);
    const begun = [...rollout.members].flatMap((letter, i) => (letter === 'j' && (before?.members[i] ?? '.') === '.' ? [i] : []));
    if (begun.length > 0) this.checkBegun(rollout, before, begun, now);
    if (before && rollout.wave !== before.wave) this.checkNextWave(rollout, before, now);
    if (new Set(rollout.plan.members).size !== rollout.plan.members.length) this.broken('I7', `rollout ${rollout.id} has a member twice`);
    const failures = count(rollout.members, 'fbr') - rollout.forgiven;
    if (rollout.state === 'running' && !rollout.ending && failures > rollout.plan.failureBudget)
      this.broken(
        'I7',
        `rollout ${rollout.id} runs on with ${failures} failures of ${rollout.plan.failureBudget}: ${before?.state} ${before?.members} → ${rollout.members}, ${rollout.forgiven} forgiven`,
      );
    const live = count(rollout.members, LIVE);
    const awaited = live > 0 || rollout.members.includes('b') || rollout.wakeAt !== undefined || rollout.because !== undefined;
    if (!isRolloutOver(rollout) && !awaited)
      this.broken('I5', `rollout ${rollout.id} is ${rollout.state} ${rollout.members} with nothing to wait for`);
    this.seen.set(rollout.id, structuredClone(rollout));
  }

  private checkBegun(rollout: RolloutRow, before: RolloutRow | undefined, begun: readonly number[], now: number): void {
    const { id, plan, members, state, ending, wave } = rollout;
    if (state !== 'running' || ending) this.broken('I7', `rollout ${id} is ${state} and began members: ${before?.members} → ${members}`);
    if (count(members, LIVE) > plan.maxInFlight)
      this.broken('I7', `rollout ${id} has ${count(members, LIVE)} live of at most ${plan.maxInFlight}: ${members}`);
    const to = plan.waves[wave]?.to ?? 0;
    if (begun.some((ordinal) => ordinal >= to))
      this.broken('I7', `rollout ${id} began members past wave ${wave}: ${before?.members} → ${members}`);
    if (plan.everyMs !== undefined && before?.lastStartAt !== undefined && now - before.lastStartAt < plan.everyMs)
      this.broken('I7', `rollout ${id} began one after ${now - before.lastStartAt} ms of ${plan.everyMs}`);
    const first = plan.waves[0];
    if (first?.approve && !this.promotedBy(rollout, now))
      this.broken('I7', `rollout ${id} began wave ${first.name}, which nobody let begin`);
  }

  /** A wave begins when those before are done, have been held for their time, and a person has let it begin where that is asked for. */
  private checkNextWave(rollout: RolloutRow, before: RolloutRow, now: number): void {
    const { id, plan, members, wave } = rollout;
    const promoted = before.promoted !== undefined || this.promotedBy(rollout, now);
    for (let done = before.wave; done < wave; done += 1) {
      const { from, to, verify, name, holdMs } = plan.waves[done] as PlannedWave;
      const live = count(members.slice(0, to), verify ? 'jvb' : 'jb');
      // What is tried again of an earlier wave was done before.
      if (live > 0 && count(before.members.slice(0, to), '.') === 0 && !members.slice(0, to).includes('u'))
        this.broken('I7', `rollout ${id} left wave ${name} with ${live} not done: ${before.members} → ${members}`);
      const went = count(members.slice(from, to), verify ? 's' : 'sv') > 0;
      if (members.slice(from, to).includes('.') && !went && !promoted)
        this.broken('I7', `rollout ${id} went on without wave ${name}, which nobody went through: ${members}`);
      const holds = holdMs + (done === 0 ? plan.bakeMs : 0);
      const since = done === before.wave ? before.waveDoneAt : undefined;
      if (!promoted && holds > 0 && (since === undefined || now < since + holds))
        this.broken(
          'I7',
          `rollout ${id} left wave ${name} ${since === undefined ? 'at once' : `after ${now - since} ms`}, it holds for ${holds}`,
        );
      const next = plan.waves[done + 1] as PlannedWave;
      if (next.approve && !promoted) this.broken('I7', `rollout ${id} began wave ${next.name}, which nobody let begin`);
    }
  }

  private promotedBy({ deployment, environment, createdAt }: RolloutRow, now: number): boolean {
    return this.asked.some(
      (one) =>
        one.what === 'promote' && one.deployment === deployment && one.environment === environment && one.at >= createdAt && one.at <= now,
    );
  }

  /** I7: each member once, and once more for each time that somebody had the failed ones tried again. */
  checkReleases(releases: readonly ReleaseRow[], rollouts: readonly RolloutRow[]): void {
    const began = releases.filter(
      (release) => release.rolloutId !== undefined && release.restores === undefined && release.state !== 'cancelled',
    );
    for (const [key, own] of Map.groupBy(began, (release) => `${release.rolloutId} ${release.resource}`)) {
      const rollout = rollouts.find((one) => one.id === own[0]?.rolloutId);
      const retries = this.asked.filter(
        (one) => one.what === 'retry' && one.deployment === rollout?.deployment && one.environment === rollout.environment,
      ).length;
      if (own.length > 1 + retries) this.broken('I7', `${key} began ${own.length} times, and was tried again at most ${retries} times`);
    }
  }

  /** A whole rollout goes back newest first: rollbacks that were ordered together stand in that order. `jobs`: those of one commit, in the order made. */
  checkWayBack(jobs: readonly JobRow[], targets: readonly TargetRow[], rollouts: readonly RolloutRow[]): void {
    const begunAt = (job: JobRow): number =>
      targets.find((row) => row.deployment === job.deployment && row.environment === job.environment && row.resource === job.resource)
        ?.startedAt ?? 0;
    const back = jobs.filter((job) => job.rollback && job.kind === 'deploy' && job.rolloutId !== undefined);
    for (const [id, own] of Map.groupBy(back, (job) => job.rolloutId)) {
      // One by one they go back in the order in which they failed.
      if (rollouts.find((row) => row.id === id)?.ending?.state !== 'rolledBack') continue;
      own.forEach((job, i) => {
        const earlier = own[i - 1];
        if (earlier && begunAt(earlier) < begunAt(job))
          this.broken('I7', `rollout ${id} took ${earlier.resource} back before ${job.resource}, which began later`);
      });
    }
  }

  /** I9: never to what was itself taken back from there, and by itself never twice in a row. `history`: releases of the target. */
  checkLanding(job: JobRow, history: readonly ReleaseRow[]): void {
    const own = history.find((release) => release.id === job.releaseId);
    const at = `${job.deployment} on ${job.resource}`;
    const restored = history.find((release) => release.id === own?.restores);
    const bad = history.some(
      (release) =>
        release.state === 'rolledBack' &&
        !release.renewal &&
        release.versionId === job.versionId &&
        release.createdAt < (own?.createdAt ?? 0),
    );
    if (bad) this.broken('I9', `${at} goes back to ${job.version}, which was itself taken back from there`);
    if (restored && !restored.verified) this.broken('I9', `${at} goes back to a release of ${job.version} that was not verified`);
    const taken = history.findLast(
      (release) => release.versionId === own?.takesBack?.versionId && release.createdAt < (own?.createdAt ?? 0) && release.id !== own?.id,
    );
    const byWord = /by user:|was rejected/.test(own?.because ?? '');
    if (taken?.restores !== undefined && !byWord)
      this.broken('I9', `${at} left ${taken.version}, where a rollback had brought it, by itself: ${own?.because}`);
  }
}
