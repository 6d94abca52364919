import { formatInstant, SlipwayError } from '@slipway/core';
import { peopleFactTable } from '../tables.js';
import type { PeopleFactKind } from '../tables.js';
import type { Draft } from './ledger.js';

/** What to say of a fact that is not in force: that somebody lifted it already, which is as well, or that there is none. Throws then. */
export async function endedAlready(draft: Draft, kind: PeopleFactKind, id: string): Promise<string> {
  const [row] = await draft.tx.find(peopleFactTable, { id, kind });
  const ended = row?.ended;
  if (ended?.verb === 'lifted') return `${kind} ${id} was lifted by ${ended.by} at ${formatInstant(ended.at)} already`;
  if (row !== undefined) {
    const how =
      ended?.verb === 'replaced' ? `was replaced at ${formatInstant(ended.at)}` : `expired at ${formatInstant(row.expiresAt ?? 0)}`;
    throw new SlipwayError({ code: `policy.${kind}.over`, kind: 'conflict', message: `Lifting ${kind} ${id}: it ${how}` });
  }
  const there = draft.inForce(kind).map((one) => one.id);
  throw new SlipwayError({
    code: `policy.${kind}.missing`,
    kind: 'missing',
    message: `Lifting ${kind} ${id}: there is no such ${kind}; in force ${there.length === 0 ? 'is none' : `are ${there.join(', ')}`}`,
  });
}
