import { operations, agentRequestSchemas, type OperationName, type ReplyOf, type RequestOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import { normalizeError, type Caller, type Requests, type ServiceParts } from '@slipway/messaging';
import type { MemoryStore } from '@slipway/persistence';
import type { Log } from '@slipway/runtime';
import { away, type Bus } from './bus.js';
import { Life, type Clockwork } from './clockwork.js';
import { steppedStore } from './stepped-store.js';
import type { Faults } from './faults.js';

/*
 * One service as a process that can die: its parts, its consumers, its outbox relay, its wake loop, its answers. A restart builds all of it anew
 * on the same store.
 */

export interface MeshDeps {
  clockwork: Clockwork;
  bus: Bus;
  faults: () => Faults;
  /** The copies of each service. */
  services: ReadonlyMap<string, readonly ServiceHost[]>;
  /** Something was committed: look whether all still holds. */
  committed: (service: string) => void;
  note: (line: string) => void;
}

const SWEEP_MS = 5_000;
const RETRY_MS = 500;
const REQUEST_TIMEOUT_MS = 10_000;

export class ServiceHost {
  life: Life;
  private parts: ServiceParts | undefined;
  private nudged = false;
  private waking = false;
  private relaying = false;
  private stopTimer: (() => void) | undefined;
  private ids = 0;

  constructor(
    readonly name: string,
    private readonly copy: number,
    readonly store: MemoryStore,
    private readonly create: (deps: ServiceDeps) => ServiceParts,
    private readonly mesh: MeshDeps,
  ) {
    this.life = new Life(this.lifeName);
  }

  start(): void {
    const { clockwork, bus } = this.mesh;
    this.life = new Life(this.lifeName);
    const life = this.life;
    Object.assign(this, { nudged: false, waking: false, relaying: false });
    this.parts = this.create({
      store: steppedStore(this.store, life, clockwork, () => this.afterCommit()),
      clock: { now: () => clockwork.now },
      ids: { next: () => `${this.lifeName}-${String(++this.ids).padStart(6, '0')}`, random: () => clockwork.random.next() },
      log: this.log(),
      requests: this.requests(life),
      nudge: () => this.nudge(),
    });
    for (const [consumer, handler] of Object.entries(this.parts.consumers)) bus.consume(life, consumer, handler);
    this.nudge();
    void this.relay();
  }

  get lifeName(): string {
    return `${this.name}-${this.copy}`;
  }

  kill(): void {
    this.mesh.clockwork.kill(this.life);
  }

  /** Answer an operation as this service; rejects like the wire would. */
  async answer(operation: OperationName, request: unknown, caller: Caller): Promise<unknown> {
    const handler = this.parts?.operations[operation] as ((request: unknown, caller: Caller) => Promise<unknown>) | undefined;
    if (!handler)
      throw new SlipwayError({ code: 'messaging.request.unknown', kind: 'invalid', message: `${this.name} does not answer ${operation}` });
    return handler(operations[operation].request.parse(copy(request)), caller);
  }

  async answerAgent(operation: string, request: unknown, agent: string): Promise<unknown> {
    const handler = this.parts?.agentRequests[operation];
    if (!handler)
      throw new SlipwayError({ code: 'messaging.request.unknown', kind: 'invalid', message: `${this.name} does not answer ${operation}` });
    return handler(agentRequestSchemas[operation]!.parse(copy(request)) as never, agent);
  }

  private log(): Log {
    const note = (level: string) => (message: string, fields?: Record<string, unknown>) =>
      this.mesh.note(
        `${this.lifeName} ${level}: ${message} ${fields ? JSON.stringify(fields, (_, v: unknown) => (v instanceof Error ? `${v.message} ${v.stack ?? ''}` : v)) : ''}`,
      );
    return { debug: () => undefined, info: () => undefined, warn: note('warns'), error: note('errors') };
  }

  private requests(life: Life): Requests {
    return {
      ask: <N extends OperationName>(operation: N, request: RequestOf<N>, options?: { timeoutMs?: number }): Promise<ReplyOf<N>> =>
        ask(
          this.mesh,
          life,
          operation.split('.')[0] ?? '',
          (host) => host.answer(operation, request, { name: 'service', groups: [], role: 'service' }),
          options?.timeoutMs,
        ) as Promise<ReplyOf<N>>,
    };
  }

  private afterCommit(): void {
    this.mesh.committed(this.name);
    void this.relay();
  }

  private nudge(): void {
    this.nudged = true;
    if (!this.waking && this.life.alive) void this.wake();
  }

  private async wake(): Promise<void> {
    const { clockwork } = this.mesh;
    const { life } = this;
    this.waking = true;
    this.stopTimer?.();
    let delay = SWEEP_MS;
    while (this.nudged) {
      this.nudged = false;
      await clockwork.point(life);
      try {
        const next = await this.parts?.wake(clockwork.now);
        delay = next === undefined ? SWEEP_MS : Math.min(Math.max(next - clockwork.now, 2), SWEEP_MS);
      } catch (error) {
        this.log().warn('wake failed', { error: normalizeError(error) });
        delay = RETRY_MS;
      }
      if (life !== this.life) return;
    }
    this.waking = false;
    this.stopTimer = clockwork.after(life, delay, () => this.nudge());
  }

  /** Publish what was committed, in order, and mark it after the stream has it; whoever dies in between publishes it again. */
  private async relay(): Promise<void> {
    const { clockwork, bus } = this.mesh;
    const { life } = this;
    // Production gives the relay to one copy by a lock; here it is the first that lives.
    const leader = (this.mesh.services.get(this.name) ?? []).find((copy) => copy.life.alive);
    if (leader !== this) return void leader?.relay();
    if (this.relaying || !life.alive) return;
    this.relaying = true;
    for (;;) {
      const row = this.store.outbox('unsent')[0];
      if (!row) break;
      await clockwork.point(life);
      try {
        for (const message of row.messages) bus.publish(message.subject, message.id, message.body);
      } catch {
        await clockwork.sleep(life, RETRY_MS);
        continue;
      }
      await clockwork.point(life);
      this.store.markSent([row.id]);
    }
    this.relaying = false;
  }
}

/** One request over the wire: it may not arrive, and neither may its reply. */
export function ask(
  mesh: MeshDeps,
  from: Life,
  service: string,
  answer: (host: ServiceHost) => Promise<unknown>,
  timeoutMs = REQUEST_TIMEOUT_MS,
): Promise<unknown> {
  const { clockwork, bus, services, faults } = mesh;
  return new Promise((resolve, reject) => {
    const giveUp = clockwork.after(from, timeoutMs, () => reject(away(service)));
    const deliver = (): void => {
      const alive = (services.get(service) ?? []).filter((copy) => copy.life.alive);
      if (bus.down || alive.length === 0 || clockwork.random.chance(faults().dropRequest)) return;
      const host = clockwork.random.pick(alive);
      const { life } = host;
      const reply = (say: () => void): void => {
        if (!life.alive || bus.down || clockwork.random.chance(faults().dropReply)) return;
        clockwork.after(from, clockwork.random.between(0, faults().latencyMsMax), () => {
          giveUp();
          say();
        });
      };
      answer(host).then(
        (value) => reply(() => resolve(copy(value))),
        (error: unknown) => reply(() => reject(new SlipwayError(normalizeError(error).toShape()))),
      );
    };
    clockwork.after(undefined, clockwork.random.between(0, faults().latencyMsMax), deliver);
  });
}

export function copy<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
