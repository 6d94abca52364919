import { subjects } from '@slipway/contracts';
import type { ApprovalFact, Decision, NumberedDecision, PlaceEvaluation, Version } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { OutboxMessage, Tx } from '@slipway/persistence';
import type { State } from '../state.js';
import type { Pair } from '../pairs.js';
import { byPair, pairKey, pairsWhere } from '../pairs.js';
import { shadowRow } from '../history/history-rows.js';
import { shadowMessage } from '../shadow/shadow-changes.js';
import { approvalTable, decisionTable, dirtyTable, historyTable, pairTable } from '../tables.js';
import type { PairRow } from '../tables.js';
import { judgePair } from './judge-pair.js';
import type { Judged } from './judge-pair.js';
import { LEVEL, Marks } from './marks.js';
import type { Level, Mark } from './marks.js';
import { KeptPlaces } from './kept-places.js';
import { TargetLists, viewPair } from './view-pair.js';
import type { PairView, World } from './view-pair.js';
import type { PeopleSnapshot } from '../facts-of-people/people-facts.js';
import { factOfApproval } from '../approvals/approval-fact.js';

/** Pairs judged in one transaction. */
const PAIRS_PER_TRANSACTION_MAX = 50;
/** Pairs with no more targets than this in all are decided before the batch that concerned them is acknowledged. */
const DECIDE_AT_ONCE_TARGETS_MAX = 2_000;
/** Judging a target costs about a hundredth of a millisecond for each open version: so a large place is judged a fraction of the time. */
const PATIENCE_MS_PER_TARGET = 0.05;
const PATIENCE_MAX_MS = 5_000;
/** Nobody waits for a version to be closed that runs everywhere now. */
const CANDIDATES_PATIENCE = 4;
/** Decisions on a large place that name more targets than this in all are not told after every fact. */
const TOLD_AT_ONCE_MAX = 20_000;
/** The reasons of a group are about as long as so many names. */
const GROUP_TOLD_AS = 50;
/** A pair whose judging threw is tried again after this long. */
const RETRY_MS = 5_000;

export interface DecideOptions {
  /** Judge at this level whatever the written marks say; those stay. */
  level?: Level;
  /** Judge at the level of these marks instead of the written ones, which stay. */
  marks?: Marks;
  /** The transaction has just absorbed changes of the inventory, and holds its lock: the mirror is level. */
  absorbed?: boolean;
  /** What people decided, as this very transaction leaves it. */
  people?: PeopleSnapshot;
}

/** Makes the decisions: reads what is known under the pairs' locks, judges, writes and publishes what changed. */
export class Decider {
  private readonly targetLists = new TargetLists();
  private readonly kept: KeptPlaces;
  /** A pair was given a time at which it must be looked at again. */
  private timed = false;

  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
  ) {
    this.kept = new KeptPlaces(state.targetFacts.journal);
  }

  /** Note in the transaction of a change whom it concerns, so that a crash between it and the decision loses nothing. */
  async mark(tx: Tx, marks: Marks): Promise<void> {
    const list = marks.list();
    if (list.length === 0) return;
    const now = this.deps.clock.now();
    const merged = list.filter((mark) => mark.level < LEVEL.judge || this.patienceMs(mark) > 0);
    // A weaker or later mark must not stand in for a stronger or earlier one that is there already.
    const there = new Map(
      merged.length === 0 ? [] : (await tx.find(dirtyTable, pairsWhere(merged), { lock: 'wait' })).map((row) => [pairKey(row), row]),
    );
    await tx.put(
      dirtyTable,
      list.map((mark) => ({
        deployment: mark.deployment,
        environment: mark.environment,
        level: Math.max(mark.level, there.get(pairKey(mark))?.level ?? 0),
        stamp: this.deps.ids.next(),
        at: Math.min(now + this.patienceMs(mark), there.get(pairKey(mark))?.at ?? Number.POSITIVE_INFINITY),
      })),
    );
  }

  /** How long a mark may wait for others: judging a large place after every batch of facts would cost more than all else. */
  private patienceMs(mark: Mark): number {
    const targets = this.targetsOf(mark);
    if (mark.urgent || targets <= DECIDE_AT_ONCE_TARGETS_MAX) return 0;
    const perTarget = mark.level === LEVEL.judge ? PATIENCE_MS_PER_TARGET : PATIENCE_MS_PER_TARGET * CANDIDATES_PATIENCE;
    return Math.min(targets * perTarget, PATIENCE_MAX_MS);
  }

  /** Whether these are decided so quickly that whoever brought the change may wait for it. */
  isQuick(marks: Marks): boolean {
    return marks.size <= PAIRS_PER_TRANSACTION_MAX && this.weigh(marks.list()) <= DECIDE_AT_ONCE_TARGETS_MAX;
  }

  /** Decide what was marked if that is quickly done, else have `wake` do it, where more changes come together. */
  async decideSoon(marks: Marks): Promise<void> {
    if (marks.size === 0) return;
    if (!this.isQuick(marks)) return this.deps.nudge();
    await this.decideEach(marks.list());
    this.committed();
  }

  /** After the commit of what `decide` wrote: whoever calls `wake` must learn of new times. */
  committed(): void {
    if (this.timed) this.deps.nudge();
    this.timed = false;
  }

  /** How many targets are to be judged: all of the pairs, but for what is remembered of them. */
  private weigh(marks: readonly Mark[]): number {
    let targets = 0;
    for (const mark of marks) {
      const all = this.targetsOf(mark);
      targets += mark.concerns !== undefined && this.kept.has(mark) ? Math.min(mark.concerns, all) : all;
    }
    return targets;
  }

  /** How many targets a pair has. */
  targetsOf({ deployment, environment }: Pair): number {
    return this.state.inventory.targets(deployment, environment)?.size ?? 0;
  }

  /**
   * Decide in a transaction that the caller commits. Takes the pairs' locks first and reads the heads after, so that two copies of the service
   * never publish an older knowledge under a newer number. Gives the decisions it published.
   */
  async decide(tx: Tx, pairs: readonly Pair[], options: DecideOptions = {}): Promise<NumberedDecision[]> {
    const where = pairsWhere(pairs);
    const asked = options.level === undefined && options.marks === undefined;
    // The statements run in this order: everything is read under the locks.
    const [, , dirtyRows, pairRows, approvalRows] = await Promise.all([
      tx.lock(...pairs.map((pair) => `policy.pair:${pairKey(pair)}`)),
      options.absorbed === true ? this.state.syncFacts(tx) : this.state.sync(tx),
      asked ? tx.find(dirtyTable, where) : [],
      tx.find(pairTable, where),
      tx.find(approvalTable, where),
    ]);
    const dirty = byPair(pairs, dirtyRows);
    const rows = byPair(pairs, pairRows);
    const approvals = byPair(pairs, approvalRows);
    const now = this.deps.clock.now();
    const { inventory, facts: targetFacts, people: known } = this.state;
    const people = options.people ?? known;
    const judged: Judged[] = [];
    const later = new Marks();
    for (const pair of pairs) {
      const key = pairKey(pair);
      const row = rows.get(key)?.[0];
      const mark = dirty.get(key)?.[0];
      const timeCame = row?.reevaluateAt !== undefined && row.reevaluateAt <= now;
      const marked = options.marks?.levelOf(pair) ?? (mark?.level as Level | undefined);
      const level = options.level ?? (timeCame ? LEVEL.judge : marked);
      if (level === undefined) continue;
      const facts: ApprovalFact[] = (approvals.get(key) ?? []).map(factOfApproval);
      const one = this.judge(pair, { inventory, facts: targetFacts, people }, facts, { row, level, now });
      // What would be told at length waits for more of its kind; the answers are remembered.
      if (options.marks?.concernsFew(pair) && this.isLong(one)) later.add(pair, LEVEL.judge);
      else judged.push(one);
    }
    if (later.size > 0) this.timed = true;
    await this.mark(tx, later);
    this.timed ||= judged.some(
      ({ row }) => row.reevaluateAt !== undefined && row.reevaluateAt !== rows.get(pairKey(row))?.[0]?.reevaluateAt,
    );
    await this.write(tx, judged, rows);
    const stamps = [...dirty.values()].flat().map((mark) => mark.stamp);
    if (stamps.length > 0) await tx.remove(dirtyTable, { stamp: stamps });
    return judged.flatMap((j) => j.publish);
  }

  private judge(
    pair: Pair,
    world: World,
    approvals: readonly ApprovalFact[],
    { row, level, now }: { row: PairRow | undefined; level: Level; now: number },
  ): Judged {
    const kept = this.kept.take(pair);
    try {
      const view = viewPair(world, this.targetLists, pair, approvals, now, (place) => kept.runningNow(place));
      const inventoryRevision = world.inventory.revision;
      let evaluation: PlaceEvaluation | undefined;
      const decide = (version: Version): Decision => {
        evaluation ??= kept.evaluate((view as PairView).input, now, inventoryRevision);
        return evaluation.decide(version);
      };
      const asked = kept.asks;
      const judged = judgePair(pair, view, row, { level, now, inventoryRevision, decide });
      // Why judging took long, or that it did not: how many questions had to be asked of single targets.
      const { publish } = judged;
      this.deps.log.debug('judged', { pair: pairKey(pair), targets: kept.size, asked: kept.asks - asked, published: publish.length });
      return judged;
    } catch (error) {
      this.kept.forget([pair]);
      throw error;
    }
  }

  /** So much is to be told of a large place that it is not done after every fact. */
  private isLong({ row, publish }: Judged): boolean {
    if (this.targetsOf(row) <= DECIDE_AT_ONCE_TARGETS_MAX) return false;
    const told = publish.flatMap(({ groups }) => groups.map(({ resources }) => resources.length + GROUP_TOLD_AS));
    return told.reduce((sum, length) => sum + length, 0) > TOLD_AT_ONCE_MAX;
  }

  /**
   * Number and publish a decision on a version that is judged no longer, since newer ones have taken its place: the scheduler may still rest on an
   * older one. The caller holds the pair's lock.
   */
  async sayAgain(tx: Tx, pair: Pair, decision: Decision): Promise<NumberedDecision> {
    const [row] = await tx.find(pairTable, { deployment: pair.deployment, environment: pair.environment });
    const known: PairRow = row ?? { ...pair, counter: 0, open: [], covered: false, restsOn: [] };
    const number = known.counter + 1;
    await tx.put(pairTable, [{ ...known, counter: number }]);
    const said: NumberedDecision = { ...decision, number, inventoryRevision: this.state.inventory.revision };
    await tx.send([decisionMessage(said)]);
    return said;
  }

  private async write(tx: Tx, judged: readonly Judged[], known: ReadonlyMap<string, unknown[]>): Promise<void> {
    const rows = judged.map((j) => j.row).filter((row) => known.get(pairKey(row))?.[0] !== row);
    const statements: Promise<unknown>[] = [];
    if (rows.length > 0) statements.push(tx.put(pairTable, rows));
    const published = judged.flatMap((j) => j.publish.filter((d) => j.row.open.some((o) => o.versionId === d.versionId)));
    if (published.length > 0)
      statements.push(
        tx.put(
          decisionTable,
          published.map((d) => decisionRow(d, this.state)),
        ),
      );
    for (const { row, closed } of judged) {
      if (closed.length > 0)
        statements.push(tx.remove(decisionTable, { deployment: row.deployment, environment: row.environment, versionId: closed }));
    }
    const messages = judged.flatMap((j) => j.publish.map(decisionMessage));
    const stamp = { ids: this.deps.ids, now: this.deps.clock.now() };
    const shadows = judged.flatMap(({ row, shadows: changes }) =>
      changes.map((change) => ({ row: shadowRow(stamp, row, change), change })),
    );
    if (shadows.length > 0)
      await tx.insert(
        historyTable,
        shadows.map(({ row }) => row),
      );
    for (const { row, change } of shadows) messages.push(...shadowMessage(row as Pair, change, row.id, stamp.now));
    if (messages.length > 0) statements.push(tx.send(messages));
    await Promise.all(statements);
  }

  /** Decide all that is marked or whose time has come. Gives the time of the next. */
  async wake(now: number): Promise<number | undefined> {
    for (;;) {
      const due = await this.due(now);
      if (due.length === 0) break;
      await this.decideEach(due);
      if (due.length < PAIRS_PER_TRANSACTION_MAX) break;
    }
    return this.next();
  }

  private async due(now: number): Promise<Pair[]> {
    return this.deps.store.read(async (tx) => {
      const only = ['deployment', 'environment'] as const;
      const limit = PAIRS_PER_TRANSACTION_MAX;
      const marked = await tx.find(dirtyTable, { at: { lte: now } }, { orderBy: { at: 'asc' }, limit, only });
      const timed = await tx.find(pairTable, { reevaluateAt: { lte: now } }, { orderBy: { reevaluateAt: 'asc' }, limit, only });
      return [
        ...new Map(
          [...marked, ...timed].map((row) => [pairKey(row), { deployment: row.deployment, environment: row.environment }]),
        ).values(),
      ];
    });
  }

  /** All together; when that throws each alone, so that one that cannot be judged holds up no other. */
  private async decideEach(pairs: readonly Pair[]): Promise<void> {
    try {
      await this.deps.store.transaction((tx) => this.decide(tx, pairs));
    } catch (error) {
      if (pairs.length > 1) {
        for (const pair of pairs) await this.decideEach([pair]);
        return;
      }
      this.deps.log.error('a pair could not be judged; what was decided stands', { pair: pairKey(pairs[0]!), error: String(error) });
      await this.postpone(pairs[0]!);
    }
  }

  private async postpone(pair: Pair): Promise<void> {
    const at = this.deps.clock.now() + RETRY_MS;
    await this.deps.store.transaction(async (tx) => {
      await tx.put(dirtyTable, [{ ...pair, level: LEVEL.judge, stamp: this.deps.ids.next(), at }]);
      await tx.patch(pairTable, [{ ...pair, reevaluateAt: at }]);
    });
  }

  private async next(): Promise<number | undefined> {
    return this.deps.store.read(async (tx) => {
      const [marked] = await tx.find(dirtyTable, {}, { orderBy: { at: 'asc' }, limit: 1, only: ['at'] });
      const [timed] = await tx.find(
        pairTable,
        { reevaluateAt: { gt: 0 } },
        { orderBy: { reevaluateAt: 'asc' }, limit: 1, only: ['reevaluateAt'] },
      );
      const times = [marked?.at, timed?.reevaluateAt].filter((t) => t !== undefined);
      return times.length === 0 ? undefined : Math.min(...times);
    });
  }
}

function decisionRow(decision: NumberedDecision, state: State) {
  return {
    deployment: decision.deployment,
    environment: decision.environment,
    versionId: decision.versionId,
    sequence: state.inventory.versions.byId(decision.versionId)?.sequence ?? 0,
    number: decision.number,
    body: decision,
  };
}

/** The event of a decision: what people look for comes first. */
function decisionMessage(decision: NumberedDecision): OutboxMessage {
  const { version, targets, verdict, because, reevaluateAt, deployment, environment, ...rest } = decision;
  return {
    subject: subjects.decision(deployment, environment, verdict),
    id: `decision:${deployment}:${environment}:${decision.versionId}:${decision.number}`,
    body: { version, targets, verdict, because, ...(reevaluateAt === undefined ? {} : { reevaluateAt }), deployment, environment, ...rest },
  };
}
