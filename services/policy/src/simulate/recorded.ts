import { targetKey } from '@slipway/core';
import type { ApprovalFact, TargetFact, Version } from '@slipway/core';
import type { Tx } from '@slipway/persistence';
import { factOfApproval } from '../approvals/approval-fact.js';
import { snapshotOf, type PeopleSnapshot } from '../facts-of-people/people-facts.js';
import type { RecordedRelease, RecordedWord } from '../history/history-rows.js';
import { approvalTable, historyTable, peopleFactTable } from '../tables.js';
import type { HistoryRow, PeopleFactRow } from '../tables.js';

/** Rows of release events that are replayed; of more, the newest. */
const ROWS_MAX = 20_000;

/** What this service learnt of one place at one moment. */
export interface Moment {
  at: number;
  deployment: string;
  environment: string;
  releases: RecordedRelease[];
}

/** What is recorded since some time, with the facts as they were then. */
export interface Recorded {
  from: number;
  /** By `targetKey`, as they were at `from`. */
  factsThen: ReadonlyMap<string, TargetFact>;
  /** Oldest first. */
  moments: Moment[];
  versionAt(version: Version, at: number): Version | undefined;
  wordsAt(pair: { deployment: string; environment: string }, version: string, at: number): ApprovalFact[];
  peopleAt(at: number): PeopleSnapshot;
  /** When people's words and facts, or a version's status, changed. */
  changesOf(version: Version, environment: string): number[];
  /** More was recorded than is replayed. */
  cut: boolean;
}

/** Read what is recorded since `since`, and wind today's facts back to then. */
export async function readRecorded(reader: Pick<Tx, 'find'>, facts: ReadonlyMap<string, TargetFact>, since: number): Promise<Recorded> {
  const newest = await reader.find(
    historyTable,
    { kind: 'release', at: { gte: since } },
    { orderBy: { at: 'desc', id: 'desc' }, limit: ROWS_MAX },
  );
  const cut = newest.length === ROWS_MAX;
  const [first] = await reader.find(historyTable, {}, { orderBy: { at: 'asc' }, limit: 1, only: ['at'] });
  const begun = Math.max(since, first?.at ?? since);
  const from = cut ? (newest.at(-1)?.at ?? begun) : begun;
  const rows = [...newest].reverse();
  const versions = await reader.find(historyTable, { kind: 'version' }, { orderBy: { at: 'asc', id: 'asc' } });
  const words = await reader.find(historyTable, { kind: 'word' }, { orderBy: { at: 'asc', id: 'asc' } });
  const standing = (await reader.find(approvalTable, {})).map((row) => ({ row, fact: factOfApproval(row) }));
  const people = await reader.find(peopleFactTable, {});
  const told = versions.flatMap((row) => (row.body.kind === 'version' ? [{ at: row.at, version: row.body.version }] : []));
  const byVersion = Map.groupBy(told, ({ version }) => version.id);
  const said = words.flatMap((row) => (row.body.kind === 'word' ? [{ row, word: row.body.word }] : []));
  const byWord = Map.groupBy(said, ({ word }) => `${word.fact.version} ${word.fact.environment}`);
  return {
    from,
    cut,
    factsThen: windBack(facts, rows),
    moments: rows.flatMap(momentOf),
    versionAt: (version, at) => versionAt(byVersion.get(version.id) ?? [], version, at),
    wordsAt: (pair, version, at) => {
      const list = byWord.get(`${version} ${pair.environment}`) ?? [];
      const recorded = new Set(list.map(({ word }) => word.fact.by));
      // Said before words were recorded, or so long ago that the record is forgotten.
      const older = standing.filter(
        ({ row, fact }) => row.versionId === version && row.environment === pair.environment && !recorded.has(fact.by) && fact.at <= at,
      );
      return [...older.map(({ fact }) => fact), ...wordsAt(list.filter(({ row }) => row.at <= at).map(({ word }) => word))];
    },
    peopleAt: (at) => peopleAt(people, at),
    changesOf: (version, environment) => [
      ...(byVersion.get(version.id) ?? []).map((one) => one.at),
      ...(byWord.get(`${version.id} ${environment}`) ?? []).map(({ row }) => row.at),
      ...people.flatMap((row) => [row.fact.at, ...(row.endedAt === undefined ? [] : [row.endedAt])]),
    ],
  };
}

function momentOf(row: HistoryRow): Moment[] {
  if (row.body.kind !== 'release' || row.environment === undefined) return [];
  return [{ at: row.at, deployment: row.deployment, environment: row.environment, releases: row.body.releases }];
}

/** Each event undone, newest first. */
function windBack(facts: ReadonlyMap<string, TargetFact>, rows: readonly HistoryRow[]): Map<string, TargetFact> {
  const then = new Map(facts);
  for (const { deployment, environment, releases } of rows.flatMap(momentOf).reverse()) {
    for (const { event, before } of [...releases].reverse()) {
      const key = targetKey(deployment, environment, event.resource);
      if (before === undefined) {
        then.delete(key);
        continue;
      }
      const { outcome, ...rest } = before;
      const { [event.versionId]: _, ...others } = then.get(key)?.outcomes ?? {};
      const outcomes = outcome === undefined ? others : { ...others, [event.versionId]: outcome };
      then.set(key, { deployment, environment, resource: event.resource, ...rest, outcomes });
    }
  }
  return then;
}

/** The version as it was; one of which no change is recorded was always as it is. */
function versionAt(told: readonly { at: number; version: Version }[], version: Version, at: number): Version | undefined {
  const last = told.filter((one) => one.at <= at).at(-1);
  if (last) return last.version;
  const [first] = told;
  if (first === undefined) return version.createdAt <= at ? version : undefined;
  // Its first record is a new status of one that was published before anything was recorded.
  return first.version.createdAt < first.at && first.version.createdAt <= at ? { ...first.version, status: 'ready' } : undefined;
}

function wordsAt(words: readonly RecordedWord[]): ApprovalFact[] {
  const byPerson = new Map<string, ApprovalFact>();
  for (const { verb, fact } of words) {
    if (verb === 'withdrawn') byPerson.delete(fact.by);
    else byPerson.set(fact.by, fact);
  }
  return [...byPerson.values()];
}

/** What was made by then and not ended yet. */
function peopleAt(rows: readonly PeopleFactRow[], at: number): PeopleSnapshot {
  return snapshotOf(
    rows
      .filter((row) => row.fact.at <= at && (row.endedAt === undefined || row.endedAt > at))
      .map(({ endedAt: _, ended: _ended, ...row }) => row),
  );
}
