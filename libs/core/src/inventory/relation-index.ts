/** Which resources relate to which, both ways. Few do, so that those which do not cost nothing. */
export class RelationIndex {
  private readonly forward = new Map<string, readonly string[]>();
  private readonly backward = new Map<string, Set<string>>();

  /** Identifiers that the resource relates to; undefined when there are none. */
  of(resource: string): readonly string[] | undefined {
    return this.forward.get(resource);
  }

  /** Identifiers of the resources that relate to this one. */
  to(resource: string): Iterable<string> {
    return this.backward.get(resource) ?? [];
  }

  /** Take the relations that a resource has from now on. */
  put(resource: string, relations: Readonly<Record<string, string>> | undefined): void {
    for (const before of this.forward.get(resource) ?? []) this.backward.get(before)?.delete(resource);
    const related = [...new Set(Object.values(relations ?? {}))];
    if (related.length === 0) this.forward.delete(resource);
    else this.forward.set(resource, related);
    for (const other of related) {
      const relating = this.backward.get(other);
      if (relating) relating.add(resource);
      else this.backward.set(other, new Set([resource]));
    }
  }
}
