import type { ReleaseEvent, ReplyOf, StandingFact } from '@slipway/contracts';
import { subjects } from '@slipway/contracts';
import type { GateRule, InventoryChange, InventoryItem, NumberedDecision, PolicyDoc, Rule, Version } from '@slipway/core';
import { SlipwayError } from '@slipway/core';
import type { Caller, Inbound, ServiceParts } from '@slipway/messaging';
import type { Store } from '@slipway/persistence';
import { createPolicy } from '../src/parts.js';

export const START = Date.UTC(2026, 10, 23, 12);

export const releaser: Caller = { name: 'user:ada', groups: ['releasers'], role: 'approver' };

/** The policy service on a store that the test holds in its hand, with the registry's feed and the scheduler played by plain arrays. */
export class Mesh {
  now = START;
  readonly feed: InventoryChange[] = [];
  /** What the scheduler was asked to take. */
  readonly taken: NumberedDecision[] = [];
  /** Freezes and pins that the scheduler was asked to take. */
  readonly standing: StandingFact[] = [];
  /** What the service told of its work. */
  readonly told: Record<string, unknown>[] = [];
  schedulerAnswers = true;
  /** What the scheduler would say of its rollouts. */
  rollouts: ReplyOf<'scheduler.rollouts'>['rollouts'] = [];
  parts: ServiceParts;
  /** When the service last asked to be woken. */
  wakeAt: number | undefined;
  private nudged = false;
  private ids = 0;
  private sequences = new Map<string, number>();
  private messages = 0;

  constructor(readonly store: Store) {
    this.parts = this.boot();
  }

  /** Another copy of the service, or the same after its death. */
  boot(): ServiceParts {
    return createPolicy({
      store: this.store,
      clock: { now: () => this.now },
      ids: { next: () => `id-${String(++this.ids).padStart(6, '0')}`, random: () => 0.5 },
      log: {
        debug: (message, fields) => void this.told.push({ message, ...fields }),
        info: () => undefined,
        warn: () => undefined,
        error: (message, fields) => expectNoError(message, fields),
      },
      requests: { ask: (operation, request) => this.answer(operation, request) as never },
      nudge: () => (this.nudged = true),
    });
  }

  /** The registry commits these changes and its events arrive. */
  async inventory(...items: InventoryItem[]): Promise<void> {
    await this.deliver(this.commit(...items).map(changeMessage));
  }

  /** The registry commits these changes; their events are on their way. */
  commit(...items: InventoryItem[]): InventoryChange[] {
    const changes = items.map((item, index) => ({ revision: this.feed.length + 1 + index, at: this.now, item }));
    this.feed.push(...changes);
    return changes;
  }

  async deliver(batch: Inbound[], parts = this.parts): Promise<void> {
    await parts.consumers['EVT/policy']!(batch);
    await this.settle(parts);
  }

  async releases(...events: ReleaseEvent[]): Promise<void> {
    await this.deliver(events.map((event) => this.releaseMessage(event)));
  }

  releaseMessage(event: ReleaseEvent): Inbound<ReleaseEvent> {
    return this.inbound(subjects.release(event, event.verb), event);
  }

  /** The next fact of a target: a version that succeeded there, unless said otherwise. */
  fact(deployment: string, environment: string, resource: string, version: Version, more: Partial<ReleaseEvent> = {}): ReleaseEvent {
    const key = `${deployment}/${environment}/${resource}`;
    const sequence = (this.sequences.get(key) ?? 0) + 1;
    this.sequences.set(key, sequence);
    const verb = more.verb ?? 'succeeded';
    const state = verb === 'quarantined' || verb === 'quarantineReleased' ? 'rolledBack' : verb;
    return {
      version: version.tag,
      verb,
      deployment,
      environment,
      resource,
      versionId: version.id,
      sequence,
      at: this.now,
      startedAt: this.now,
      ...(verb === 'succeeded' ? { running: { version: version.id, tag: version.tag, verified: true, since: this.now } } : {}),
      outcome: { state, verified: verb === 'succeeded', at: this.now },
      quarantined: [],
      ...more,
    };
  }

  /** Time passes, and the service is woken whenever it asked to be. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      const next = await this.parts.wake(this.now);
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next);
    }
    this.now = until;
    await this.parts.wake(this.now);
  }

  async settle(parts = this.parts): Promise<void> {
    while (this.nudged) {
      this.nudged = false;
      this.wakeAt = await parts.wake(this.now);
    }
  }

  private inbound<T>(subject: string, body: T): Inbound<T> {
    this.messages += 1;
    return { id: `m${this.messages}`, subject, body, headers: {}, attempt: 1, sequence: this.messages };
  }

  private async answer(operation: string, request: unknown): Promise<unknown> {
    if (operation === 'registry.feed') {
      const { since } = request as { since: number };
      return { changes: this.feed.filter((c) => c.revision > since).slice(0, 1_000), revision: this.feed.length };
    }
    if (!this.schedulerAnswers)
      throw new SlipwayError({ code: 'messaging.request.noAnswer', kind: 'unavailable', message: 'nobody answers' });
    if (operation === 'scheduler.rollouts') return { rollouts: this.rollouts };
    if (operation === 'scheduler.takeStanding') {
      this.standing.push(...(request as { facts: StandingFact[] }).facts);
      return { taken: 1 };
    }
    this.taken.push(...(request as { decisions: NumberedDecision[] }).decisions);
    return { taken: 1 };
  }
}

function expectNoError(message: string, fields: unknown): void {
  throw new Error(`${message} ${JSON.stringify(fields)}`);
}

export function changeMessage(change: InventoryChange): Inbound<InventoryChange> {
  return {
    id: `inventory:${change.revision}`,
    subject: `slipway.evt.${change.item.kind}.x.applied`,
    body: change,
    headers: {},
    attempt: 1,
    sequence: change.revision,
  };
}

export const system: InventoryItem = { kind: 'system', name: 'shop', doc: { name: 'shop' } };

export const environment = (name: string): InventoryItem => ({
  kind: 'environment',
  name,
  doc: { name, system: 'shop', resources: 'true', metadata: {} },
});

export const deployment = (name: string): InventoryItem => ({
  kind: 'deployment',
  name,
  doc: { name, system: 'shop', resources: 'true', pool: 'p', executor: { type: 'command' }, variables: {}, verification: [], metadata: {} },
});

export const host = (identifier: string, metadata: Record<string, string> = {}): InventoryItem => ({
  kind: 'resource',
  name: identifier,
  doc: { identifier, name: identifier, kind: 'host', version: '1', metadata, config: {}, variables: {} },
});

export const targets = (d: string, e: string, added: string[], removed: string[] = []): InventoryItem => ({
  kind: 'targets',
  name: `${d}/${e}`,
  doc: { deployment: d, environment: e, added, removed },
});

export const version = (d: string, tag: string, sequence: number, more: Partial<Version> = {}): Version => ({
  id: `${d}-${tag}`,
  deployment: d,
  tag,
  name: tag,
  status: 'ready',
  sequence,
  config: {},
  metadata: {},
  dependsOn: [],
  createdAt: START,
  ...more,
});

export const published = (v: Version): InventoryItem => ({ kind: 'version', name: v.tag, doc: v });

export const policy = (name: string, selector: string, ...rules: Rule[]): InventoryItem => {
  const doc: PolicyDoc = { name, selector, enabled: true, priority: 0, rules };
  return { kind: 'policy', name, doc };
};

export const approval: GateRule = { kind: 'approval', required: 1, from: ['group:releasers'], perGroup: false, allowAuthor: false };

export const progression = (soakMs: number): GateRule => ({
  kind: 'environmentProgression',
  dependsOn: 'environment.name == "staging"',
  mode: 'all',
  successPercent: 100,
  soakMs,
  allowEmpty: false,
});

/** Two environments with two hosts each; `checkout` and `catalog` run on all. */
export const shop: InventoryItem[] = [
  system,
  environment('staging'),
  environment('production'),
  deployment('checkout'),
  deployment('catalog'),
  ...['s1', 's2', 'p1', 'p2'].map((name) => host(name)),
  ...['checkout', 'catalog'].flatMap((d) => [targets(d, 'staging', ['s1', 's2']), targets(d, 'production', ['p1', 'p2'])]),
];
