import type { FreezeFact, OverrideFact, PinFact } from '@slipway/core';
import type { Tx } from '@slipway/persistence';
import { headTable, peopleFactTable } from '../tables.js';
import type { PeopleFactRow } from '../tables.js';

/** Name of the head row that numbers the changes of these facts, and of the lock under which they are made. */
export const PEOPLE_HEAD = 'people';

/** What people decided and nobody has ended yet; whoever reads it looks at the expiry. */
export interface PeopleSnapshot {
  freezes: FreezeFact[];
  pins: PinFact[];
  overrides: OverrideFact[];
}

/** Freezes, pins and overrides in memory. There are few, so they are read anew whenever their head has moved. */
export class PeopleFacts {
  /** Never changed, only replaced. */
  now: PeopleSnapshot = { freezes: [], pins: [], overrides: [] };
  private revision = 0;

  async sync(reader: Pick<Tx, 'find'>): Promise<void> {
    const [head] = await reader.find(headTable, { name: PEOPLE_HEAD });
    if (head === undefined || head.revision <= this.revision) return;
    const rows = await reader.find(peopleFactTable, { endedAt: null }, { orderBy: { revision: 'asc' } });
    // Another read may have come to a later head meanwhile.
    if (head.revision <= this.revision) return;
    this.now = snapshotOf(rows);
    this.revision = head.revision;
  }
}

export function snapshotOf(rows: Iterable<PeopleFactRow>): PeopleSnapshot {
  const snapshot: PeopleSnapshot = { freezes: [], pins: [], overrides: [] };
  for (const row of rows) {
    if (row.endedAt !== undefined) continue;
    if (row.kind === 'freeze') snapshot.freezes.push(row.fact as FreezeFact);
    else if (row.kind === 'pin') snapshot.pins.push(row.fact as PinFact);
    else snapshot.overrides.push(row.fact as OverrideFact);
  }
  return snapshot;
}
