import type { ReleaseEvent } from '@slipway/contracts';
import type { ApprovalFact, InventoryChange, TargetFact, Version, VersionOutcome } from '@slipway/core';
import type { Ids } from '@slipway/runtime';
import { pairKey, type Pair } from '../pairs.js';
import type { ShadowChange } from '../shadow/shadow-changes.js';
import type { HistoryRow } from '../tables.js';

/** A release event as it is recorded: its place stands in the row; `before` is what it replaced, so that the facts can be wound back. */
export interface RecordedRelease {
  event: Omit<ReleaseEvent, 'deployment' | 'environment'>;
  before?: Pick<TargetFact, 'sequence' | 'startedAt' | 'running' | 'quarantined'> & { outcome?: VersionOutcome };
}

export interface RecordedWord {
  verb: 'approved' | 'rejected' | 'withdrawn';
  fact: ApprovalFact;
  tag: string;
}

/** What is recorded, by kind: one row for all that one transaction learnt of a place. */
export type HistoryBody =
  | { kind: 'release'; releases: RecordedRelease[] }
  | { kind: 'version'; version: Version }
  | { kind: 'word'; word: RecordedWord }
  | { kind: 'shadow'; change: ShadowChange };

interface Stamp {
  ids: Ids;
  now: number;
}

/** What one event changed. */
export interface Told {
  event: ReleaseEvent;
  before: TargetFact | undefined;
}

/** The rows of a batch of release events, one for each place. */
export function releaseRows({ ids, now }: Stamp, told: readonly Told[]): HistoryRow[] {
  const places = Map.groupBy(told, ({ event }) => pairKey(event));
  return [...places.values()].map((list) => {
    const { deployment, environment } = list[0]!.event;
    const releases = list.map(recorded);
    return { id: ids.next(), at: now, kind: 'release', deployment, environment, body: { kind: 'release', releases } };
  });
}

function recorded({ event, before }: Told): RecordedRelease {
  const { deployment: _d, environment: _e, ...rest } = event;
  if (before === undefined) return { event: rest };
  const { sequence, startedAt, running, quarantined } = before;
  const outcome = before.outcomes[event.versionId];
  return {
    event: rest,
    before: {
      sequence,
      quarantined,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(running === undefined ? {} : { running }),
      ...(outcome === undefined ? {} : { outcome }),
    },
  };
}

/** Versions as they came, and each new status. */
export function versionRows({ ids, now }: Stamp, changes: readonly InventoryChange[]): HistoryRow[] {
  return changes.flatMap(({ item }) =>
    item.kind === 'version'
      ? [
          {
            id: ids.next(),
            at: now,
            kind: 'version' as const,
            deployment: item.doc.deployment,
            body: { kind: 'version' as const, version: item.doc },
          },
        ]
      : [],
  );
}

export function wordRow({ ids, now }: Stamp, place: Pair, word: RecordedWord): HistoryRow {
  return { id: ids.next(), at: now, kind: 'word', ...place, body: { kind: 'word', word } };
}

export function shadowRow({ ids, now }: Stamp, place: Pair, change: ShadowChange): HistoryRow {
  const { deployment, environment } = place;
  return { id: ids.next(), at: now, kind: 'shadow', deployment, environment, body: { kind: 'shadow', change } };
}
