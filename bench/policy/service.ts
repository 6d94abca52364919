import type { ReleaseEvent } from '@slipway/contracts';
import type { InventoryChange, Version } from '@slipway/core';
import type { Inbound, ServiceParts } from '@slipway/messaging';
import { createMemoryStore } from '@slipway/persistence';
import type { Store, Tx } from '@slipway/persistence';
import { createPolicy } from '../../services/policy/src/parts.js';
import { dirtyTable, tables } from '../../services/policy/src/tables.js';
import { MONDAY, freezes, identifierOf, inventoryOf, running, stagingOf } from './scene.js';

const BATCH = 1_000;
const PLACE = { deployment: 'checkout', environment: 'production' };
/** Rows of facts and of history are news in any case; these are written only for what was decided. */
const DECIDED = ['decision', 'pair', 'dirty'];

/** The policy service's own parts in this process, on the memory store, with the registry and the scheduler played by arrays; its clock stands still unless moved. */
export class PolicyInProcess {
  /** Rows of decisions, pairs and marks written so far. */
  rowsWritten = 0;
  private now = MONDAY;
  private parts: ServiceParts;
  private readonly store: Store;
  private readonly feed: InventoryChange[] = [];
  private ids = 0;
  private messages = 0;
  private readonly sequences = new Map<string, number>();
  private nudged = false;

  constructor() {
    this.store = this.counting(createMemoryStore(tables));
    this.parts = this.boot();
  }

  private boot(): ServiceParts {
    const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined };
    return createPolicy({
      store: this.store,
      clock: { now: () => this.now },
      ids: { next: () => `id-${++this.ids}`, random: () => 0.5 },
      log: {
        ...quiet,
        error: (message, fields) => {
          throw new Error(`${message} ${JSON.stringify(fields)}`);
        },
      },
      requests: {
        ask: async (operation) =>
          (operation === 'registry.feed' ? { changes: [], revision: this.feed.length } : { taken: 1, rollouts: [] }) as never,
      },
      nudge: () => (this.nudged = true),
    });
  }

  /** The old version runs everywhere, the new ones wait. */
  async prepare(targets: number): Promise<void> {
    const changes = inventoryOf(targets).map((item, index): InventoryChange => ({ revision: index + 1, at: MONDAY, item }));
    this.feed.push(...changes);
    // Versions last, and nothing decided in between: deciding once is enough.
    await this.take(
      changes.map((change) => this.inbound(`slipway.evt.${change.item.kind}.x.applied`, change)),
      changes.length,
    );
    const everywhere = Array.from({ length: targets }, (_, index) => identifierOf(index));
    const events = ['checkout', 'catalog'].flatMap((deployment) => [
      ...stagingOf(targets).map((resource) => this.fact(deployment, 'staging', resource, running)),
      ...everywhere.map((resource) => this.fact(deployment, 'production', resource, running)),
    ]);
    await this.take(events.map((event) => this.release(event)));
    for (const freeze of freezes) await this.parts.operations['policy.freeze']!(freeze, ADMIN);
    await this.settle();
  }

  /** The service dies and comes back: it has read all that is known, and judged nothing yet. */
  async restart(): Promise<void> {
    this.parts = this.boot();
    await this.parts.operations['policy.explain']!({ ...PLACE, resource: identifierOf(0), version: running.tag }, ADMIN);
  }

  /** Something concerned the whole place: all its targets are judged again. */
  async judgeAgain(): Promise<void> {
    await this.store.transaction((tx) => tx.put(dirtyTable, [{ ...PLACE, level: 2, stamp: `again-${++this.ids}`, at: this.now }]));
    this.rowsWritten = 0;
    await this.parts.wake(this.now);
  }

  /** Someone of one of the teams approves. */
  async approve(version: Version): Promise<void> {
    const caller = { name: 'user:eve', groups: ['team-0'], role: 'approver' as const };
    await this.parts.operations['policy.approve']!({ ...PLACE, version: version.tag }, caller);
  }

  /** One fact of one target arrives; the promise is over when what it changes is decided. Gives how long it waited for others, on the service's clock. */
  async factArrives(event: ReleaseEvent): Promise<number> {
    const from = this.now;
    this.rowsWritten = 0;
    await this.take([this.release(event)]);
    await this.settle();
    return this.now - from;
  }

  /** The next fact of a target where the version runs. */
  fact(deployment: string, environment: string, resource: string, version: Version, more: Partial<ReleaseEvent> = {}): ReleaseEvent {
    const key = `${deployment}/${environment}/${resource}`;
    const sequence = (this.sequences.get(key) ?? 0) + 1;
    this.sequences.set(key, sequence);
    const at = MONDAY - 100 * 3_600_000;
    return {
      ...{ version: version.tag, verb: 'succeeded', deployment, environment, resource, versionId: version.id, sequence, at, startedAt: at },
      running: { version: version.id, tag: version.tag, verified: true, since: at, revision: 1_000_000_000 },
      outcome: { state: 'succeeded', verified: true, at },
      quarantined: [],
      ...more,
    };
  }

  private async take(batch: Inbound[], size = BATCH): Promise<void> {
    for (let at = 0; at < batch.length; at += size) await this.parts.consumers['EVT/policy']!(batch.slice(at, at + size));
  }

  /** Until nothing is marked any more; time passes only as far as the service waits. */
  private async settle(): Promise<void> {
    for (;;) {
      this.nudged = false;
      await this.parts.wake(this.now);
      const [mark] = await this.store.read((tx) => tx.find(dirtyTable, {}, { orderBy: { at: 'asc' }, limit: 1, only: ['at'] }));
      if (mark === undefined && !this.nudged) return;
      if (mark !== undefined) this.now = Math.max(this.now, mark.at);
    }
  }

  private release(event: ReleaseEvent): Inbound {
    return this.inbound(`slipway.evt.release.${event.deployment}.${event.environment}.x.${event.verb}`, event);
  }

  private inbound(subject: string, body: unknown): Inbound {
    this.messages += 1;
    return { id: `m${this.messages}`, subject, body, headers: {}, attempt: 1, sequence: this.messages };
  }

  private counting(store: Store): Store {
    const counted = (tx: Tx): Tx => ({
      ...tx,
      put: (table, rows) => {
        if (DECIDED.includes(table.name)) this.rowsWritten += rows.length;
        return tx.put(table, rows);
      },
    });
    return { ...store, transaction: (work) => store.transaction((tx) => work(counted(tx))) };
  }
}

const ADMIN = { name: 'user:ada', groups: [], role: 'admin' as const };
