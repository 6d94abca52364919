import type { Version } from '../model/inventory.js';

/** All versions, by id and by deployment in the order of publication. Versions are never removed; only their status changes. */
export class VersionHistory {
  private readonly ids = new Map<string, Version>();
  private readonly deployments = new Map<string, { ordered: Version[]; tags: Map<string, Version> }>();

  byId(id: string): Version | undefined {
    return this.ids.get(id);
  }

  byTag(deployment: string, tag: string): Version | undefined {
    return this.deployments.get(deployment)?.tags.get(tag);
  }

  /** Oldest first, by `sequence`. */
  of(deployment: string): readonly Version[] {
    return this.deployments.get(deployment)?.ordered ?? [];
  }

  get byIds(): ReadonlyMap<string, Version> {
    return this.ids;
  }

  /** Take a version, or its new status. Appending the newest costs nothing; rows may also come in any order. */
  put(version: Version): void {
    let history = this.deployments.get(version.deployment);
    if (!history) this.deployments.set(version.deployment, (history = { ordered: [], tags: new Map() }));
    this.ids.set(version.id, version);
    history.tags.set(version.tag, version);
    const { ordered } = history;
    let at = ordered.length;
    while (at > 0 && (ordered[at - 1] as Version).sequence > version.sequence) at -= 1;
    const same = ordered[at - 1]?.id === version.id;
    ordered.splice(same ? at - 1 : at, same ? 1 : 0, version);
  }
}
