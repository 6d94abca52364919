import { CLAIM_JOBS_MAX, type RenewReply } from '@slipway/contracts';
import type { Log } from '@slipway/runtime';
import type { HeldJob } from './held-job.js';
import type { AgentClock, Link, Timers } from './ports.js';

/** After a renewal that found nobody, ask again this soon. */
const RETRY_MS = 1_000;

/**
 * Renews the leases of all held jobs, each every third of its time, as many as are due in one request. The reply is what commands the agent.
 * A lease that lapses without contact changes nothing here: the job goes on, and the scheduler decides when it hears of it again.
 */
export class Leases {
  private asking = false;
  private again = false;
  private stopTimer: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly parts: {
      link: Link;
      clock: AgentClock;
      timers: Timers;
      log: Log;
      held: () => Iterable<HeldJob>;
      /** What the controller wants of a job besides going on. */
      command: (job: HeldJob, go: 'cancel' | 'stop') => void;
      /** What it wants of the agent. */
      agent: (state: RenewReply['agent']) => void;
    },
  ) {}

  /** Something was claimed or dropped: look when the next renewal is due. */
  schedule(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
    if (this.closed || this.asking) return;
    let dueAt = Infinity;
    for (const job of this.parts.held()) dueAt = Math.min(dueAt, job.renewAt);
    if (dueAt === Infinity) return;
    this.stopTimer = this.parts.timers.after(Math.max(0, dueAt - this.parts.clock.monotonic()), () => void this.renewNow());
  }

  /** Renew everything now, due or not. */
  async renewNow(): Promise<void> {
    if (this.closed) return;
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    do {
      this.again = false;
      const jobs = [...this.parts.held()];
      // With no jobs too: the reply says whether the agent may go on taking work.
      for (let from = 0; (from === 0 || from < jobs.length) && !this.closed; from += CLAIM_JOBS_MAX) {
        await this.renew(jobs.slice(from, from + CLAIM_JOBS_MAX));
      }
    } while (this.again && !this.closed);
    this.asking = false;
    this.schedule();
  }

  close(): void {
    this.closed = true;
    this.stopTimer?.();
  }

  private async renew(jobs: readonly HeldJob[]): Promise<void> {
    const { link, clock, log } = this.parts;
    const askedAt = clock.monotonic();
    try {
      const reply = await link.renew({ jobs: jobs.map((job) => ({ job: job.id, epoch: job.grant.epoch })) });
      if (this.closed) return;
      const answers = new Map(reply.jobs.map((answer) => [answer.job, answer]));
      for (const job of jobs) {
        const answer = answers.get(job.id);
        // No word about a job is no command: ask again at the usual time.
        if (!answer) job.renewAt = clock.monotonic() + job.grant.renewMs;
        else if (answer.go === 'stop') this.parts.command(job, 'stop');
        else {
          job.extendLease(askedAt, answer.leaseMs);
          if (answer.go === 'cancel') this.parts.command(job, 'cancel');
          else if (answer.confirmed !== undefined) job.confirm(answer.confirmed);
        }
      }
      this.parts.agent(reply.agent);
    } catch (error) {
      log.warn('leases not renewed, trying again', { jobs: jobs.length, error: String(error) });
      for (const job of jobs) job.renewAt = clock.monotonic() + RETRY_MS;
    }
  }
}
