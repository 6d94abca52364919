import type { ReleaseEvent } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { InventoryChange } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Inbound } from '@slipway/messaging';
import type { Absorbed, Tx } from '@slipway/persistence';
import { markFacts } from './decide/concern-of-facts.js';
import type { RestingPair } from './decide/concern-of-facts.js';
import type { Decider } from './decide/decider.js';
import { LEVEL, Marks } from './decide/marks.js';
import type { StagedFacts } from './facts/target-facts.js';
import { releaseRows, versionRows } from './history/history-rows.js';
import type { State } from './state.js';
import { historyTable, pairTable } from './tables.js';

/** How often the feed is asked whether an event was missed. */
const SWEEP_MS = 5_000;

/** What taking a batch in has brought. */
interface Taken {
  /** Still to be decided; written down in the same transaction. */
  marks: Marks;
  /** Changes of the inventory are missing. */
  behind: boolean;
}

/** Takes in what the registry and the scheduler tell, and has decided what it concerns. */
export class Consumer {
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
    private readonly decider: Decider,
  ) {}

  /** One batch of `EVT/policy`. Repeats and stragglers are known by revision and sequence and change nothing. */
  async take(batch: readonly Inbound[]): Promise<void> {
    const changes: InventoryChange[] = [];
    const releases: ReleaseEvent[] = [];
    for (const message of batch) {
      if (isRelease(message)) releases.push(message.body);
      else if (isChange(message)) changes.push(message.body);
      else throw strange(message);
    }
    const { marks, behind } = await this.absorb(changes, releases);
    this.decider.committed();
    if (behind) await this.catchUp();
    await this.decider.decideSoon(marks);
  }

  /** Look whether the feed has more than the events brought, now and then. */
  async sweep(now: number): Promise<void> {
    if (now - this.sweptAt < SWEEP_MS) return;
    this.sweptAt = now;
    try {
      await this.catchUp();
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.kind !== 'unavailable') throw error;
      this.deps.log.warn('the registry does not answer; decisions rest on what is known until it does', { error: error.message });
    }
  }

  /**
   * Take all in; gives the marks of what is still to be decided. Someone waits for what a new version may do: what is quickly judged is decided
   * in the same transaction, unless that fails.
   */
  private async absorb(changes: readonly InventoryChange[], releases: readonly ReleaseEvent[]): Promise<Taken> {
    try {
      return await this.attempt(changes, releases, true);
    } catch (error) {
      this.deps.log.warn('deciding at once failed; taking the news in without', { error: String(error) });
      return this.attempt(changes, releases, false);
    }
  }

  private async attempt(changes: readonly InventoryChange[], releases: readonly ReleaseEvent[], decide: boolean): Promise<Taken> {
    const { targetFacts } = this.state;
    let staged: StagedFacts | undefined;
    try {
      return await this.deps.store.transaction(async (tx) => {
        // A transaction that lost a race runs again from here.
        if (staged !== undefined) targetFacts.retract(staged);
        const { marks, behind } = await this.absorbChanges(tx, changes);
        if (releases.length > 0) {
          staged = await targetFacts.stage(tx, releases);
          targetFacts.adopt(staged);
          if (staged.told.length > 0) await tx.insert(historyTable, releaseRows(this.stamp(), staged.told));
          if (staged.changes.length > 0)
            markFacts(marks, staged.changes, await this.restingPairs(tx, staged), (pair) => this.decider.targetsOf(pair));
        }
        if (!decide || behind || !this.decider.isQuick(marks)) {
          await this.decider.mark(tx, marks);
          return { marks, behind };
        }
        if (marks.size > 0) await this.decider.decide(tx, marks.list(), { marks, absorbed: changes.length > 0 });
        return { marks: new Marks(), behind };
      });
    } catch (error) {
      if (staged !== undefined) targetFacts.retract(staged);
      throw error;
    }
  }

  private async absorbChanges(tx: Tx, changes: readonly InventoryChange[]): Promise<{ marks: Marks; behind: boolean }> {
    const marks = new Marks();
    if (changes.length === 0) return { marks, behind: false };
    const absorbed = await this.state.mirror.absorb(tx, changes);
    await this.recordVersions(tx, absorbed);
    const urgent = changes.some(({ item }) => item.kind === 'version' || item.kind === 'policy');
    markTouched(marks, absorbed, urgent);
    return { marks, behind: absorbed.behind };
  }

  private async recordVersions(tx: Tx, { applied }: Absorbed): Promise<void> {
    const rows = versionRows(this.stamp(), applied);
    if (rows.length > 0) await tx.insert(historyTable, rows);
  }

  private stamp(): { ids: ServiceDeps['ids']; now: number } {
    return { ids: this.deps.ids, now: this.deps.clock.now() };
  }

  private async restingPairs(tx: Tx, staged: StagedFacts): Promise<RestingPair[]> {
    const only = ['deployment', 'environment', 'restsOn'] as const;
    const deployments = [...new Set(staged.changes.map((c) => c.after.deployment))];
    const environments = [...new Set(staged.changes.map((c) => c.after.environment))];
    const [same, beside] = await Promise.all([
      tx.find(pairTable, { deployment: deployments }, { only }),
      tx.find(pairTable, { environment: environments }, { only }),
    ]);
    return [...new Map([...same, ...beside].map((row) => [`${row.deployment}/${row.environment}`, row])).values()];
  }

  private async catchUp(): Promise<void> {
    let more = false;
    await this.state.mirror.catchUp(this.deps.store, this.deps.requests, async (tx, absorbed) => {
      const marks = new Marks();
      markTouched(marks, absorbed, true);
      more ||= marks.size > 0;
      await this.recordVersions(tx, absorbed);
      await this.decider.mark(tx, marks);
    });
    if (more) this.deps.nudge();
  }
}

function markTouched(marks: Marks, absorbed: Absorbed, urgent: boolean): void {
  for (const pair of absorbed.touched) marks.add(pair, LEVEL.judge, urgent);
}

function isRelease(message: Inbound): message is Inbound<ReleaseEvent> {
  return message.subject.startsWith('slipway.evt.release.');
}

function isChange(message: Inbound): message is Inbound<InventoryChange> {
  return typeof message.body === 'object' && message.body !== null && 'revision' in message.body;
}

function strange(message: Inbound): SlipwayError {
  return new SlipwayError({
    code: 'policy.event.strange',
    kind: 'invalid',
    message: `Taking in ${message.subject}: it is neither an inventory change nor a release event; the consumer's filters and its schema disagree`,
  });
}
