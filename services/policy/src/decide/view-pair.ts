import { candidateVersions, pinsAt } from '@slipway/core';
import type { ApprovalFact, DecisionInput, Inventory, InventoryTargets, ResourceDoc, TargetFact, Version } from '@slipway/core';
import type { PeopleSnapshot } from '../facts-of-people/people-facts.js';
import type { Pair } from '../pairs.js';
import { RunningHere } from './running-here.js';
import type { Running, RunningPlace } from './running-here.js';

/** What a process knows of the world: its mirror of the inventory and its projection of the facts. */
export interface World {
  inventory: Inventory;
  facts: ReadonlyMap<string, TargetFact>;
  people: PeopleSnapshot;
}

/** One pair as it is judged: all that the evaluator may read, but for the version. */
export interface PairView {
  input: Omit<DecisionInput, 'version'>;
  /** Versions that may still go somewhere here, newest first. */
  candidates: Version[];
  /** Revision of the last change that concerns any of the targets. */
  targetsRevision: number;
  /** Versions that something here is pinned to. */
  pinned: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/** The view of a pair, or undefined when it has no targets (any more). Nothing is copied that is as long as the inventory. */
export function viewPair(
  world: World,
  targetsOf: TargetLists,
  pair: Pair,
  approvals: readonly ApprovalFact[],
  now: number,
  runningHere: (place: RunningPlace) => Running = (place) => new RunningHere(place).now,
): PairView | undefined {
  const { inventory, facts, people } = world;
  const deployment = inventory.deployments.get(pair.deployment);
  const environment = inventory.environments.get(pair.environment);
  const system = environment && inventory.systems.get(environment.system);
  const targets = inventory.targets(pair.deployment, pair.environment);
  if (!deployment || !environment || !system || targets === undefined || targets.size === 0) return undefined;
  const list = targetsOf.list(inventory, targets);
  const pinned = pinsAt(people.pins, pair, now)?.versions ?? NONE;
  const { oldest, moved } = runningHere({ inventory, facts, list, targets });
  return {
    input: {
      system,
      deployment,
      environment,
      targets: list.docs,
      targetFacts: facts,
      environments: environmentsOf(inventory, targetsOf, pair),
      deployments: deploymentsIn(inventory, targetsOf, pair),
      versions: inventory.versions.byIds,
      policies: [...inventory.policies.values()],
      approvals: [...approvals],
      overrides: people.overrides.filter((override) => override.deployment === pair.deployment),
      freezes: people.freezes,
      pins: people.pins.filter((pin) => pin.deployment === pair.deployment && pin.environment === pair.environment),
    },
    candidates: candidateVersions(inventory.versions.of(pair.deployment), oldest, moved, pinned),
    targetsRevision: list.revision,
    pinned,
  };
}

function environmentsOf(inventory: Inventory, targetsOf: TargetLists, pair: Pair): DecisionInput['environments'] {
  const system = inventory.environments.get(pair.environment)?.system;
  const others: DecisionInput['environments'] = [];
  for (const environment of inventory.environments.values()) {
    if (environment.name === pair.environment || environment.system !== system) continue;
    const targets = inventory.targets(pair.deployment, environment.name);
    others.push({ environment, resources: targets === undefined ? [] : targetsOf.list(inventory, targets).identifiers });
  }
  return others;
}

function deploymentsIn(inventory: Inventory, targetsOf: TargetLists, pair: Pair): DecisionInput['deployments'] {
  const all: DecisionInput['deployments'] = [];
  for (const deployment of inventory.deployments.values()) {
    const targets = inventory.targets(deployment.name, pair.environment);
    all.push({ deployment, resources: targets === undefined ? [] : targetsOf.list(inventory, targets).identifiers });
  }
  return all;
}

/** The targets of a pair in a stable order (by identifier). */
export interface TargetList {
  docs: ResourceDoc[];
  identifiers: string[];
  /** Revision of the last change that concerns any of them. */
  revision: number;
}

/** Remembers the sorted lists of targets, since most changes of the inventory concern few pairs: sorting 100,000 names takes longer than judging them. */
export class TargetLists {
  private readonly lists = new WeakMap<InventoryTargets, TargetList & { seen: number }>();

  list(inventory: Inventory, targets: InventoryTargets): TargetList {
    const known = this.lists.get(targets);
    if (known !== undefined) {
      if (known.seen >= inventory.targetsChangedAt) return known;
      if (known.docs.length === targets.size && targets.changedSince(known.seen).length === 0) {
        known.seen = inventory.revision;
        return known;
      }
    }
    const list = { ...sorted(inventory, targets), seen: inventory.revision };
    this.lists.set(targets, list);
    return list;
  }
}

function sorted(inventory: Inventory, targets: InventoryTargets): TargetList {
  const identifiers = [...targets.resources()].sort();
  const docs: ResourceDoc[] = [];
  let revision = 0;
  for (const identifier of identifiers) {
    const doc = inventory.resources.get(identifier);
    if (doc !== undefined) docs.push(doc);
    revision = Math.max(revision, targets.revisionOf(identifier) ?? 0);
  }
  return { docs, identifiers, revision };
}
