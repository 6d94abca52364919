import type { RuleResult } from '../model/decision.js';

/** What one question was answered for one target: a result, nothing to say, or whether a policy applies. */
export type Outcome = RuleResult | boolean | undefined;

/**
 * Targets by the answers they got, as a tree with one level per question: targets with equal answers end at the same node. Questions must
 * come in the same order for all targets.
 */
export class AnswerTree {
  private readonly children = new Map<Outcome | string, AnswerTree>();
  /** Where the target before went: the next one mostly goes there too, which is seen without making its key. */
  private last: AnswerTree | undefined;
  readonly members: string[] = [];

  constructor(
    private readonly parent?: AnswerTree,
    private readonly outcome?: Outcome,
  ) {}

  /** The node for one more answer. Results are equal when a reader could not tell them apart. */
  next(outcome: Outcome): AnswerTree {
    if (this.last && areSame(this.last.outcome, outcome)) return this.last;
    const key = typeof outcome === 'object' ? keyOf(outcome) : outcome;
    let child = this.children.get(key);
    if (!child) this.children.set(key, (child = new AnswerTree(this, outcome)));
    return (this.last = child);
  }

  /** The answers on the way to this node, first question first. */
  answers(): Outcome[] {
    return this.parent ? [...this.parent.answers(), this.outcome] : [];
  }

  /** All nodes at which targets ended. */
  *ends(): Generator<AnswerTree> {
    if (this.members.length > 0) yield this;
    for (const child of this.children.values()) yield* child.ends();
  }
}

/** As `keyOf` of both would say. */
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
