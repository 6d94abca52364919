import { AGENT_JETSTREAM_PREFIX, jobConsumer, jobInvitationSchema, subjects } from '@slipway/contracts';
import type { ClaimAnswer, ClaimRequest, Heartbeat, LogChunk, RenewReply, RenewRequest } from '@slipway/contracts';
import { createAgentRequests, createPublisher, isOnline, onLinkChange, PullSource } from '@slipway/messaging';
import type { AgentRequests, Delivery, Outbound, Publisher } from '@slipway/messaging';
import type { Log } from '@slipway/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import type { AgentClock, Link, OutgoingReport, PulledInvitation } from './ports.js';

interface LinkParts {
  nc: NatsConnection;
  agent: string;
  pool: string;
  clock: AgentClock;
  log: Log;
}

/** The agent's link over its one NATS connection. All it says is below `slipway.agt.<name>.`, where the server lets nobody else write. */
export class NatsLink implements Link {
  private readonly sources = new Map<string, PullSource>();
  private readonly publisher: Publisher;
  private readonly requests: AgentRequests;

  constructor(private readonly parts: LinkParts) {
    this.requests = createAgentRequests(parts.nc, parts.agent);
    this.publisher = createPublisher(parts.nc, { source: `agent/${parts.agent}`, now: () => parts.clock.now() });
  }

  async pull(executor: string, max: number): Promise<PulledInvitation[]> {
    const messages = await this.source(executor).next(max);
    return messages.map((message) => this.invitation(message)).filter((invitation) => invitation !== undefined);
  }

  claim(request: ClaimRequest): Promise<{ jobs: ClaimAnswer[] }> {
    return this.requests.ask('claim', request);
  }

  renew(request: RenewRequest): Promise<RenewReply> {
    return this.requests.ask('renew', request);
  }

  report(reports: readonly OutgoingReport[]): Promise<void> {
    return this.publisher.publish(
      reports.map(({ job, report }): Outbound => ({
        subject: subjects.agentReport(this.parts.agent, job, report.verb),
        id: `${job}.${report.epoch}.${report.n}`,
        body: JSON.stringify(report),
      })),
    );
  }

  log(chunk: LogChunk): Promise<void> {
    return this.publisher.publish([
      {
        subject: subjects.agentLog(this.parts.agent, chunk.job),
        id: `${chunk.job}.${chunk.epoch}.log.${chunk.n}`,
        body: JSON.stringify(chunk),
      },
    ]);
  }

  heartbeat(beat: Heartbeat): void {
    const { nc, agent } = this.parts;
    if (isOnline(nc) && !nc.isClosed()) nc.publish(subjects.agentHeartbeat(agent), JSON.stringify(beat));
  }

  onNudge(listener: () => void): void {
    const { nc, agent } = this.parts;
    nc.subscribe(subjects.agentNudge(agent), { callback: listener });
    onLinkChange(nc, () => {
      if (isOnline(nc)) listener();
    });
  }

  /** Stop pulling. */
  close(): void {
    for (const source of this.sources.values()) source.close();
  }

  private source(executor: string): PullSource {
    const known = this.sources.get(executor);
    if (known) return known;
    const { nc, pool, log } = this.parts;
    const { stream, name: consumer } = jobConsumer(pool, executor);
    const source = new PullSource(nc, {
      stream,
      consumer,
      apiPrefix: AGENT_JETSTREAM_PREFIX,
      onState: (state, why) =>
        state === 'ok' ? log.info('queue is back', { queue: consumer }) : log.warn('queue does not answer', { queue: consumer, why }),
    });
    this.sources.set(executor, source);
    return source;
  }

  private invitation(message: Delivery): PulledInvitation | undefined {
    const parsed = jobInvitationSchema.safeParse(readJson(message));
    if (parsed.success) return { ...parsed.data, ack: () => message.ack(), nak: (delayMs) => message.nak(delayMs) };
    // The job itself is not lost: the scheduler invites again to what nobody claims.
    this.parts.log.error('an invitation that cannot be read was dropped', { subject: message.subject, error: parsed.error.message });
    message.term('cannot be read');
    return undefined;
  }
}

function readJson(message: Delivery): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(message.data));
  } catch {
    return undefined;
  }
}
