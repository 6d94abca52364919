import type { DecisionInput, TargetFact } from '../model/facts.js';
import { targetKey } from '../model/facts.js';

/** Where a version counts as succeeded in one environment. */
export interface Successes {
  /** Of each success, oldest first. */
  times: number[];
  /** Targets where it failed or was rolled back. */
  failed: number;
}

interface Counted {
  all: number[];
  verified: number[];
  failed: number;
}

/** What became of all versions of the deployment in other environments: each environment's targets are passed once, for all versions and rules together. */
export class SuccessCounts {
  private readonly environments = new Map<string, Map<string, Counted>>();

  constructor(private readonly input: Pick<DecisionInput, 'deployment' | 'targetFacts'>) {}

  of(dependency: DecisionInput['environments'][number], version: string, verified: boolean): Successes {
    const { name } = dependency.environment;
    let counted = this.environments.get(name);
    if (!counted) this.environments.set(name, (counted = this.count(name, dependency.resources)));
    const found = counted.get(version);
    return found ? { times: verified ? found.verified : found.all, failed: found.failed } : NONE;
  }

  private count(environment: string, resources: readonly string[]): Map<string, Counted> {
    const counted = new Map<string, Counted>();
    for (const resource of resources) {
      const fact = this.input.targetFacts.get(targetKey(this.input.deployment.name, environment, resource));
      if (fact) take(counted, fact);
    }
    for (const { all, verified } of counted.values()) for (const times of [all, verified]) times.sort((a, b) => a - b);
    return counted;
  }
}

const NONE: Successes = { times: [], failed: 0 };

function take(counted: Map<string, Counted>, { outcomes }: TargetFact): void {
  for (const version in outcomes) {
    const { state, verified, at } = outcomes[version]!;
    if (state === 'started') continue;
    let one = counted.get(version);
    if (!one) counted.set(version, (one = { all: [], verified: [], failed: 0 }));
    if (state !== 'succeeded') one.failed += 1;
    else {
      one.all.push(at);
      if (verified) one.verified.push(at);
    }
  }
}
