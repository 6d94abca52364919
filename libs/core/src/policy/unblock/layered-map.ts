/** A map with changes laid over it: a hundred thousand facts are not copied to change one. */
export class LayeredMap<K, V> implements ReadonlyMap<K, V> {
  readonly size: number;

  constructor(
    private readonly below: ReadonlyMap<K, V>,
    private readonly changes: ReadonlyMap<K, V>,
  ) {
    let size = below.size;
    for (const key of changes.keys()) if (!below.has(key)) size += 1;
    this.size = size;
  }

  get(key: K): V | undefined {
    return this.changes.get(key) ?? this.below.get(key);
  }

  has(key: K): boolean {
    return this.changes.has(key) || this.below.has(key);
  }

  *entries(): MapIterator<[K, V]> {
    for (const [key, value] of this.below) yield [key, this.changes.get(key) ?? value];
    for (const [key, value] of this.changes) if (!this.below.has(key)) yield [key, value];
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }
}
