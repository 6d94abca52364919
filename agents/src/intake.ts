import { CLAIM_JOBS_MAX, type ClaimAnswer, type ClaimRequest } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import type { AgentClock, Grant, Link, PulledInvitation, Timers } from './ports.js';
import { pause } from './timers.js';

/** How long the queue keeps an invitation back that could not be claimed for now. */
const GIVE_BACK_MS = 2_000;
/** A claim is repeated for so long: less than a lease lasts and than the queue waits for an acknowledgement. */
const CLAIM_WITHIN_MS = 25_000;
const CLAIM_RETRY_MS = 500;
const RETRY_MS = { first: 500, max: 10_000 };

interface Queue {
  executor: string;
  /** A request is open. */
  asked: boolean;
  retryMs: number;
}

/**
 * Takes jobs in for one lane of places (executor jobs, or verifications): asks its queues for as many invitations as there are free places,
 * asks the scheduler for all that came in one claim, and settles each invitation by the answer. Several queues may together deliver more
 * than there is place for; the surplus goes back at once.
 */
export class Intake {
  private readonly queues: Queue[];
  private arrived: PulledInvitation[] = [];
  /** Places taken by invitations that are being claimed. */
  private claiming = 0;
  private open = false;
  private looking = false;
  private readonly closed = new AbortController();

  constructor(
    private readonly parts: {
      link: Link;
      clock: AgentClock;
      timers: Timers;
      log: Log;
      executors: readonly string[];
      capacity: number;
      /** Jobs of this lane that run now. */
      running: () => number;
      /** Already held, running and under a lease that holds: the invitation is a repetition. */
      holds: (invitation: PulledInvitation) => boolean;
      /** Write these down durably and begin them; rejects when they could not be written. */
      take: (grants: readonly Grant[], askedAt: number) => Promise<void>;
    },
  ) {
    this.queues = parts.executors.map((executor) => ({ executor, asked: false, retryMs: RETRY_MS.first }));
  }

  /** Begin, or go on after `pauseIntake`. */
  resume(): void {
    this.open = true;
    this.pull();
  }

  /** Ask for no more; what still arrives goes back. */
  pauseIntake(): void {
    this.open = false;
  }

  close(): void {
    this.open = false;
    this.closed.abort();
  }

  /** A place may have become free. What happens in one turn leads to one look. */
  pull(): void {
    if (this.looking) return;
    this.looking = true;
    queueMicrotask(() => {
      this.looking = false;
      if (this.open) this.ask();
    });
  }

  private ask(): void {
    const free = this.free();
    if (free <= 0) return;
    for (const queue of this.queues) if (!queue.asked) void this.request(queue, free);
  }

  private free(): number {
    return this.parts.capacity - this.parts.running() - this.claiming - this.arrived.length;
  }

  private async request(queue: Queue, max: number): Promise<void> {
    queue.asked = true;
    try {
      this.receive(await this.parts.link.pull(queue.executor, max));
      queue.retryMs = RETRY_MS.first;
    } catch (error) {
      this.parts.log.warn('queue not reached, trying again', { executor: queue.executor, error: String(error) });
      await pause(this.parts.timers, queue.retryMs, this.closed.signal);
      queue.retryMs = Math.min(queue.retryMs * 2, RETRY_MS.max);
    }
    queue.asked = false;
    this.pull();
  }

  private receive(invitations: readonly PulledInvitation[]): void {
    for (const invitation of invitations) {
      if (this.parts.holds(invitation)) invitation.ack();
      else if (!this.open || this.free() <= 0) invitation.nak(0);
      else this.arrived.push(invitation);
    }
    void this.claim();
  }

  /** One claim at a time; what arrives meanwhile makes up the next. */
  private async claim(): Promise<void> {
    if (this.claiming > 0) return;
    while (this.arrived.length > 0 && !this.closed.signal.aborted) {
      const batch = this.arrived.splice(0, CLAIM_JOBS_MAX);
      this.claiming = batch.length;
      await this.claimBatch(batch);
      this.claiming = 0;
    }
    this.pull();
  }

  private async claimBatch(batch: readonly PulledInvitation[]): Promise<void> {
    const invitations = new Map(batch.map((invitation) => [invitation.job, invitation]));
    const reply = await this.askForClaim([...invitations.values()].map(({ job, attempt }) => ({ job, attempt })));
    if (!reply) {
      this.parts.log.warn('claim not answered, giving the invitations back', { jobs: batch.length });
      for (const invitation of batch) invitation.nak(GIVE_BACK_MS);
      return;
    }
    if (this.closed.signal.aborted) return;
    const { answers, askedAt } = reply;
    const granted = answers.filter((answer): answer is Grant => answer.granted && invitations.has(answer.job));
    try {
      if (granted.length > 0) await this.parts.take(granted, askedAt);
      for (const { job } of granted) this.settle(invitations, job, (invitation) => invitation.ack());
    } catch (error) {
      // Not written down, so never begun: its lease lapses and the job is put back.
      this.parts.log.error('granted jobs could not be written to the journal and are not run', { error: String(error) });
    }
    for (const answer of answers) {
      if (answer.granted) continue;
      const { retryAfterMs } = answer;
      this.settle(invitations, answer.job, (invitation) => (retryAfterMs === undefined ? invitation.ack() : invitation.nak(retryAfterMs)));
    }
    for (const invitation of invitations.values()) invitation.nak(GIVE_BACK_MS);
  }

  /**
   * Ask until there is an answer. It may be only the answer that was lost: asked again within its lease the same grant is given, while a job
   * whose lease has lapsed may have begun, for all that the scheduler knows, and needs a person where no program can tell. Undefined: given up.
   */
  private async askForClaim(jobs: ClaimRequest['jobs']): Promise<{ answers: ClaimAnswer[]; askedAt: number } | undefined> {
    const { clock, link, log, timers } = this.parts;
    const until = clock.monotonic() + CLAIM_WITHIN_MS;
    for (;;) {
      // The lease counts from before the question, so that the agent never believes in it longer than the scheduler does.
      const askedAt = clock.monotonic();
      try {
        return { answers: (await link.claim({ jobs })).jobs, askedAt };
      } catch (error) {
        const again = isUnavailable(error) && this.open && !this.closed.signal.aborted && clock.monotonic() + CLAIM_RETRY_MS < until;
        log.warn('claim not answered', { jobs: jobs.length, again, error: String(error) });
        if (!again) return undefined;
        await pause(timers, CLAIM_RETRY_MS, this.closed.signal);
      }
    }
  }

  private settle(invitations: Map<string, PulledInvitation>, job: string, how: (invitation: PulledInvitation) => void): void {
    const invitation = invitations.get(job);
    if (!invitation) return;
    invitations.delete(job);
    how(invitation);
  }
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof SlipwayError && (error.kind === 'unavailable' || error.kind === 'unknownOutcome');
