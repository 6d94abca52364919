import type { ReleaseEvent } from '@slipway/contracts';
import { targetKey } from '@slipway/core';
import type { TargetFact } from '@slipway/core';
import type { Tx } from '@slipway/persistence';
import type { Told } from '../history/history-rows.js';
import { headTable, targetFactTable } from '../tables.js';
import type { TargetFactRow } from '../tables.js';
import { FactJournal } from './fact-journal.js';
import { projectRelease } from './project-release.js';

const HEAD = 'facts';
/** Rows per query when facts are loaded: more than one batch of events can write under one revision. */
const LOAD_PAGE = 10_000;

/** One batch of facts as a transaction wrote it. */
export interface StagedFacts {
  revision: number;
  /** Newer facts with what they replace. */
  changes: { before: TargetFact | undefined; after: TargetFact }[];
  /** The events that were news, each with what it replaced: of one target there may be several. */
  told: Told[];
}

/**
 * The facts of all targets in memory, never ahead of what is committed. Every batch of writes raises the head's revision by one under a
 * lock, so a reader that knows revision n has read all rows up to n and asks only for what came later: that keeps several copies of the
 * service alike.
 */
export class TargetFacts {
  private readonly facts = new Map<string, TargetFact>();
  readonly journal = new FactJournal();
  private readonly texts = new Map<string, string>();
  private revision = 0;

  /** By `targetKey`. */
  get all(): ReadonlyMap<string, TargetFact> {
    return this.facts;
  }

  /** Read what was committed since the last time. */
  async sync(tx: Pick<Tx, 'find'>): Promise<void> {
    const [head] = await tx.find(headTable, { name: HEAD });
    if (head === undefined || head.revision <= this.revision) return;
    let from = this.revision + 1;
    for (;;) {
      const rows = await tx.find(targetFactTable, { revision: { gte: from } }, { orderBy: { revision: 'asc' }, limit: LOAD_PAGE });
      for (const row of rows) this.take(factOf(row));
      if (rows.length < LOAD_PAGE) break;
      from = rows[rows.length - 1]!.revision;
    }
    this.revision = Math.max(this.revision, head.revision);
  }

  /** Write what these events tell, if it is news. The memory changes by `adopt`. */
  async stage(tx: Tx, events: readonly ReleaseEvent[]): Promise<StagedFacts> {
    await Promise.all([tx.lock(`policy.${HEAD}`), this.sync(tx)]);
    const news = new Map<string, TargetFact>();
    const told: Told[] = [];
    for (const event of events) {
      const key = targetKey(event.deployment, event.environment, event.resource);
      const known = news.get(key) ?? this.facts.get(key);
      const after = projectRelease(known, event);
      if (after === known) continue;
      news.set(key, after);
      told.push({ event, before: known });
    }
    const revision = this.revision + 1;
    if (news.size > 0) {
      const rows = [...news.values()].map((fact) => ({ ...fact, revision }));
      await Promise.all([tx.put(targetFactTable, rows), tx.put(headTable, [{ name: HEAD, revision }])]);
    }
    return { revision, changes: [...news].map(([key, after]) => ({ before: this.facts.get(key), after })), told };
  }

  /**
   * Take over what was staged, so that the same transaction can decide on it. Being ahead of the commit is no error, for it is true what the events
   * tell; but a transaction that fails must `retract`, or the events when they come again would be no news and never be written.
   */
  adopt(staged: StagedFacts): void {
    for (const change of staged.changes) this.take(change.after);
    if (staged.changes.length > 0 && staged.revision === this.revision + 1) this.revision = staged.revision;
  }

  /** Undo `adopt` where nothing newer has come since. */
  retract(staged: StagedFacts): void {
    for (const { before, after } of staged.changes) {
      const key = targetKey(after.deployment, after.environment, after.resource);
      if (this.facts.get(key) !== after) continue;
      if (before === undefined) this.facts.delete(key);
      else this.facts.set(key, before);
      this.journal.note(after);
    }
    if (staged.changes.length > 0 && this.revision === staged.revision) this.revision -= 1;
  }

  private take(fact: TargetFact): void {
    const key = targetKey(fact.deployment, fact.environment, fact.resource);
    const known = this.facts.get(key);
    if (known !== undefined && fact.sequence <= known.sequence) return;
    this.facts.set(key, this.compact(fact));
    this.journal.note(fact);
  }

  /** Names and ids stand in thousands of facts: keep one string of each. */
  private compact(fact: TargetFact): TargetFact {
    fact.deployment = this.shared(fact.deployment);
    fact.environment = this.shared(fact.environment);
    if (fact.running) fact.running = { ...fact.running, version: this.shared(fact.running.version), tag: this.shared(fact.running.tag) };
    return fact;
  }

  private shared(text: string): string {
    const known = this.texts.get(text);
    if (known !== undefined) return known;
    this.texts.set(text, text);
    return text;
  }
}

function factOf(row: TargetFactRow): TargetFact {
  return {
    deployment: row.deployment,
    environment: row.environment,
    resource: row.resource,
    sequence: row.sequence,
    ...(row.startedAt === undefined ? {} : { startedAt: row.startedAt }),
    ...(row.running === undefined ? {} : { running: row.running }),
    outcomes: row.outcomes,
    quarantined: row.quarantined,
  };
}
