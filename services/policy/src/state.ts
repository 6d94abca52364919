import { Inventory } from '@slipway/core';
import type { TargetFact } from '@slipway/core';
import { InventoryMirror } from '@slipway/persistence';
import type { Tx } from '@slipway/persistence';
import { TargetFacts } from './facts/target-facts.js';

type Reader = Pick<Tx, 'find' | 'count'>;

/** What this copy of the service holds in memory: the inventory and the facts, as new as the tables once `sync` is done. */
export class State {
  readonly mirror = new InventoryMirror();
  readonly targetFacts = new TargetFacts();
  private seen = new Inventory();

  /** Read it without awaiting in between. */
  get inventory(): Inventory {
    return this.seen;
  }

  get facts(): ReadonlyMap<string, TargetFact> {
    return this.targetFacts.all;
  }

  /** Take changes of the inventory in, as the mirror does. */
  async absorb(tx: Tx, changes: readonly InventoryChange[]): Promise<Absorbed> {
    const absorbed = await this.mirror.absorb(tx, changes);
    this.seen = await this.mirror.current(tx);
    return absorbed;
  }

  async sync(reader: Reader): Promise<void> {
    this.seen = await this.mirror.current(reader);
    await this.targetFacts.sync(reader);
  }
}
