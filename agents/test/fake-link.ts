import type { ClaimAnswer, ClaimRequest, Heartbeat, LogChunk, RenewReply, RenewRequest } from '@slipway/contracts';
import type { Link, OutgoingReport, PulledInvitation } from '../src/ports.js';

export interface Settled {
  job: string;
  how: 'ack' | 'nak';
  delayMs?: number;
}

/** The other side of the link, in the test's hand: queues, a scheduler that answers as told, and a stream that remembers what arrived. */
export class FakeLink implements Link {
  readonly reports: OutgoingReport[] = [];
  readonly logs: LogChunk[] = [];
  readonly beats: Heartbeat[] = [];
  readonly claims: ClaimRequest[] = [];
  readonly renewals: RenewRequest[] = [];
  readonly settled: Settled[] = [];
  readonly asked: { executor: string; max: number }[] = [];
  /** What a claim is answered for one job. */
  answer: (job: string, attempt: number) => ClaimAnswer | Error = (job) => ({
    job,
    granted: false,
    because: 'unknown',
    code: 'job.claim.over',
  });
  /** What a renewal is answered; `undefined`: no word. */
  renewal: (job: string) => 'on' | 'cancel' | 'stop' | undefined = () => 'on';
  /** … and the question of it that a person has confirmed. */
  confirmed: (job: string) => string | undefined = () => undefined;
  agentState: RenewReply['agent'] = 'on';
  leaseMs = 30_000;
  up = true;
  /** Decides for each delivery of reports: stored, refused, or stored with its acknowledgement lost. */
  fate: () => 'stored' | 'refused' | 'unacknowledged' = () => 'stored';
  private readonly queues = new Map<string, { job: string; attempt: number }[]>();
  private readonly waiting = new Map<string, { max: number; resolve: (invitations: PulledInvitation[]) => void }>();
  private nudged: (() => void)[] = [];

  invite(executor: string, ...jobs: { job: string; attempt?: number }[]): void {
    const queue = this.queues.get(executor) ?? [];
    queue.push(...jobs.map(({ job, attempt = 1 }) => ({ job, attempt })));
    this.queues.set(executor, queue);
    this.deliver(executor);
  }

  nudge(): void {
    for (const listener of this.nudged) listener();
  }

  verbs(job: string): string[] {
    return this.reports.filter((said) => said.job === job).map(({ report }) => report.verb);
  }

  pull(executor: string, max: number): Promise<PulledInvitation[]> {
    this.asked.push({ executor, max });
    return new Promise((resolve) => {
      this.waiting.set(executor, { max, resolve });
      this.deliver(executor);
    });
  }

  async claim(request: ClaimRequest): Promise<{ jobs: ClaimAnswer[] }> {
    if (!this.up) throw new Error('link is down');
    this.claims.push(request);
    const answers = request.jobs.map(({ job, attempt }) => this.answer(job, attempt));
    const failure = answers.find((answer) => answer instanceof Error);
    if (failure) throw failure;
    return { jobs: answers as ClaimAnswer[] };
  }

  async renew(request: RenewRequest): Promise<RenewReply> {
    if (!this.up) throw new Error('link is down');
    this.renewals.push(request);
    const jobs = request.jobs.flatMap(({ job }) => {
      const go = this.renewal(job);
      const confirmed = this.confirmed(job);
      return go ? [{ job, go, leaseMs: this.leaseMs, ...(confirmed === undefined ? {} : { confirmed }) }] : [];
    });
    return { jobs, agent: this.agentState };
  }

  async report(reports: readonly OutgoingReport[]): Promise<void> {
    const fate = this.up ? this.fate() : 'refused';
    if (fate !== 'refused') this.reports.push(...structuredClone(reports));
    if (fate !== 'stored') throw new Error('no acknowledgement');
  }

  async log(chunk: LogChunk): Promise<void> {
    if (!this.up) throw new Error('link is down');
    this.logs.push(chunk);
  }

  heartbeat(beat: Heartbeat): void {
    if (this.up) this.beats.push(beat);
  }

  onNudge(listener: () => void): void {
    this.nudged.push(listener);
  }

  private deliver(executor: string): void {
    const queue = this.queues.get(executor) ?? [];
    const waiting = this.waiting.get(executor);
    if (!waiting || queue.length === 0 || !this.up) return;
    this.waiting.delete(executor);
    waiting.resolve(
      queue.splice(0, waiting.max).map(({ job, attempt }) => ({
        ...{ job, attempt, kind: 'deploy', deployment: 'checkout', environment: 'staging', resource: 'host-1', version: '1.0.0' },
        ack: () => void this.settled.push({ job, how: 'ack' }),
        nak: (delayMs) => void this.settled.push({ job, how: 'nak', delayMs }),
      })),
    );
  }
}
