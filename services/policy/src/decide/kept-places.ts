import { PlaceEvaluation } from '@slipway/core';
import type { Place, PlaceChange } from '@slipway/core';
import type { ChangedFacts, FactJournal } from '../facts/fact-journal.js';
import { JournalReader } from '../facts/fact-journal.js';
import { pairKey } from '../pairs.js';
import type { Pair } from '../pairs.js';
import { RunningHere } from './running-here.js';
import type { Running, RunningPlace } from './running-here.js';

/** Targets whose answers are kept, of all pairs together: about a tenth of a kilobyte each. The pair judged longest ago goes first. */
const TARGETS_KEPT_MAX = 400_000;

/** What was answered of a pair when it was judged last, so that only what has changed since is asked again. */
export class KeptPlace {
  private evaluation: PlaceEvaluation | undefined;
  private running: RunningHere | undefined;
  private readonly reader: JournalReader;
  private inventoryRevision = -1;
  /** Own facts that `running` has seen and the evaluation has not. */
  private pending: ChangedFacts = [];

  constructor(
    readonly pair: Pair,
    journal: FactJournal,
  ) {
    this.reader = new JournalReader(journal);
  }

  get size(): number {
    return this.running?.list.docs.length ?? 0;
  }

  /** Whether what was answered is remembered. */
  get knows(): boolean {
    return this.evaluation !== undefined;
  }

  /** How often a target was asked a question here. */
  get asks(): number {
    return this.evaluation?.asks ?? 0;
  }

  /** What runs in the place now. */
  runningNow(place: RunningPlace): Running {
    const changed = this.reader.take(this.pair);
    if (this.running?.list !== place.list) this.running = new RunningHere(place);
    else this.running.renew(changed === 'all' ? place.list.identifiers : changed);
    this.pending = both(this.pending, changed);
    return this.running.now;
  }

  /** The evaluation as of now. `runningNow` came before. */
  evaluate(place: Place, now: number, inventoryRevision: number): PlaceEvaluation {
    const change = this.changes(place, inventoryRevision);
    if (this.evaluation) this.evaluation.renew(place, now, change);
    else this.evaluation = new PlaceEvaluation(place, now);
    return this.evaluation;
  }

  private changes(place: Place, inventoryRevision: number): PlaceChange {
    const own = this.pending;
    this.pending = [];
    let beside: ChangedFacts = [];
    for (const { deployment } of place.deployments) {
      if (deployment.name === this.pair.deployment) continue;
      beside = both(beside, this.reader.take({ deployment: deployment.name, environment: this.pair.environment }));
    }
    const versions = this.inventoryRevision !== inventoryRevision;
    this.inventoryRevision = inventoryRevision;
    let elsewhere = false;
    for (const { environment } of place.environments) {
      const changed = this.reader.take({ deployment: this.pair.deployment, environment: environment.name });
      elsewhere ||= changed === 'all' || changed.length > 0;
    }
    return { own, ...(beside === 'all' || beside.length > 0 ? { beside } : {}), elsewhere, versions };
  }
}

/** The places judged last, as many as memory allows. */
export class KeptPlaces {
  private readonly places = new Map<string, KeptPlace>();

  constructor(private readonly journal: FactJournal) {}

  /** The place, to be judged now. */
  take(pair: Pair): KeptPlace {
    const key = pairKey(pair);
    const place = this.places.get(key) ?? new KeptPlace(pair, this.journal);
    this.places.delete(key);
    this.places.set(key, place);
    this.makeRoom(place);
    return place;
  }

  /** Whether what was answered there is remembered. */
  has(pair: Pair): boolean {
    return this.places.get(pairKey(pair))?.knows === true;
  }

  /** After judging threw: what is kept may be half of the old and half of the new. */
  forget(pairs: readonly Pair[]): void {
    for (const pair of pairs) this.places.delete(pairKey(pair));
  }

  private makeRoom(latest: KeptPlace): void {
    let targets = 0;
    for (const place of this.places.values()) targets += place.size;
    for (const [key, place] of this.places) {
      if (targets <= TARGETS_KEPT_MAX || place === latest) return;
      targets -= place.size;
      this.places.delete(key);
    }
  }
}

function both(a: ChangedFacts, b: ChangedFacts): ChangedFacts {
  if (a === 'all' || b === 'all') return 'all';
  return a.length === 0 ? b : b.length === 0 ? a : [...a, ...b];
}
