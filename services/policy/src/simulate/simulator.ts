import { setImmediate } from 'node:timers/promises';
import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { SlipwayError, candidateVersions } from '@slipway/core';
import type { DeploymentDoc, Version } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Tx } from '@slipway/persistence';
import { factOfApproval } from '../approvals/approval-fact.js';
import { TargetLists, viewPair, type PairView } from '../decide/view-pair.js';
import { findDeployment, findEnvironment } from '../names.js';
import type { Pair } from '../pairs.js';
import type { State } from '../state.js';
import { approvalTable } from '../tables.js';
import { readPolicyChange, type PolicyChange } from './read-change.js';
import { readRecorded, type Recorded } from './recorded.js';
import { replayVersion } from './replay-version.js';
import { simulateToday, type Simulated } from './simulate-today.js';
import { badNotGone, tellReplay } from './tell-replay.js';

type Request = ParsedRequestOf<'policy.simulate'>;
type Reply = ReplyOf<'policy.simulate'>;
type Reader = Pick<Tx, 'find' | 'count'>;

/** Targets judged for one request: some seconds of work. */
const TARGETS_JUDGED_MAX = 1_000_000;
/** Entries that one reply holds. */
const CHANGES_MAX = 2_000;
/** Versions of one place that are replayed; of more, the newest. */
const VERSIONS_REPLAYED_MAX = 50;

/** What other policies would change: judged by the evaluator that gates, written nowhere. */
export class Simulator {
  private readonly targetLists = new TargetLists();

  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
  ) {}

  async simulate(request: Request): Promise<Reply> {
    return this.deps.store.read(async (reader) => {
      await this.state.sync(reader);
      const change = readPolicyChange(request, this.state.inventory);
      const run = new Run(this.pairsOf(request), change, this.deps.clock.now());
      for (const policy of change.after)
        if (policy.shadow && (change.added.includes(policy.name) || change.changed.includes(policy.name)))
          run.leftOut.push(
            `policy ${policy.name} is a shadow and never gates; leave out shadow: true to see what it would do when it does`,
          );
      if (request.sinceMs === undefined) await this.today(reader, request, run);
      else await this.replay(reader, request, run);
      return run.reply();
    });
  }

  private pairsOf({ deployment, environment }: Request): Pair[] {
    const { inventory } = this.state;
    const named = deployment === undefined ? undefined : findDeployment(inventory, deployment);
    if (named && environment !== undefined) findEnvironment(inventory, environment, named);
    const pairs = [...inventory.pairs(deployment)].filter((targets) => environment === undefined || targets.environment === environment);
    return pairs
      .map((targets) => ({ deployment: targets.deployment, environment: targets.environment }))
      .sort((a, b) => (`${a.deployment}/${a.environment}` < `${b.deployment}/${b.environment}` ? -1 : 1));
  }

  private async view(reader: Reader, pair: Pair, now: number): Promise<PairView | undefined> {
    const approvals = (await reader.find(approvalTable, { ...pair })).map(factOfApproval);
    const { inventory, facts, people } = this.state;
    return viewPair({ inventory, facts, people }, this.targetLists, pair, approvals, now);
  }

  private async today(reader: Reader, request: Request, run: Run): Promise<void> {
    let found = request.version === undefined;
    for (const pair of run.pairs) {
      const view = await this.view(reader, pair, run.now);
      if (!view) continue;
      const versions = this.versionsOf(view, request);
      found ||= versions.length > 0;
      const place: Simulated = { input: view.input, versions };
      if (!run.affords(2 * versions.length * view.input.targets.length, pair, versions.length, view.input.targets.length)) continue;
      run.add(simulateToday(place, run.change.after, run.now));
      await setImmediate();
    }
    if (!found && request.version !== undefined) throw noVersion(request);
  }

  /** The candidates, or the one that is asked for; one that was never published is judged as if it were now. */
  private versionsOf({ input, candidates }: PairView, { version, deployment }: Request): Simulated['versions'] {
    if (version === undefined) return candidates.map((one) => ({ version: one, isNew: false }));
    const known = this.state.inventory.versions.byTag(input.deployment.name, version);
    if (known) return [{ version: known, isNew: false }];
    return deployment === undefined ? [] : [{ version: this.imagined(input.deployment, version), isNew: true }];
  }

  private imagined({ name }: DeploymentDoc, tag: string): Version {
    const sequence = (this.state.inventory.versions.of(name).at(-1)?.sequence ?? 0) + 1;
    const createdAt = this.deps.clock.now();
    const id = `${name} ${tag}`;
    return { id, deployment: name, tag, name: tag, status: 'ready', sequence, config: {}, metadata: {}, dependsOn: [], createdAt };
  }

  private async replay(reader: Reader, request: Request, run: Run): Promise<void> {
    const recorded = await readRecorded(reader, this.state.facts, run.now - (request.sinceMs ?? 0));
    run.from = recorded.from;
    if (recorded.cut) run.leftOut.push(`what was recorded before ${new Date(recorded.from).toISOString()}: there is too much of it`);
    for (const pair of run.pairs) {
      const view = await this.view(reader, pair, run.now);
      if (!view) continue;
      const versions = this.versionsSince(view, recorded, request);
      if (!run.affords(0, pair, versions.length, view.input.targets.length)) continue;
      for (const version of versions) {
        const { before, after } = run.change;
        const replay = { input: view.input, version, before, after, recorded, now: run.now };
        const done = replayVersion(replay);
        if (!done) continue;
        run.spent += done.judged;
        if (done.cut) run.leftOut.push(`the end of ${pair.deployment} ${version.tag} in ${pair.environment}: too much happened`);
        run.addReplayed(tellReplay(replay, done));
        await setImmediate();
        if (!run.affords(0, pair, 0, 0)) break;
      }
    }
  }

  /** Versions that were there to go at some time since then, newest first. */
  private versionsSince({ input }: PairView, recorded: Recorded, { version: tag }: Request): Version[] {
    const all = this.state.inventory.versions.of(input.deployment.name);
    const fresh = all.filter((version) => version.createdAt >= recorded.from);
    const waiting = candidateVersions(
      // With the status that they had then: one that was rejected since was there to go.
      all.flatMap((version) => (version.createdAt < recorded.from ? (recorded.versionAt(version, recorded.from) ?? []) : [])),
      this.oldestThen(input, recorded),
    );
    const versions = [...fresh, ...waiting].sort((a, b) => b.sequence - a.sequence);
    return versions.filter((version) => tag === undefined || version.tag === tag).slice(0, VERSIONS_REPLAYED_MAX);
  }

  private oldestThen(input: PairView['input'], { factsThen }: Recorded): number | undefined {
    let oldest: number | undefined;
    for (const { identifier } of input.targets) {
      const running = factsThen.get(`${input.deployment.name}/${input.environment.name}/${identifier}`)?.running;
      const sequence = running && input.versions.get(running.version)?.sequence;
      if (sequence !== undefined) oldest = Math.min(oldest ?? Infinity, sequence);
    }
    return oldest;
  }
}

/** One request as it is answered, with what it may still cost. */
class Run {
  readonly leftOut: string[] = [];
  spent = 0;
  from: number | undefined;
  private readonly judged = { pairs: 0, versions: 0, targets: 0 };
  private readonly changes: Reply['changes'] = [];
  private readonly replayed: NonNullable<Reply['history']>['changes'] = [];

  constructor(
    readonly pairs: readonly Pair[],
    readonly change: PolicyChange,
    readonly now: number,
  ) {}

  /** Whether there is room for so much more; what there is not is told. */
  affords(cost: number, { deployment, environment }: Pair, versions: number, targets: number): boolean {
    if (this.spent + cost > TARGETS_JUDGED_MAX || this.changes.length + this.replayed.length >= CHANGES_MAX) {
      const what = `${deployment} in ${environment}: ask for it alone`;
      if (!this.leftOut.includes(what)) this.leftOut.push(what);
      return false;
    }
    this.spent += cost;
    if (versions > 0) {
      this.judged.pairs += 1;
      this.judged.versions += versions;
      this.judged.targets += targets;
    }
    return true;
  }

  add(changes: Reply['changes']): void {
    this.changes.push(...changes);
  }

  addReplayed(changes: NonNullable<Reply['history']>['changes']): void {
    this.replayed.push(...changes);
  }

  reply(): Reply {
    const { added, changed, removed, ignored } = this.change;
    return {
      policies: { added, changed, removed },
      ignored,
      judged: this.judged,
      changes: this.changes.slice(0, CHANGES_MAX),
      ...(this.from === undefined
        ? {}
        : {
            history: {
              from: this.from,
              until: this.now,
              changes: this.replayed.slice(0, CHANGES_MAX),
              badNotGone: badNotGone(this.replayed),
            },
          }),
      leftOut: this.leftOut,
    };
  }
}

function noVersion({ version, deployment }: Request): SlipwayError {
  const message =
    deployment === undefined
      ? `Simulating version ${version}: no deployment has one of that tag; name the deployment, and it is judged as if it were published now`
      : `Simulating ${deployment} ${version}: the deployment has no release targets where it is asked for`;
  return new SlipwayError({ code: 'policy.simulate.unknownVersion', kind: 'missing', message });
}
