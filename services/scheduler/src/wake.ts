import type { FeedSource } from '@slipway/persistence';
import { catchUp } from './decisions/follow-events.js';
import { inPlaces } from './in-places.js';
import { stepJob } from './jobs/step-job.js';
import { dispatchMembers } from './rollouts/dispatch-members.js';
import { reviewPlaces } from './rollouts/review-places.js';
import { expireStanding, nextStandingExpiry, sweepStanding, type StandingSource } from './standing/take-standing.js';
import { decisionTable, jobTable, rolloutTable } from './tables.js';
import { placeKey, type Place } from './work.js';
import type { World } from './world.js';

/** How many due jobs share one transaction. */
const DUE_MAX = 1_000;
/** Rounds of one wake: far more than any dispatch needs; the rest waits for the next wake. */
const ROUNDS_MAX = 1_000;
/** Every place with a decision is looked at again this often, which proves that nothing was missed. */
const SWEEP_MS = 60_000;

/** What waits for a time: deadlines, leases and retries of jobs, holds of rollouts, unfinished dispatches, and the sweep. */
export class Waker {
  private listening = false;
  private sweptAt = 0;
  /** When `wake` is called next without a nudge, as far as this copy knows. */
  private nextAt = 0;

  constructor(
    private readonly world: World,
    private readonly requests: FeedSource & StandingSource,
    private readonly host: { nudge(): void; sweepQueue?(): Promise<void> },
  ) {}

  /** Something is due at this time: see that `wake` is called by then. Told during a `wake` it asks for another, which looks again. */
  wakeBy(at: number): void {
    if (at < this.nextAt) this.host.nudge();
  }

  /** Do what is due; gives the time of the next thing due. Safe in several copies: each step is asked again under its place's lock. */
  async wake(now: number): Promise<number | undefined> {
    this.nextAt = Number.POSITIVE_INFINITY;
    if (!this.listening) {
      await this.startListening(now);
      this.listening = true;
    }
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const busy = (await expireStanding(this.world, now)) + (await this.dueRollouts(now)) + (await this.dueJobs(now));
      if (busy === 0) break;
    }
    await this.waitingForSlots();
    if (now - this.sweptAt >= SWEEP_MS) {
      await this.sweep();
      this.sweptAt = now;
    }
    return (this.nextAt = await this.nextDue(now));
  }

  /** Agents could not reach this service while it was down: what it did not hear then is nobody's silence (SPEC 8). */
  private async startListening(since: number): Promise<void> {
    await catchUp(this.world, this.requests).catch((error: unknown) =>
      this.world.log.warn('the registry does not answer yet; the sweep asks it again', { error: String(error) }),
    );
    const waiting = await this.world.store.read((reader) =>
      reader.find(jobTable, { finishedAt: null, dispatchedAt: { not: null } }, { only: ['id', 'deployment', 'environment'] }),
    );
    for (let at = 0; at < waiting.length; at += DUE_MAX) {
      const part = waiting.slice(at, at + DUE_MAX);
      await inPlaces(this.world, part, async (work) => {
        for (const row of await work.loadJobs(part.map(({ id }) => id))) stepJob(work, row, { type: 'listeningSince', since });
      });
    }
  }

  private async dueJobs(now: number): Promise<number> {
    const options = { only: ['id', 'deployment', 'environment'], orderBy: { wakeAt: 'asc' }, limit: DUE_MAX } as const;
    const due = await this.world.store.read((reader) => reader.find(jobTable, { wakeAt: { lte: now } }, options));
    if (due.length === 0) return 0;
    await inPlaces(this.world, due, async (work) => {
      for (const row of await work.loadJobs(due.map(({ id }) => id))) stepJob(work, row, { type: 'time' });
    });
    return due.length;
  }

  private async dueRollouts(now: number): Promise<number> {
    const options = { only: ['id', 'deployment', 'environment'], orderBy: { wakeAt: 'asc' }, limit: 100 } as const;
    const due = await this.world.store.read((reader) => reader.find(rolloutTable, { wakeAt: { lte: now } }, options));
    for (const [, group] of Map.groupBy(due, placeKey))
      await inPlaces(this.world, group.slice(0, 1), async (work) => {
        for (const row of await work.loadRollouts(group.map(({ id }) => id)))
          if (row.backlog.length > 0) await dispatchMembers(work, row, []);
          else work.rolloutEvents.push({ id: row.id, event: { type: 'time' } });
      });
    return due.length;
  }

  /** A slot may have become free at another place than where the next in the queue waits. */
  private async waitingForSlots(): Promise<void> {
    const held = await this.world.store.read((reader) =>
      reader.find(
        jobTable,
        { held: 'concurrency' },
        { only: ['id', 'deployment', 'environment'], orderBy: { queuedAt: 'asc' }, limit: DUE_MAX },
      ),
    );
    for (const [, [job]] of Map.groupBy(held, placeKey))
      if (job) await inPlaces(this.world, [job], async (work) => void work.freed.set(placeKey(job), job));
  }

  private async sweep(): Promise<void> {
    await catchUp(this.world, this.requests).catch((error: unknown) =>
      this.world.log.warn('the registry did not answer the sweep', { error: String(error) }),
    );
    await sweepStanding(this.world, this.requests).catch((error: unknown) =>
      this.world.log.warn('the policy service did not answer the sweep', { error: String(error) }),
    );
    const decided = await this.world.store.read((reader) =>
      reader.find(decisionTable, {}, { only: ['deployment', 'environment', 'versionId'] }),
    );
    await reviewPlaces(this.world, new Map(decided.map((row): [string, Place] => [placeKey(row), row])).values());
    await this.host
      .sweepQueue?.()
      .catch((error: unknown) => this.world.log.warn('the queue of jobs was not swept, trying again later', { error: String(error) }));
  }

  private async nextDue(now: number): Promise<number> {
    const next = { orderBy: { wakeAt: 'asc' }, limit: 1, only: ['wakeAt'] } as const;
    const [jobs, rollouts] = await this.world.store.read((reader) =>
      Promise.all([reader.find(jobTable, { wakeAt: { not: null } }, next), reader.find(rolloutTable, { wakeAt: { not: null } }, next)]),
    );
    const due = [await nextStandingExpiry(this.world), jobs[0]?.wakeAt, rollouts[0]?.wakeAt, this.sweptAt + SWEEP_MS].filter(
      (at) => at !== undefined,
    );
    return Math.max(now + 1, Math.min(...due));
  }
}
