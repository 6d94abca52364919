import type { SimulatedChange } from '@slipway/contracts';
import { evaluate, pairGroups, reasonsOf, tellUnblock, unblock } from '@slipway/core';
import type { Decision, DecisionGroup, DecisionInput, Obligations, PairedGroup, PolicyDoc, Version } from '@slipway/core';

/** Targets that an entry names. */
export const NAMED_MAX = 100;

/** One place with the versions that are judged for it. */
export interface Simulated {
  input: Omit<DecisionInput, 'version'>;
  versions: readonly { version: Version; isNew: boolean }[];
}

/** What other policies would change for one place at this moment, by the evaluator that gates. Nothing differs where they are the same. */
export function simulateToday({ input, versions }: Simulated, after: PolicyDoc[], now: number): SimulatedChange[] {
  return versions.flatMap(({ version, isNew }) => {
    const before = { ...input, version };
    const changed = { ...input, version, policies: after };
    return compare(changed, isNew ? undefined : evaluate(before, now), evaluate(changed, now));
  });
}

function compare(input: DecisionInput, before: Decision | undefined, after: Decision): SimulatedChange[] {
  let unblocks: string[] | undefined;
  const told = (): string[] => (unblocks ??= tellUnblock(unblock(input, after), input));
  const changes: SimulatedChange[] = [];
  const pairs = pairGroups(input.targets, before ?? after, after);
  for (const pair of pairs) {
    const was = before && saidBy(pair.before);
    const will = saidBy(pair.after);
    const how = before ? obligationsThatDiffer(pair.before.obligations, pair.after.obligations) : [];
    const differs = !was || was.verdict !== will.verdict ? 'verdict' : alike(was.because, will.because) ? 'how' : 'reasons';
    if (differs === 'how' && how.length === 0) continue;
    changes.push({
      deployment: input.deployment.name,
      environment: input.environment.name,
      version: input.version.tag,
      ...membersOf(pair, pairs, input),
      size: pair.size,
      ...(was ? { before: was } : {}),
      after: will,
      differs,
      how,
      unblocks: will.verdict === 'allowed' ? [] : told(),
    });
  }
  return changes;
}

/** What does not change is left out, so that the rest is named unless it is all. */
function membersOf(
  pair: PairedGroup,
  pairs: readonly PairedGroup[],
  { targets }: DecisionInput,
): Pick<SimulatedChange, 'resources' | 'rest'> {
  if (!pair.rest) return { resources: pair.resources.slice(0, NAMED_MAX), rest: false };
  if (pair.size === targets.length) return { resources: [], rest: true };
  const others = new Set(pairs.flatMap((one) => one.resources));
  const mine = targets.filter((target) => !others.has(target.identifier)).slice(0, NAMED_MAX);
  return { resources: mine.map((target) => target.identifier), rest: false };
}

function saidBy(group: DecisionGroup): SimulatedChange['after'] {
  return { verdict: group.verdict, because: reasonsOf(group) };
}

function alike(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && [...a].sort().every((reason, index) => reason === [...b].sort()[index]);
}

function obligationsThatDiffer(before: Obligations, after: Obligations): string[] {
  const kinds = ['gradualRollout', 'verification', 'retry', 'rollback', 'concurrency', 'timeouts'] as const;
  return kinds.filter((kind) => JSON.stringify(before[kind]) !== JSON.stringify(after[kind]));
}
