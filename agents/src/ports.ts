import type { ClaimAnswer, ClaimRequest, Heartbeat, JobInvitation, LogChunk, RenewReply, RenewRequest } from '@slipway/contracts';
import type { JobReport } from '@slipway/core';

/*
 * What the agent needs of the world, passed in: the real adapters are `link.nats.ts`, `journal.file.ts` and `timers.ts`; the simulation
 * brings its own and holds time in its hand.
 */

/** A claim that was granted: what to run, under which epoch. */
export type Grant = Extract<ClaimAnswer, { granted: true }>;

/** An invitation as it came from the queue, to be settled once. */
export interface PulledInvitation extends JobInvitation {
  /** Done with: the queue forgets it. */
  ack(): void;
  /** Give it back, to be delivered again after the delay. */
  nak(delayMs: number): void;
}

export interface OutgoingReport {
  job: string;
  report: JobReport;
}

/** The one outbound connection. Every promise rejects when the link is down or the other side is silent; nothing hangs for ever. */
export interface Link {
  /**
   * Ask a queue (`executor` of the agent's pool) for at most `max` invitations: resolves with what is there, else waits for something to come;
   * with none after a while. One request at a time for each queue.
   */
  pull(executor: string, max: number): Promise<PulledInvitation[]>;
  claim(request: ClaimRequest): Promise<{ jobs: ClaimAnswer[] }>;
  renew(request: RenewRequest): Promise<RenewReply>;
  /** Publish in this order; resolves once the stream has acknowledged every one. Rejected: any of them may or may not have arrived. */
  report(reports: readonly OutgoingReport[]): Promise<void>;
  /** Logs are worth less than reports: resolves when acknowledged, rejects when lost. */
  log(chunk: LogChunk): Promise<void>;
  heartbeat(beat: Heartbeat): void;
  /** Called with every nudge ("renew now") and after every reconnect. */
  onNudge(listener: () => void): void;
}

export interface AgentClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that never go back and do not follow changes of the wall clock: leases are measured by it. */
  monotonic(): number;
}

export interface Timers {
  /** Run once after the delay; gives back how to call it off. */
  after(ms: number, run: () => void): () => void;
}

export interface AgentConfig {
  name: string;
  pool: string;
  labels: Record<string, string>;
  /** Most executor jobs at once; verifications have as many places of their own, since they mostly wait. */
  capacity: number;
  /** Version of this program, for the heartbeat. */
  version: string;
}
