/** Where a set of targets learns when what they share was last changed. */
export interface RevisionSource {
  /** The later of the last changes of deployment and environment. */
  pairRevision(deployment: string, environment: string): number;
  resourceRevision(resource: string): number;
}

/**
 * The release targets of one (deployment, environment). A change of a resource, deployment or environment concerns many targets; so that
 * it costs nothing per target, a target's revision is not stored but computed from those of its parts.
 */
export class InventoryTargets {
  /** Resource identifier → revision at which the target was added. */
  private readonly added = new Map<string, number>();

  constructor(
    readonly deployment: string,
    readonly environment: string,
    private readonly source: RevisionSource,
  ) {}

  get size(): number {
    return this.added.size;
  }

  has(resource: string): boolean {
    return this.added.has(resource);
  }

  /** Identifiers of the resources, in the order in which the targets were added. */
  resources(): IterableIterator<string> {
    return this.added.keys();
  }

  /** Revision of the last change that concerns this target; undefined when it is not there. */
  revisionOf(resource: string): number | undefined {
    const added = this.added.get(resource);
    if (added === undefined) return undefined;
    return Math.max(added, this.source.resourceRevision(resource), this.source.pairRevision(this.deployment, this.environment));
  }

  /** The targets that a decision which saw `revision` does not cover. */
  changedSince(revision: number): string[] {
    const shared = this.source.pairRevision(this.deployment, this.environment);
    const changed: string[] = [];
    for (const [resource, added] of this.added) {
      if (shared > revision || added > revision || this.source.resourceRevision(resource) > revision) changed.push(resource);
    }
    return changed;
  }

  /** Only the inventory calls this. */
  set(resource: string, revision: number | undefined): void {
    if (revision === undefined) this.added.delete(resource);
    else this.added.set(resource, revision);
  }
}
