import type { NumberedDecision } from '@slipway/core';
import type { Clock, Ids, Log } from '@slipway/runtime';
import type { InventoryMirror, Store } from '@slipway/persistence';
import { indexDecision, type IndexedDecision } from './decisions/gate.js';
import type { DecisionRow, RolloutRow } from './tables.js';
import type { Place } from './work.js';

/** What every part of the scheduler works with. */
export interface World {
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Something that was committed is due at this time: ask to be woken by then. */
  wakeBy(at: number): void;
  /** Hint to an agent that it should renew its leases now: the reply tells it what to stop. May be lost; never throws. */
  nudgeAgent(agent: string): void;
  mirror: InventoryMirror;
  decisions: DecisionCache;
  plans: PlanCache;
  /** Ids of executor templates that are stored for certain. */
  templates: Set<string>;
  /** Where jobs belong, by id; a job never changes its place. */
  places: Recent<Place>;
  /** Rollouts that could not be planned, by place, for people to see. */
  problems: Map<string, { because: string; since: number }>;
  leaseMs: number;
}

/** A lease lasts this long; agents renew every third of it. */
export const LEASE_MS = 30_000;

/** How many parsed decisions and rollout plans are kept; past it the oldest go and are read again when asked for. */
const CACHED_MAX = 5_000;

/** … and places of jobs: those that are under way, in all but the largest rollouts. */
export const PLACES_CACHED_MAX = 20_000;

/** A map that forgets its oldest entries. */
export class Recent<V> {
  private readonly entries = new Map<string, V>();

  constructor(private readonly max = CACHED_MAX) {}

  get(key: string): V | undefined {
    return this.entries.get(key);
  }

  set(key: string, value: V): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size > this.max) for (const oldest of this.entries.keys()) return void this.entries.delete(oldest);
  }
}

/** Decisions, indexed once per number. The rows say which number counts; this only saves parsing. */
export class DecisionCache {
  private readonly recent = new Recent<IndexedDecision>();

  get(row: Pick<DecisionRow, 'deployment' | 'environment' | 'versionId' | 'number'>): IndexedDecision | undefined {
    const found = this.recent.get(`${row.deployment}/${row.environment}/${row.versionId}`);
    return found?.decision.number === row.number ? found : undefined;
  }

  take(decision: NumberedDecision): IndexedDecision {
    const key = `${decision.deployment}/${decision.environment}/${decision.versionId}`;
    const known = this.recent.get(key);
    if (known?.decision.number === decision.number) return known;
    const indexed = indexDecision(decision);
    this.recent.set(key, indexed);
    return indexed;
  }
}

/** The frozen parts of rollouts: large, and the same every time. */
export class PlanCache {
  private readonly recent = new Recent<FrozenRollout>();

  get(id: string, planSize: number): FrozenRollout | undefined {
    const found = this.recent.get(id);
    return found?.plan.members.length === planSize ? found : undefined;
  }

  take(row: Pick<RolloutRow, 'id' | 'plan' | 'obligations'>): FrozenRollout {
    const frozen = { plan: row.plan, obligations: row.obligations, ordinals: new Map(row.plan.members.map((m, at) => [m, at])) };
    this.recent.set(row.id, frozen);
    return frozen;
  }
}

export interface FrozenRollout {
  plan: RolloutRow['plan'];
  obligations: RolloutRow['obligations'];
  /** Resource identifier → ordinal. */
  ordinals: ReadonlyMap<string, number>;
}
