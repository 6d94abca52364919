import { targetKey } from '@slipway/core';
import type { Inventory, InventoryTargets, TargetFact } from '@slipway/core';
import type { TargetList } from './view-pair.js';

/** What of a place tells which versions may still go there. */
export interface RunningPlace {
  inventory: Inventory;
  facts: ReadonlyMap<string, TargetFact>;
  list: TargetList;
  targets: InventoryTargets;
}

export interface Running {
  /** Sequence of the oldest version that runs at any of the targets; undefined when one of them runs none. */
  oldest: number | undefined;
  /** Versions that run at targets which have changed since what runs there was made. */
  moved: ReadonlySet<string>;
}

/** What one target counts for. */
interface Counted {
  version: string | undefined;
  moved: boolean;
}

/** Which versions run in a place: counted once, and then only where facts are others. */
export class RunningHere {
  private readonly byResource = new Map<string, Counted>();
  /** One object for all targets that count alike. */
  private readonly alike = new Map<string, Counted>();
  private last: Counted | undefined;
  private readonly versions = new Map<string | undefined, number>();
  private readonly moved = new Map<string, number>();

  constructor(private readonly place: RunningPlace) {
    this.renew(place.list.identifiers);
  }

  get list(): TargetList {
    return this.place.list;
  }

  /** The facts of these resources may be others. */
  renew(resources: Iterable<string>): void {
    for (const resource of resources) {
      if (!this.place.targets.has(resource)) continue;
      const before = this.byResource.get(resource);
      if (before) this.count(before, -1);
      const after = this.at(resource);
      this.byResource.set(resource, after);
      this.count(after, 1);
    }
  }

  get now(): Running {
    let oldest: number | undefined = Number.POSITIVE_INFINITY;
    for (const version of this.versions.keys()) {
      const sequence = version === undefined ? undefined : this.place.inventory.versions.byId(version)?.sequence;
      oldest = oldest === undefined || sequence === undefined ? undefined : Math.min(oldest, sequence);
    }
    return { oldest, moved: new Set(this.moved.keys()) };
  }

  private at(resource: string): Counted {
    const { facts, list, targets } = this.place;
    const running = facts.get(targetKey(targets.deployment, targets.environment, resource))?.running;
    // Only where the list says that anything has changed since is the target asked.
    const { revision = Number.POSITIVE_INFINITY } = running ?? {};
    return this.counted(running?.version, list.revision > revision && (targets.revisionOf(resource) ?? 0) > revision);
  }

  private counted(version: string | undefined, moved: boolean): Counted {
    const { last } = this;
    if (last && last.version === version && last.moved === moved) return last;
    const key = `${version} ${moved}`;
    const counted = this.alike.get(key) ?? { version, moved };
    this.alike.set(key, counted);
    this.last = counted;
    return counted;
  }

  private count({ version, moved }: Counted, by: number): void {
    add(this.versions, version, by);
    if (moved && version !== undefined) add(this.moved, version, by);
  }
}

function add<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
