import type { TargetFact } from '@slipway/core';
import { pairKey } from '../pairs.js';
import type { Pair } from '../pairs.js';

/** Changes remembered of one place; who has not looked for longer asks all of its targets. */
const REMEMBERED_MAX = 10_000;

/** Resources of a place whose facts are others; `all` when nobody knows any more which. */
export type ChangedFacts = readonly string[] | 'all';

/** Where facts have changed in this process's memory, in order and whatever brought the change: so that whoever looks again looks at these only. */
export class FactJournal {
  private readonly places = new Map<string, { start: number; resources: string[] }>();

  note(fact: TargetFact): void {
    const key = pairKey(fact);
    let place = this.places.get(key);
    if (place === undefined) this.places.set(key, (place = { start: 0, resources: [] }));
    if (place.resources.length >= REMEMBERED_MAX) {
      place.start += place.resources.length;
      place.resources = [];
    }
    place.resources.push(fact.resource);
  }

  /** How many changes the place has seen. */
  position(pair: Pair): number {
    const place = this.places.get(pairKey(pair));
    return place === undefined ? 0 : place.start + place.resources.length;
  }

  since(pair: Pair, position: number): ChangedFacts {
    const place = this.places.get(pairKey(pair));
    if (place === undefined) return [];
    return position < place.start ? 'all' : place.resources.slice(position - place.start);
  }
}

/** What one reader has seen of the journal. */
export class JournalReader {
  private readonly positions = new Map<string, number>();

  constructor(private readonly journal: FactJournal) {}

  /** What has changed at a place since it was asked last; at first nothing has. */
  take(pair: Pair): ChangedFacts {
    const key = pairKey(pair);
    const before = this.positions.get(key);
    const position = this.journal.position(pair);
    if (before === position) return [];
    this.positions.set(key, position);
    return before === undefined ? [] : this.journal.since(pair, before);
  }
}
