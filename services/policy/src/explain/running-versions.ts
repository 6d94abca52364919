import { targetKey } from '@slipway/core';
import type { DecisionInput, Version } from '@slipway/core';

/** A version that runs in a place, at how many of its targets, and since when at the first of them. */
export interface RunningVersion {
  version: Version;
  count: number;
  since: number;
}

/** What runs at the targets now, newest version first. */
export function runningVersions(input: Omit<DecisionInput, 'version'>): RunningVersion[] {
  const byId = new Map<string, RunningVersion>();
  for (const target of input.targets) {
    const running = input.targetFacts.get(targetKey(input.deployment.name, input.environment.name, target.identifier))?.running;
    const version = running && input.versions.get(running.version);
    if (running === undefined || version === undefined) continue;
    const known = byId.get(version.id);
    if (known === undefined) byId.set(version.id, { version, count: 1, since: running.since });
    else byId.set(version.id, { version, count: known.count + 1, since: Math.min(known.since, running.since) });
  }
  return [...byId.values()].sort((a, b) => b.version.sequence - a.version.sequence);
}
