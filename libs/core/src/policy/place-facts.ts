import type { DecisionInput, TargetFact } from '../model/facts.js';
import { targetKey } from '../model/facts.js';

type Place = Pick<DecisionInput, 'deployment' | 'environment' | 'targets' | 'targetFacts'>;

/** The facts of one place's targets in the order of its list, and which versions they speak of. */
export class PlaceFacts {
  readonly facts: (TargetFact | undefined)[] = [];
  /** Version id → at how many targets it was tried, and is quarantined. */
  readonly tried = new Map<string, number>();
  readonly quarantined = new Map<string, number>();
  private indexes: Map<string, number> | undefined;

  constructor(private place: Place) {
    for (let index = 0; index < place.targets.length; index++) {
      const fact = this.lookUp(index);
      this.facts.push(fact);
      this.count(fact, 1);
    }
  }

  /** Take what is known now at these resources (all, when it is not said which); gives the places in the list where it is another fact. */
  renew(place: Place, resources: Iterable<string> | undefined): number[] {
    this.place = place;
    const changed: number[] = [];
    for (const index of this.indexesOf(resources)) {
      const fact = this.lookUp(index);
      if (fact === this.facts[index]) continue;
      this.count(this.facts[index], -1);
      this.count(fact, 1);
      this.facts[index] = fact;
      changed.push(index);
    }
    return changed;
  }

  /** Places in the list of targets; of all, when it is not said which. */
  indexesOf(resources: Iterable<string> | undefined): Iterable<number> {
    if (resources === undefined) return this.facts.keys();
    const known = (this.indexes ??= new Map(this.place.targets.map(({ identifier }, index) => [identifier, index])));
    const indexes = new Set<number>();
    for (const resource of resources) {
      const index = known.get(resource);
      if (index !== undefined) indexes.add(index);
    }
    return indexes;
  }

  private lookUp(index: number): TargetFact | undefined {
    const { deployment, environment, targets, targetFacts } = this.place;
    return targetFacts.get(targetKey(deployment.name, environment.name, targets[index]!.identifier));
  }

  private count(fact: TargetFact | undefined, by: 1 | -1): void {
    if (!fact) return;
    for (const version in fact.outcomes) add(this.tried, version, by);
    for (const version of fact.quarantined) add(this.quarantined, version, by);
  }
}

function add(counts: Map<string, number>, version: string, by: number): void {
  const count = (counts.get(version) ?? 0) + by;
  if (count > 0) counts.set(version, count);
  else counts.delete(version);
}
