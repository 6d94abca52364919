import type { RuleResult } from '../model/decision.js';

/** What one question was answered for one target: a result, nothing to say (or not asked), or whether a policy applies. */
export type Outcome = RuleResult | boolean | undefined;

/** Past so many different answers over time, those that no target gives any more are forgotten. */
const ANSWERS_KEPT_MIN = 1_000;
const SMALL = 256;
const MIDDLE = 65_536;

/** The answers of all targets to one question: each different answer once, and for each target which one. */
export class Column {
  /** By code. Nothing to say is always the first. */
  readonly answers: Outcome[] = [undefined];
  private readonly known = new Map<Outcome | string, number>([[undefined, 0]]);
  private readonly told = new Set<number>();
  private codes: Uint8Array | Uint16Array | Uint32Array;
  /** The answer before: the next one is mostly the same, which is seen without making its key. */
  private last = 0;

  constructor(private readonly size: number) {
    this.codes = new Uint8Array(size);
  }

  codeAt(index: number): number {
    return this.codes[index]!;
  }

  at(index: number): Outcome {
    return this.answers[this.codes[index]!];
  }

  /** Take a target's answer; true when it is another than before. */
  put(index: number, outcome: Outcome): boolean {
    const code = this.codeOf(outcome);
    if (this.codes[index] === code) return false;
    this.codes[index] = code;
    return true;
  }

  /** A new column begins with the answers that another one gives now. */
  copy(other: Column): void {
    for (const answer of other.answers) this.codeOf(answer);
    this.codes = other.codes.slice();
  }

  /** Where time may have changed the answer. An answer whose time has come is never given again, so each is told once. */
  expired(now: number): number[] {
    const codes = new Set<number>();
    this.answers.forEach((answer, code) => {
      if (typeof answer !== 'object' || answer.reevaluateAt === undefined || answer.reevaluateAt > now || this.told.has(code)) return;
      codes.add(code);
      this.told.add(code);
    });
    const indexes: number[] = [];
    if (codes.size > 0) for (let index = 0; index < this.size; index++) if (codes.has(this.codes[index]!)) indexes.push(index);
    return indexes;
  }

  /** More answers were seen over time than are worth keeping. */
  get overgrown(): boolean {
    return this.answers.length > Math.max(ANSWERS_KEPT_MIN, 2 * this.size);
  }

  private codeOf(outcome: Outcome): number {
    if (areSame(this.answers[this.last], outcome)) return this.last;
    const key = typeof outcome === 'object' ? keyOf(outcome) : outcome;
    let code = this.known.get(key);
    if (code === undefined) {
      code = this.answers.length;
      this.known.set(key, code);
      this.answers.push(outcome);
      if (code === SMALL) this.codes = Uint16Array.from(this.codes);
      if (code === MIDDLE) this.codes = Uint32Array.from(this.codes);
    }
    return (this.last = code);
  }
}

/** Results are equal when a reader could not tell them apart: as `keyOf` of both would say. */
function areSame(a: Outcome, b: Outcome): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  return (
    a.verdict === b.verdict &&
    a.reevaluateAt === b.reevaluateAt &&
    a.satisfiedSince === b.satisfiedSince &&
    a.rule === b.rule &&
    a.overriddenBy === b.overriddenBy &&
    a.sentence === b.sentence
  );
}

function keyOf(result: RuleResult): string {
  const { verdict, rule, sentence, reevaluateAt, satisfiedSince, overriddenBy } = result;
  return `${verdict}|${reevaluateAt}|${satisfiedSince}|${overriddenBy}|${rule}|${sentence}`;
}
