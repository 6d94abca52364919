import type { Decision, NumberedDecision, Version } from '@slipway/core';
import type { Tx } from '@slipway/persistence';
import type { Pair } from '../pairs.js';
import { decisionTable } from '../tables.js';
import type { Decider } from './decider.js';

export interface JustDecided {
  /** What judging the pair has published just now. */
  decisions: NumberedDecision[];
  /** The decision on the version as it is now, candidate or not. */
  now: () => Promise<Decision | undefined>;
}

/**
 * What the scheduler must take so that nothing withdrawn from a version starts any more: what was decided just now, and where that says nothing of the
 * version, since the scheduler did not answer the first time, what stands. The caller holds the pair's lock.
 */
export async function decisionsToTake(
  decider: Decider,
  tx: Tx,
  pair: Pair,
  version: Version,
  { decisions, now }: JustDecided,
): Promise<NumberedDecision[]> {
  if (decisions.some((d) => d.versionId === version.id)) return decisions;
  const rows = await tx.find(decisionTable, { deployment: pair.deployment, environment: pair.environment, versionId: version.id });
  if (rows.length > 0) return [...decisions, ...rows.map((row) => row.body)];
  const decision = await now();
  return decision === undefined ? decisions : [...decisions, await decider.sayAgain(tx, pair, decision)];
}
