import { subjects } from '@slipway/contracts';
import type { Ended, ReplyOf, StandingFact } from '@slipway/contracts';
import type { FreezeFact, NumberedDecision, OverrideFact, PinFact } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { OutboxMessage, Tx } from '@slipway/persistence';
import type { Decider } from '../decide/decider.js';
import { Marks } from '../decide/marks.js';
import type { State } from '../state.js';
import { headTable, peopleFactTable } from '../tables.js';
import type { PeopleFactKind, PeopleFactRow } from '../tables.js';
import { PEOPLE_HEAD, snapshotOf } from './people-facts.js';
import type { PeopleSnapshot } from './people-facts.js';

/** Facts that ended, listed at once. */
const LISTED_MAX = 200;

type FactOf<K extends PeopleFactKind> = K extends 'freeze' ? FreezeFact : K extends 'pin' ? PinFact : OverrideFact;
export type RowOf<K extends PeopleFactKind> = Omit<PeopleFactRow, 'kind' | 'fact'> & { kind: K; fact: FactOf<K> };

/** What one change has written. */
export interface Recorded<T> {
  result: T;
  /** What was decided with it; empty when so much is concerned that it is decided after it. */
  decisions: NumberedDecision[];
}

/** One transaction's changes of freezes, pins and overrides, under the lock of all of them. */
export class Draft {
  /** Pairs that the changes concern. */
  readonly marks = new Marks();
  readonly changed = new Map<string, { row: PeopleFactRow; verb: 'made' | Ended['verb'] }>();

  constructor(
    readonly tx: Tx,
    readonly now: number,
    private readonly standing: readonly PeopleFactRow[],
    private revision: number,
  ) {}

  /** Those of a kind that nobody has ended and whose time has not come. */
  inForce<K extends PeopleFactKind>(kind: K): RowOf<K>[] {
    return this.standing.filter(
      (row) => row.kind === kind && !this.changed.has(row.id) && (row.expiresAt ?? Infinity) > this.now,
    ) as unknown as RowOf<K>[];
  }

  /** Those whose time has come and that are not ended yet. */
  due(): PeopleFactRow[] {
    return this.standing.filter((row) => row.expiresAt !== undefined && row.expiresAt <= this.now);
  }

  make<K extends PeopleFactKind>(kind: K, fact: Omit<FactOf<K>, 'id' | 'at'>, tag?: string): RowOf<K> {
    const revision = this.next();
    // Short, since people type it to lift the fact; of the order, so it is never given twice.
    const id = `${kind[0]}${revision}`;
    const { expiresAt } = fact as { expiresAt?: number };
    const row = {
      id,
      kind,
      revision,
      fact: { id, ...fact, at: this.now },
      ...(tag === undefined ? {} : { tag }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    } as unknown as PeopleFactRow;
    this.changed.set(id, { row, verb: 'made' });
    return row as unknown as RowOf<K>;
  }

  end(row: PeopleFactRow | RowOf<PeopleFactKind>, ended: Ended): PeopleFactRow {
    const after = { ...row, revision: this.next(), endedAt: ended.at, ended } as PeopleFactRow;
    this.changed.set(row.id, { row: after, verb: ended.verb });
    return after;
  }

  /** What stands once this is committed. */
  get people(): PeopleSnapshot {
    const untouched = this.standing.filter((row) => !this.changed.has(row.id));
    return snapshotOf([...untouched, ...[...this.changed.values()].map(({ row }) => row)]);
  }

  get head(): number {
    return this.revision;
  }

  private next(): number {
    return (this.revision += 1);
  }
}

/** Records freezes, pins and overrides, and has decided anew what they concern. */
export class Ledger {
  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
    private readonly decider: Decider,
  ) {}

  /** Change facts in one transaction, with the decisions that follow where that is quickly done; else they follow at once. */
  async change<T>(body: (draft: Draft) => Promise<T> | T): Promise<Recorded<T>> {
    let later = false;
    const recorded = await this.deps.store.transaction(async (tx) => {
      await tx.lock(`policy.${PEOPLE_HEAD}`);
      await this.state.sync(tx);
      const [head] = await tx.find(headTable, { name: PEOPLE_HEAD });
      const standing = await tx.find(peopleFactTable, { endedAt: null });
      const draft = new Draft(tx, this.deps.clock.now(), standing, head?.revision ?? 0);
      const result = await body(draft);
      const changes = [...draft.changed.values()];
      if (changes.length > 0) await tx.send(changes.map(({ row, verb }) => eventOf(row, verb)));
      const decisions = await this.decide(draft);
      later = decisions === undefined;
      if (changes.length > 0) {
        await tx.put(
          peopleFactTable,
          changes.map(({ row }) => row),
        );
        await tx.put(headTable, [{ name: PEOPLE_HEAD, revision: draft.head }]);
      }
      return { result, decisions: decisions ?? [] };
    });
    this.decider.committed();
    if (later) this.deps.nudge();
    return recorded;
  }

  private async decide({ tx, marks, people }: Draft): Promise<NumberedDecision[] | undefined> {
    if (marks.size === 0) return [];
    if (this.decider.isQuick(marks)) return this.decider.decide(tx, marks.list(), { marks, people });
    await this.decider.mark(tx, marks);
    return undefined;
  }

  /** Facts of a kind, newest first: those in force, or the newest of all. */
  async list<K extends PeopleFactKind>(kind: K, all: boolean): Promise<{ fact: FactOf<K>; ended?: Ended; tag?: string }[]> {
    const now = this.deps.clock.now();
    const where = all ? { kind } : { kind, endedAt: null };
    const rows = await this.deps.store.read((reader) =>
      reader.find(peopleFactTable, where, { orderBy: { revision: 'desc' }, limit: LISTED_MAX }),
    );
    return rows
      .filter((row) => all || (row.expiresAt ?? Infinity) > now)
      .map(({ fact, ended, tag }) => ({
        fact: fact as FactOf<K>,
        ...(ended === undefined ? {} : { ended }),
        ...(tag === undefined ? {} : { tag }),
      }));
  }

  /** Freezes and pins in force, for the scheduler's sweep: what it has of them must be this. */
  async standing(): Promise<ReplyOf<'policy.standing'>> {
    return this.deps.store.read(async (reader) => {
      // The number first: a fact made in between is only told of too early.
      const [head] = await reader.find(headTable, { name: PEOPLE_HEAD });
      const rows = await reader.find(peopleFactTable, { kind: ['freeze', 'pin'], endedAt: null });
      return { facts: rows.map(standingOf), revision: head?.revision ?? 0 };
    });
  }

  /** End what has expired, so that everyone is told; it was out of force at its very time already. Gives when the next one expires. */
  async expire(now: number): Promise<number | undefined> {
    const next = await this.nextExpiry();
    if (next === undefined || next > now) return next;
    await this.change((draft) => {
      for (const row of draft.due()) draft.end(row, { at: row.expiresAt ?? draft.now, by: 'its expiry', verb: 'expired' });
    });
    return this.nextExpiry();
  }

  private async nextExpiry(): Promise<number | undefined> {
    const [first] = await this.deps.store.read((reader) =>
      reader.find(
        peopleFactTable,
        { endedAt: null, expiresAt: { gt: 0 } },
        { orderBy: { expiresAt: 'asc' }, limit: 1, only: ['expiresAt'] },
      ),
    );
    return first?.expiresAt;
  }
}

/** What the scheduler is told of a freeze or pin. */
export function standingOf(row: PeopleFactRow | RowOf<'freeze' | 'pin'>): StandingFact {
  const { kind, revision, fact, ended, tag } = row;
  const verb = ended?.verb ?? 'made';
  return { kind, verb, revision, fact, ...(ended === undefined ? {} : { ended }), ...(tag === undefined ? {} : { tag }) } as StandingFact;
}

function subjectOf({ kind, fact }: PeopleFactRow, verb: string): string {
  if (kind === 'freeze') return subjects.freeze(fact.id, verb);
  const { deployment, environment } = fact as PinFact;
  return kind === 'pin' ? subjects.pin(deployment, environment, verb) : subjects.override(deployment, environment, verb);
}

/** What people look for comes first; a fact that has ended is told with who ended it. */
function eventOf(row: PeopleFactRow, verb: string): OutboxMessage {
  const { id, kind, revision, fact, ended, tag } = row;
  const { by, reason } = fact;
  const told = kind === 'freeze' ? { scope: (fact as FreezeFact).scope } : { version: tag };
  const end = ended && { endedBy: ended.by, ...(ended.reason === undefined ? {} : { endedBecause: ended.reason }) };
  return {
    subject: subjectOf(row, verb),
    id: `${kind}:${id}:${revision}`,
    body: { ...told, verb, by, reason, ...end, kind, revision, ...(tag === undefined ? {} : { tag }), ...(ended ? { ended } : {}), fact },
  };
}
