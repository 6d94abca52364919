import { bodySchemaOf, consumers, streamOf, subjectMatches } from '@slipway/contracts';
import { SlipwayError, type ErrorShape } from '@slipway/core';
import { normalizeError, settle, type BatchHandler, type Inbound, type Settlement } from '@slipway/messaging';
import type { Clockwork, Life } from './clockwork.js';
import type { Faults } from './faults.js';

/*
 * Streams and durable consumers in memory, with what JetStream promises and no more: what was acknowledged is stored, in order; every stored
 * message is delivered at least once, and until it is acknowledged again and again.
 */

interface Stored {
  sequence: number;
  id: string;
  subject: string;
  /** JSON, as on the wire. */
  text: string;
}

interface Pending {
  message: Stored;
  attempt: number;
  /** Not delivered before this. */
  dueAt: number;
  /** Under way: whoever has it may still settle it, until `dueAt`. */
  token: number;
}

export interface DeadLetter {
  consumer: string;
  subject: string;
  text: string;
  error: ErrorShape;
}

const PULL_WAIT_MS = 30_000;
const JOBS_ACK_WAIT_MS = 60_000;
const BATCH_MAX = 20;
const DUPLICATE_WINDOW_MS = 300_000;

export class Bus {
  readonly deadLetters: DeadLetter[] = [];
  /** NATS as a whole answers nobody before this time. */
  downUntil = 0;
  private readonly streams = new Map<string, Stream>();
  private readonly queues = new Map<string, Queue>();
  private tokens = 0;

  constructor(
    private readonly clockwork: Clockwork,
    private readonly faults: () => Faults,
  ) {
    for (const { stream, name, filters, ackWaitMs } of consumers) this.queues.set(`${stream}/${name}`, new Queue(filters, ackWaitMs));
  }

  get down(): boolean {
    return this.clockwork.now < this.downUntil;
  }

  /** Store a message; a known id is stored once, unless the stream has forgotten it. */
  publish(subject: string, id: string, body: unknown): void {
    if (this.down) throw away('publish');
    const name = streamOf(subject);
    if (!name) throw new SlipwayError({ code: 'messaging.subject.unknown', kind: 'invalid', message: `no stream takes ${subject}` });
    let stream = this.streams.get(name);
    if (!stream) this.streams.set(name, (stream = { messages: [], ids: new Map() }));
    const seenAt = stream.ids.get(id);
    const known = seenAt !== undefined && this.clockwork.now - seenAt < DUPLICATE_WINDOW_MS;
    if (known && !this.clockwork.random.chance(this.faults().forgetId)) return;
    stream.ids.set(id, this.clockwork.now);
    const message: Stored = { sequence: (stream.messages.at(-1)?.sequence ?? this.removed) + 1, id, subject, text: JSON.stringify(body) };
    if (name === 'JOBS') this.replace(stream, message);
    stream.messages.push(message);
    for (const [key, queue] of this.queues) if (key.startsWith(`${name}/`)) queue.offer(message);
    for (const queue of this.queues.values()) queue.wake();
  }
  /** Highest sequence of the queue of jobs, whose messages go away. */
  private removed = 0;

  /** The queue of jobs keeps the newest message of each subject. */
  private replace(stream: Stream, message: Stored): void {
    this.removed = message.sequence;
    const older = stream.messages.filter((m) => m.subject === message.subject);
    if (older.length === 0) return;
    stream.messages = stream.messages.filter((m) => !older.includes(m));
    for (const [key, queue] of this.queues) if (key.startsWith('JOBS/')) queue.forget(older);
  }

  /** All that was ever stored in a stream and is still there. */
  stored(stream: string): { subject: string; id: string; body: unknown }[] {
    return (this.streams.get(stream)?.messages ?? []).map((m) => ({ subject: m.subject, id: m.id, body: JSON.parse(m.text) as unknown }));
  }

  /** The queue of one pool and executor. */
  ensureJobQueue(pool: string, executor: string): void {
    const key = `JOBS/${pool}_${executor}`;
    if (!this.queues.has(key)) this.queues.set(key, new Queue([`slipway.job.${pool}.${executor}.>`], JOBS_ACK_WAIT_MS));
  }

  /** Deliver to this life's handler until it dies. */
  consume(life: Life, consumer: string, handler: BatchHandler): void {
    const queue = this.queue(consumer);
    let busy = false;
    const look = (): void => {
      if (busy || !life.alive) return;
      const wait = queue.nextDue() - this.clockwork.now;
      if (wait === Infinity) return;
      busy = true;
      this.clockwork.after(life, Math.max(wait, this.downUntil - this.clockwork.now, this.latency()), () => {
        void this.deliver(life, consumer, queue, handler).then(() => {
          busy = false;
          look();
        });
      });
    };
    queue.looks.set(life, look);
    look();
  }

  /** At most `max` messages of a job queue; waits for something to come, and gives up after a while. */
  async pull(life: Life, consumer: string, max: number): Promise<{ inbound: Inbound; ack(): void; nak(delayMs: number): void }[]> {
    const queue = this.queue(consumer);
    const until = this.clockwork.now + PULL_WAIT_MS;
    for (;;) {
      const dueAt = Math.max(queue.nextDue(), this.downUntil);
      if (dueAt <= this.clockwork.now) break;
      if (this.clockwork.now >= until) return [];
      await this.untilOffered(life, queue, Math.min(dueAt, until));
    }
    return this.take(queue, max).map((pending) => {
      const { token } = pending;
      return {
        inbound: toInbound(pending),
        ack: () => {
          if (!this.lost(this.faults().dropAck)) this.acknowledge(queue, pending, token);
        },
        nak: (delayMs) => {
          if (pending.token === token) pending.dueAt = this.clockwork.now + delayMs;
        },
      };
    });
  }

  /** Until something new comes, or this time. */
  private untilOffered(life: Life, queue: Queue, until: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        queue.waiting.delete(offered);
        stop();
        resolve();
      };
      const stop = this.clockwork.after(life, until - this.clockwork.now, go);
      const offered = (): void => void this.clockwork.after(life, this.latency(), go);
      queue.waiting.add(offered);
    });
  }

  private queue(consumer: string): Queue {
    const queue = this.queues.get(consumer);
    if (!queue) throw new Error(`there is no consumer ${consumer}`);
    return queue;
  }

  private latency(): number {
    return this.clockwork.random.between(0, this.faults().latencyMsMax);
  }

  private lost(probability: number): boolean {
    return this.down || this.clockwork.random.chance(probability);
  }

  private take(queue: Queue, max: number): Pending[] {
    const { random, now } = this.clockwork;
    let due = queue.due(now);
    if (random.chance(this.faults().reorder)) due = due.filter(() => random.chance(0.5));
    const batch = due.slice(0, random.between(1, max));
    const taken: Pending[] = [];
    for (const pending of batch) {
      pending.dueAt = now + queue.ackWaitMs;
      pending.token = ++this.tokens;
      pending.attempt++;
      if (!random.chance(this.faults().dropDelivery)) taken.push(pending);
    }
    return taken;
  }

  private async deliver(life: Life, consumer: string, queue: Queue, handler: BatchHandler): Promise<void> {
    if (this.down) return;
    const batch = this.take(queue, BATCH_MAX);
    const tokens = new Map(batch.map((p) => [p, p.token]));
    const settleOne = (pending: Pending, settlement: Settlement): void => {
      const token = tokens.get(pending) ?? 0;
      if (settlement.kind === 'nak') {
        if (pending.token === token) pending.dueAt = this.clockwork.now + settlement.delayMs;
        return;
      }
      if (settlement.kind === 'deadLetter') {
        this.deadLetters.push({ consumer, subject: pending.message.subject, text: pending.message.text, error: settlement.error });
      } else if (this.lost(this.faults().dropAck)) return;
      this.acknowledge(queue, pending, token);
    };
    if (batch.length > 0) await this.attempt(life, batch, handler, settleOne);
  }

  /** As the consumer over NATS does: what a handler throws at, it gets in halves, down to one. */
  private async attempt(
    life: Life,
    batch: Pending[],
    handler: BatchHandler,
    settleOne: (p: Pending, s: Settlement) => void,
  ): Promise<void> {
    let said: Awaited<ReturnType<BatchHandler>>;
    try {
      said = await handler(batch.map(toInbound));
    } catch (thrown) {
      if (!life.alive) return;
      const error = normalizeError(thrown);
      if (batch.length > 1 && error.kind !== 'unavailable' && error.kind !== 'cancelled') {
        const half = Math.ceil(batch.length / 2);
        await this.attempt(life, batch.slice(0, half), handler, settleOne);
        await this.attempt(life, batch.slice(half), handler, settleOne);
        return;
      }
      this.thrown.push(error);
      for (const pending of batch) settleOne(pending, settle(error.toShape(), pending.attempt));
      return;
    }
    if (!life.alive) return;
    for (const pending of batch) settleOne(pending, said?.get(pending.message.id) ?? { kind: 'ack' });
  }
  /** What handlers threw, for whoever looks for the cause of a dead letter. */
  readonly thrown: SlipwayError[] = [];

  private acknowledge(queue: Queue, pending: Pending, token: number): void {
    if (pending.token !== token) return;
    queue.settle(pending);
    const jobs = this.streams.get('JOBS');
    if (jobs && pending.message.subject.startsWith('slipway.job.')) jobs.messages = jobs.messages.filter((m) => m !== pending.message);
  }
}

interface Stream {
  messages: Stored[];
  /** When each id was stored last. */
  ids: Map<string, number>;
}

class Queue {
  /** Whoever consumes it looks again. */
  readonly looks = new Map<Life, () => void>();
  /** Told of the next message. */
  readonly waiting = new Set<() => void>();
  private readonly pending: Pending[] = [];

  constructor(
    private readonly filters: readonly string[],
    readonly ackWaitMs: number,
  ) {}

  offer(message: Stored): void {
    if (!this.filters.some((f) => subjectMatches(f, message.subject))) return;
    this.pending.push({ message, attempt: 0, dueAt: 0, token: 0 });
    for (const tell of [...this.waiting]) tell();
  }

  /** They are in the stream no more and are not delivered again. */
  forget(messages: readonly Stored[]): void {
    const gone = this.pending.filter(({ message }) => messages.includes(message));
    for (const pending of gone) this.settle(pending);
  }

  wake(): void {
    for (const [life, look] of this.looks) {
      if (life.alive) look();
      else this.looks.delete(life);
    }
  }

  nextDue(): number {
    return this.pending.reduce((earliest, p) => Math.min(earliest, p.dueAt), Infinity);
  }

  due(now: number): Pending[] {
    return this.pending.filter((p) => p.dueAt <= now);
  }

  settle(pending: Pending): void {
    const at = this.pending.indexOf(pending);
    if (at >= 0) this.pending.splice(at, 1);
  }
}

function toInbound({ message, attempt }: Pending): Inbound {
  const body = JSON.parse(message.text) as unknown;
  const schema = bodySchemaOf(message.subject);
  return {
    id: message.id,
    subject: message.subject,
    body: schema ? schema.parse(body) : body,
    headers: {},
    attempt,
    sequence: message.sequence,
  };
}

export function away(what: string): SlipwayError {
  return new SlipwayError({ code: 'messaging.request.unavailable', kind: 'unavailable', message: `${what}: NATS does not answer` });
}
