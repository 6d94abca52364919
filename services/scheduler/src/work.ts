import type { Inventory, Rollout, RolloutEvent } from '@slipway/core';
import type { OutboxMessage, Tx } from '@slipway/persistence';
import type { IndexedDecision } from './decisions/gate.js';
import { RowSet } from './row-set.js';
import {
  decisionTable,
  jobTable,
  quarantineTable,
  releaseTable,
  rolloutTable,
  standingTable,
  targetTable,
  measurementTable,
  templateTable,
  type JobRow,
  type MeasurementRow,
  type QuarantineRow,
  type ReleaseRow,
  type RolloutRow,
  type TargetRow,
  type TemplateRow,
} from './tables.js';
import { Standing, type StandingHere } from './standing/standing.js';
import type { World } from './world.js';

export interface Place {
  deployment: string;
  environment: string;
}

export const placeKey = (place: Place): string => `${place.deployment}/${place.environment}`;

/** Only the names: rows of all kinds stand for their place. */
export const placeOf = ({ deployment, environment }: Place): Place => ({ deployment, environment });

const ROLLOUT_LEAN = (Object.keys(rolloutTable.columns) as (keyof RolloutRow)[]).filter(
  (name) => name !== 'plan' && name !== 'obligations',
);

/**
 * One unit of work: what one transaction has loaded, changed and wants to say. Rows are loaded and written in sets; messages leave with the
 * commit, in the order in which they were said. Whoever makes one holds the lock of every place it touches.
 */
export class Work {
  readonly jobs = new RowSet(jobTable, (row) => !row.occupies);
  readonly releases = new RowSet(releaseTable);
  readonly targets = new RowSet(targetTable);
  readonly rollouts = new RowSet(rolloutTable);
  /** What happened to rollouts and is still to be put through their state machine. */
  readonly rolloutEvents: { id: string; event: RolloutEvent }[] = [];
  /** Jobs that began to run, ended, or are to be put on the queue: carried on in sets by `settle`. */
  readonly begun = new Set<JobRow>();
  readonly ended: { row: JobRow; withdrawn: boolean }[] = [];
  readonly queued: JobRow[] = [];
  readonly measured: MeasurementRow[] = [];
  /** Sequences that failed half way and whose rollout does not listen any more: taken back all the same. */
  readonly orphans: { row: JobRow; because: string }[] = [];
  /** Executor templates that releases of this work were made of and that may not be stored yet. */
  readonly templates = new Map<string, TemplateRow>();
  /** Places where something became free to go: their plan is made again before the end. */
  readonly replan = new Map<string, Place>();
  /** Places where a job left its target or its slot: what was held back there is looked at again before the end. */
  readonly freed = new Map<string, Place>();
  /** A slot that jobs of other places may wait for became free, or a dispatch is not finished: look again after the commit. */
  more = false;
  /** Agents that are to hear something about a job they hold with the next renewal: they are told to renew once this is committed. */
  readonly nudges = new Set<string>();
  /** When the first of what it has written is due. */
  dueAt: number | undefined;
  /** How many jobs this work has made, to keep its transaction to one batch. */
  dispatched = 0;
  private standing: Standing | undefined;
  private readonly out: OutboxMessage[] = [];
  private readonly grown = new Set<RolloutRow>();
  private readonly quarantines = new Map<string, QuarantineRow[]>();
  private readonly newQuarantines: QuarantineRow[] = [];

  constructor(
    readonly tx: Tx,
    readonly world: World,
    /** What exists, at least as new as the tables; shared and mutable: read it without awaiting in between. */
    readonly inventory: Inventory,
    readonly now: number,
  ) {}

  say(...messages: OutboxMessage[]): void {
    for (const message of messages) this.out.push(message);
  }

  async loadJobs(ids: readonly string[]): Promise<JobRow[]> {
    const missing = ids.filter((id) => !this.jobs.has({ id }));
    if (missing.length > 0) this.jobs.loaded(await this.tx.find(jobTable, { id: missing }));
    return ids.flatMap((id) => this.jobs.get({ id }) ?? []);
  }

  /** Load the jobs of these releases. */
  async loadJobsOf(releaseIds: readonly string[]): Promise<void> {
    this.jobs.loaded(await this.tx.find(jobTable, { releaseId: [...releaseIds] }));
  }

  async loadReleases(ids: readonly string[]): Promise<void> {
    const missing = [...new Set(ids)].filter((id) => !this.releases.has({ id }));
    if (missing.length > 0) this.releases.loaded(await this.tx.find(releaseTable, { id: missing }));
  }

  release(id: string): ReleaseRow {
    return there(this.releases.get({ id }), `release ${id}`);
  }

  /** Load the rows of these targets of one place; a target that never had anything gets an empty row. */
  async loadTargets(place: Place, resources: readonly string[]): Promise<void> {
    const missing = [...new Set(resources)].filter((resource) => !this.targets.has({ ...placeOf(place), resource }));
    if (missing.length === 0) return;
    this.targets.loaded(await this.tx.find(targetTable, { ...placeOf(place), resource: missing }));
  }

  target(of: Place & { resource: string }): TargetRow {
    const { deployment, environment, resource } = of;
    return this.targets.get(of) ?? this.targets.add({ deployment, environment, resource, sequence: 0, verified: false });
  }

  /** Load rollouts with their frozen parts, which mostly come from the cache. */
  async loadRollouts(ids: readonly string[]): Promise<RolloutRow[]> {
    const missing = [...new Set(ids)].filter((id) => !this.rollouts.has({ id }));
    if (missing.length > 0) await this.takeRollouts(await this.tx.find(rolloutTable, { id: missing }, { only: ROLLOUT_LEAN }));
    return ids.flatMap((id) => this.rollouts.get({ id }) ?? []);
  }

  /** Rollouts of a place that are not over, oldest first; with `versions` also those of these versions that are over. */
  async loadRolloutsOf(place: Place, which: { open: true } | { versions: readonly string[] }): Promise<RolloutRow[]> {
    const { deployment, environment } = place;
    const where =
      'open' in which ? { deployment, environment, finishedAt: null } : { deployment, environment, versionId: [...which.versions] };
    await this.takeRollouts(await this.tx.find(rolloutTable, where, { only: ROLLOUT_LEAN, orderBy: { createdAt: 'asc', id: 'asc' } }));
    // As this work leaves them: one that it began is not stored yet, one that it ended still looks open there.
    return [...this.rollouts.all()].filter(
      (row) =>
        placeKey(row) === placeKey(place) && ('open' in which ? row.finishedAt === undefined : which.versions.includes(row.versionId)),
    );
  }

  private async takeRollouts(lean: readonly RolloutRow[]): Promise<RolloutRow[]> {
    const { plans } = this.world;
    const unknown = lean.filter((row) => !plans.get(row.id, row.planSize)).map((row) => row.id);
    if (unknown.length > 0)
      for (const row of await this.tx.find(rolloutTable, { id: unknown }, { only: ['id', 'plan', 'obligations'] })) plans.take(row);
    return this.rollouts.loaded(
      lean.map((row) => {
        const { plan, obligations } = there(plans.get(row.id, row.planSize), `plan of rollout ${row.id}`);
        return Object.assign(row, { plan, obligations });
      }),
    );
  }

  rollout(id: string): RolloutRow {
    return there(this.rollouts.get({ id }), `rollout ${id}`);
  }

  /** The ordinal of a member. */
  ordinalOf(row: RolloutRow, resource: string): number | undefined {
    const { plans } = this.world;
    // A plan that grew in this work is not cached before it is committed.
    if (this.grown.has(row)) return nonNegative(row.plan.members.indexOf(resource));
    return (plans.get(row.id, row.planSize) ?? plans.take(row)).ordinals.get(resource);
  }

  /** Take what a rollout has become; a plan that grew is written too. */
  changeRollout(row: RolloutRow, next: Rollout, more: Partial<RolloutRow> = {}): void {
    const grew = next.plan.members.length !== row.planSize;
    const { members, wave, state, generation, forgiven } = next;
    const stateAt = state === row.state && next.because === row.because ? row.stateAt : this.now;
    this.rollouts.change(row, {
      ...more,
      ...{ members, wave, state, stateAt, generation, forgiven },
      ...{ waveDoneAt: next.waveDoneAt, lastStartAt: next.lastStartAt, promoted: next.promoted, ending: next.ending },
      ...{ because: next.because, wakeAt: row.backlog.length > 0 ? this.now : next.wakeAt },
    });
    if (!grew) return;
    this.rollouts.change(row, { plan: next.plan, planSize: next.plan.members.length });
    this.grown.add(row);
  }

  /** The newest decision on each of these versions at a place, all that are stored when no versions are named; and what freezes and pins say. */
  async loadDecisions(place: Place, versions?: readonly string[]): Promise<Map<string, IndexedDecision>> {
    await this.loadStanding();
    const { decisions } = this.world;
    const where = { ...placeOf(place), ...(versions ? { versionId: [...versions] } : {}) };
    const heads = await this.tx.find(decisionTable, where, { only: ['deployment', 'environment', 'versionId', 'number'] });
    const unknown = heads.filter((head) => !decisions.get(head)).map((head) => head.versionId);
    if (unknown.length > 0)
      for (const row of await this.tx.find(decisionTable, { ...placeOf(place), versionId: unknown }, { only: ['decision'] }))
        decisions.take(row.decision);
    const found = new Map<string, IndexedDecision>();
    for (const head of heads) {
      const decision = decisions.get(head);
      if (decision) found.set(head.versionId, decision);
    }
    return found;
  }

  /** Read what freezes and pins say; once, under the locks that this work holds: whoever stores a newer one waits for them (I11). */
  async loadStanding(): Promise<void> {
    this.standing ??= new Standing(await this.tx.find(standingTable, { endedAt: null }), this.inventory, this.now);
  }

  /** What freezes and pins say of a place, which `loadDecisions` has read too. */
  standingAt(place: Place): StandingHere {
    return there(this.standing, 'what people froze and pinned').at(place);
  }

  /** The quarantines of a place, as this work leaves them. */
  async quarantinesOf(place: Place): Promise<QuarantineRow[]> {
    const key = placeKey(place);
    let rows = this.quarantines.get(key);
    if (!rows) this.quarantines.set(key, (rows = await this.tx.find(quarantineTable, placeOf(place))));
    return rows;
  }

  async quarantine(row: QuarantineRow): Promise<boolean> {
    const rows = await this.quarantinesOf(row);
    if (rows.some((known) => known.resource === row.resource && known.versionId === row.versionId)) return false;
    rows.push(row);
    this.newQuarantines.push(row);
    return true;
  }

  /**
   * Ask for everything so far to be written; at the end, and before a query that must see it. Not waited for: whatever is asked for next comes after
   * it, and the transaction fails with it. Changed jobs that leave their target go first, so that the next one may take it.
   */
  flush(): void {
    for (const row of this.rollouts.unwritten()) this.due(row.wakeAt);
    for (const row of this.jobs.unwritten()) {
      this.due(row.wakeAt);
      this.world.places.set(row.id, placeOf(row));
    }
    const { tx } = this;
    const statements: Promise<unknown>[] = this.templates.size > 0 ? [tx.insert(templateTable, [...this.templates.values()])] : [];
    for (const rows of [this.rollouts, this.releases, this.jobs, this.targets]) statements.push(...rows.flush(tx));
    if (this.measured.length > 0) statements.push(tx.insert(measurementTable, this.measured.splice(0)));
    if (this.newQuarantines.length > 0) statements.push(tx.put(quarantineTable, this.newQuarantines.splice(0)));
    if (this.out.length > 0) statements.push(tx.send(this.out.splice(0)));
    for (const statement of statements) statement.catch(() => undefined);
  }

  private due(at: number | undefined): void {
    if (at !== undefined) this.dueAt = Math.min(this.dueAt ?? at, at);
  }
}

const nonNegative = (at: number): number | undefined => (at < 0 ? undefined : at);

function there<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`${name} was not loaded, or is gone`);
  return value;
}
