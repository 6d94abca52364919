import type { DecisionInput } from '../model/facts.js';
import type { Version } from '../model/inventory.js';
import type { Outcome } from './column.js';
import { Column } from './column.js';
import { Partition } from './partition.js';
import { PlaceFacts } from './place-facts.js';
import type { RuleContext } from './rule-result.js';

/** Everything that is known of a place but for the version. */
export type Place = Omit<DecisionInput, 'version'>;

export type Reading = 'own' | 'beside' | 'besideVersions';

/** A question that is asked of each target. */
export interface Question {
  /** Equal keys: equal answers. */
  key: string;
  /** Besides documents: facts of the judged targets, or of other deployments there, and which versions those run. */
  reads?: Reading;
  /** Of whom it is asked only. */
  where?: AskedQuestion | undefined;
  /** The version that it is asked for; absent: the answer is the same for all. */
  version?: Version;
  /** Answers the same but at targets where the version was tried. */
  elseAs?: AskedQuestion;
  /** Gives who answers for the target that stands in the context at that moment. */
  prepare(context: RuleContext): () => Outcome;
}

/** A question with its answers. */
export interface AskedQuestion extends Question {
  column: Column;
  number: number;
  /** When it was last needed, in rounds. */
  round: number;
}

/** What nobody has needed for so many rounds is forgotten. */
const ROUNDS_KEPT = 2;
/** A version that no target knows: what is the same for all versions is asked for it. */
const NO_VERSION = { id: '', tag: '' } as Version;

/** The answers of one place's targets, question by question, kept from one judging to the next. */
export class PlaceColumns {
  readonly facts: PlaceFacts;
  private readonly asked = new Map<string, AskedQuestion>();
  private readonly partitions = new Map<string, { partition: Partition; round: number }>();
  private round = 0;
  private numbers = 0;
  /** Times that a target was asked a question. */
  asks = 0;

  constructor(
    private place: Place,
    private now: number,
  ) {
    this.facts = new PlaceFacts(place);
  }

  /** The question's answers, asked for now unless they are known. */
  ask(question: Question): AskedQuestion {
    const known = this.asked.get(question.key);
    if (known) {
      known.round = this.round;
      return known;
    }
    const column = new Column(this.place.targets.length);
    const asked: AskedQuestion = { ...question, column, number: ++this.numbers, round: this.round };
    this.asked.set(question.key, asked);
    const { elseAs, version } = question;
    if (elseAs && version) {
      column.copy(elseAs.column);
      this.fill(
        asked,
        placesWhere(this.facts.facts, (fact) => fact !== undefined && version.id in fact.outcomes),
      );
    } else this.fill(asked, this.facts.facts.keys());
    return asked;
  }

  /** Keep these; false when one of them has been forgotten already. */
  need(questions: readonly AskedQuestion[]): boolean {
    for (const question of questions) {
      if (this.asked.get(question.key) !== question) return false;
      for (let one: AskedQuestion | undefined = question; one; one = one.elseAs ?? one.where) one.round = this.round;
    }
    return true;
  }

  /** Targets by their answers to these questions. What is the same for all versions is told apart once. */
  partition(questions: Iterable<AskedQuestion>): Partition {
    const all = [...new Set(questions)].sort(
      (a, b) => Number(a.version !== undefined) - Number(b.version !== undefined) || a.number - b.number,
    );
    const shared = all.filter(({ version }) => version === undefined);
    return this.partitionBy(all, shared.length < all.length ? this.partitionBy(shared) : undefined);
  }

  /** Ask again what may have changed: by what is read at these resources (undefined: at all), and by time. */
  renew(place: Place, now: number, changed: Record<Reading, Iterable<string> | undefined>): void {
    this.place = place;
    this.now = now;
    this.round += 1;
    this.forget();
    for (const { partition } of this.partitions.values()) partition.prepare();
    const news: Record<Reading, readonly number[]> = {
      own: this.facts.renew(place, changed.own),
      beside: [...this.facts.indexesOf(changed.beside)],
      besideVersions: [...this.facts.indexesOf(changed.besideVersions)],
    };
    const moved = new Set<number>();
    for (const asked of this.asked.values()) {
      const again = asked.reads ? news[asked.reads] : [];
      const expired = asked.column.expired(now);
      const indexes = expired.length === 0 ? again : again.length === 0 ? expired : new Set([...again, ...expired]);
      for (const index of this.fill(asked, indexes)) moved.add(index);
    }
    if (moved.size > 0) for (const { partition } of this.partitions.values()) partition.move(moved);
  }

  private fill(asked: AskedQuestion, indexes: Iterable<number>): number[] {
    const own: NonNullable<RuleContext['own']> = { fact: undefined };
    const context: RuleContext = { input: { ...this.place, version: asked.version ?? NO_VERSION }, now: this.now, own };
    const answer = asked.prepare(context);
    const changed: number[] = [];
    for (const index of indexes) {
      let outcome: Outcome;
      if (!asked.where || asked.where.column.at(index) === true) {
        context.resource = this.place.targets[index]!;
        own.fact = this.facts.facts[index];
        outcome = answer();
        this.asks += 1;
      }
      if (asked.column.put(index, outcome)) changed.push(index);
    }
    return changed;
  }

  private partitionBy(questions: readonly AskedQuestion[], base?: Partition): Partition {
    const key = questions.map(({ number }) => number).join();
    let known = this.partitions.get(key);
    if (!known) {
      const columns = questions.map(({ column }) => column);
      this.partitions.set(key, (known = { partition: new Partition(columns, this.place.targets, base), round: 0 }));
    }
    known.round = this.round;
    return known.partition;
  }

  private forget(): void {
    let overgrown = false;
    for (const [key, { column, round }] of this.asked) {
      overgrown ||= column.overgrown;
      if (column.overgrown || this.round - round > ROUNDS_KEPT) this.asked.delete(key);
    }
    for (const [key, { partition, round }] of this.partitions)
      if (overgrown || partition.overgrown || this.round - round > ROUNDS_KEPT) this.partitions.delete(key);
  }
}

function* placesWhere<T>(list: readonly T[], holds: (item: T) => boolean): Generator<number> {
  for (let index = 0; index < list.length; index++) if (holds(list[index]!)) yield index;
}
