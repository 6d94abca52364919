import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { SlipwayError, evaluate, judgeShadows, needsOf, tellUnblock, unblock } from '@slipway/core';
import type { Decision, DecisionInput, Unblock, Version } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Tx } from '@slipway/persistence';
import { factOfApproval } from '../approvals/approval-fact.js';
import { TargetLists, viewPair } from '../decide/view-pair.js';
import type { PairView } from '../decide/view-pair.js';
import { addRollout } from './add-rollout.js';
import { runningVersions } from './running-versions.js';
import { findDeployment, findEnvironment, findVersion } from '../names.js';
import type { PeopleSnapshot } from '../facts-of-people/people-facts.js';
import type { Pair } from '../pairs.js';
import type { State } from '../state.js';
import { approvalTable, decisionTable } from '../tables.js';

type Reader = Pick<Tx, 'find' | 'count'>;
type Explained = ReplyOf<'policy.explain'>['decisions'][number];

/** Versions explained of one place when none is named: the newest that wait say what people want to know. */
const VERSIONS_EXPLAINED_MAX = 3;
/** Decisions listed at once. */
const DECISIONS_LISTED_MAX = 1_000;

/** Answers with the evaluator that gates, on the same facts, at this moment. */
export class Explainer {
  private readonly targetLists = new TargetLists();

  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
  ) {}

  async explain(request: ParsedRequestOf<'policy.explain'>): Promise<ReplyOf<'policy.explain'>> {
    const { decisions } = await this.judge(request);
    await Promise.all(decisions.map((one) => addRollout(this.deps.requests, one, request.resource)));
    return { decisions };
  }

  private async judge(request: ParsedRequestOf<'policy.explain'>): Promise<ReplyOf<'policy.explain'>> {
    return this.deps.store.read(async (reader) => {
      await this.state.sync(reader);
      const { inventory } = this.state;
      const deployment = findDeployment(inventory, request.deployment);
      if (request.environment !== undefined) findEnvironment(inventory, request.environment, deployment);
      const version = request.version === undefined ? undefined : findVersion(inventory, deployment.name, request.version);
      const environments =
        request.environment === undefined ? [...inventory.pairs(deployment.name)].map((t) => t.environment) : [request.environment];
      const decisions: Explained[] = [];
      for (const environment of environments.sort()) {
        const view = await this.view(reader, { deployment: deployment.name, environment }, request.resource);
        if (view !== undefined) decisions.push(...this.explainPlace(view, version));
      }
      if (decisions.length === 0) throw nothingThere(request);
      return { decisions };
    });
  }

  /** The decision on one version at this moment, candidate or not; undefined when it has no targets there. */
  async decisionNow(reader: Reader, pair: Pair, version: Version, people?: PeopleSnapshot): Promise<Decision | undefined> {
    const view = await this.view(reader, pair, undefined, people);
    return view === undefined ? undefined : evaluate({ ...view.input, version }, this.deps.clock.now());
  }

  /** What was last decided and published, newest version first. */
  async decisions(request: ParsedRequestOf<'policy.decisions'>): Promise<ReplyOf<'policy.decisions'>> {
    const { deployment, environment } = request;
    const where = { ...(deployment === undefined ? {} : { deployment }), ...(environment === undefined ? {} : { environment }) };
    const rows = await this.deps.store.read((tx) =>
      tx.find(decisionTable, where, { orderBy: { deployment: 'asc', environment: 'asc', sequence: 'desc' }, limit: DECISIONS_LISTED_MAX }),
    );
    return { decisions: rows.map((row) => row.body) };
  }

  private async view(reader: Reader, pair: Pair, resource?: string, people = this.state.people): Promise<PairView | undefined> {
    const rows = await reader.find(approvalTable, { ...pair });
    const { inventory, facts } = this.state;
    const view = viewPair({ inventory, facts, people }, this.targetLists, pair, rows.map(factOfApproval), this.deps.clock.now());
    if (view === undefined || resource === undefined) return view;
    const targets = view.input.targets.filter((t) => t.identifier === resource);
    return targets.length === 0 ? undefined : { ...view, input: { ...view.input, targets } };
  }

  /** The version asked for; else the newest that may still go somewhere, else what runs. */
  private explainPlace(view: PairView, version: Version | undefined): Explained[] {
    const now = this.deps.clock.now();
    const running = runningVersions(view.input);
    const newestRunning = running[0]?.version;
    const asked =
      version !== undefined
        ? [version]
        : view.candidates.length > 0
          ? pinnedFirst(view).slice(0, VERSIONS_EXPLAINED_MAX)
          : newestRunning === undefined
            ? []
            : [newestRunning];
    return asked.map((one) => {
      const facts = { ...view.input, version: one };
      const decision = evaluate(facts, now);
      const found = unblock(facts, decision);
      return {
        decision,
        running: running.map(({ version: { tag }, count, since }) => ({ version: tag, count, since })),
        unblocks: tellUnblock(found, facts),
        unblock: found.map((group) => unblockView(group, facts)),
        shadow: judgeShadows(facts, decision),
      };
    });
  }
}

function unblockView(one: Unblock, facts: DecisionInput): Explained['unblock'][number] {
  const { resources, rest, size, possible, because, at } = one;
  return { resources, rest, size, possible, because, needs: needsOf(one, facts), ...(possible ? { at } : {}) };
}

/** Where something is pinned, what it is pinned to is what people want to know. */
function pinnedFirst({ candidates, pinned }: PairView): readonly Version[] {
  if (pinned.size === 0) return candidates;
  return [...candidates.filter((v) => pinned.has(v.id)), ...candidates.filter((v) => !pinned.has(v.id))];
}

function nothingThere(request: ParsedRequestOf<'policy.explain'>): SlipwayError {
  const where = [request.environment, request.resource].filter((part) => part !== undefined).join(' at ');
  return new SlipwayError({
    code: 'policy.explain.noTargets',
    kind: 'missing',
    message: `Explaining ${request.deployment}${where === '' ? '' : ` in ${where}`}: there is nothing to explain; either no resource matches the selectors of both deployment and environment there, or no version was published yet`,
  });
}
