import type { Inventory, TargetFact } from '@slipway/core';
import { InventoryMirror } from '@slipway/persistence';
import type { Tx } from '@slipway/persistence';
import { TargetFacts } from './facts/target-facts.js';
import { PeopleFacts } from './facts-of-people/people-facts.js';
import type { PeopleSnapshot } from './facts-of-people/people-facts.js';

type Reader = Pick<Tx, 'find' | 'count'>;

/** What this copy of the service holds in memory: the inventory and the facts, as new as the tables once `sync` is done. */
export class State {
  readonly mirror = new InventoryMirror();
  readonly targetFacts = new TargetFacts();
  readonly peopleFacts = new PeopleFacts();

  /** Read it without awaiting in between. */
  get inventory(): Inventory {
    return this.mirror.inventory;
  }

  get facts(): ReadonlyMap<string, TargetFact> {
    return this.targetFacts.all;
  }

  /** What people decided, as last read. */
  get people(): PeopleSnapshot {
    return this.peopleFacts.now;
  }

  async sync(reader: Reader): Promise<void> {
    await Promise.all([this.mirror.current(reader), this.syncFacts(reader)]);
  }

  /** All but the inventory. */
  async syncFacts(reader: Reader): Promise<void> {
    await Promise.all([this.targetFacts.sync(reader), this.peopleFacts.sync(reader)]);
  }
}
