import { SlipwayError } from '@slipway/core';
import { MemoryTable, type TableChanges } from './memory-table.js';
import { OUTBOX_ROW_MESSAGES_MAX } from './outbox.js';
import { copyJson } from './rows.js';
import type { OutboxMessage, Store, Tx } from './store.js';
import type { AnyTable } from './table.js';

/** One `send` chunk as it waits to be published. */
export interface OutboxRow {
  id: number;
  messages: OutboxMessage[];
  sent: boolean;
}

/** The Store in memory, with what the simulation needs to see and to break. */
export interface MemoryStore extends Store {
  /** Committed outbox rows in commit order; with `unsent` only those still to be published. */
  outbox(which?: 'all' | 'unsent'): OutboxRow[];
  markSent(ids: readonly number[]): void;
  /** Copies of all committed rows by table name. */
  snapshot(): Record<string, unknown[]>;
  /** The process dies: open and waiting transactions are rolled back and whatever they still try fails. What was committed stays. */
  crash(): void;
}

/** What one transaction has written so far; nothing of it is seen outside before the commit. */
interface Draft {
  tables: Map<string, TableChanges>;
  outbox: OutboxMessage[][];
  inbox: Set<string>;
  /** Set once a statement failed: as in PostgreSQL nothing more works and nothing is committed. */
  failure?: unknown;
}

const noDraft = undefined;

/**
 * A Store without I/O. Transactions run one after the other (a mutex), so `lock` and row locks have nothing to do; a transaction inside a
 * transaction of the same store therefore waits for ever, which PostgreSQL would forgive only when no lock is shared. `read` does not wait
 * and sees committed rows only. Rows are copied on the way in and out.
 */
export function createMemoryStore(tables: readonly AnyTable[]): MemoryStore {
  const committed = new Map(tables.map((table) => [table.name, new MemoryTable(table)]));
  const outbox: OutboxRow[] = [];
  const inbox = new Set<string>();
  let turn: Promise<unknown> = Promise.resolve();
  let life = 0;

  const rowsOf = (table: { name: string }): MemoryTable => {
    const rows = committed.get(table.name);
    if (!rows)
      throw new SlipwayError({
        code: 'persistence.table.unknown',
        kind: 'bug',
        message: `Table ${table.name} is not one of this store's tables`,
      });
    return rows;
  };

  function commit(draft: Draft): void {
    for (const [name, changes] of draft.tables) rowsOf({ name }).apply(changes);
    for (const messages of draft.outbox) outbox.push({ id: outbox.length + 1, messages, sent: false });
    for (const entry of draft.inbox) inbox.add(entry);
  }

  async function run<T>(work: (tx: Tx) => Promise<T>, bornIn: number): Promise<T> {
    assertAlive(bornIn, life);
    const draft: Draft = { tables: new Map(), outbox: [], inbox: new Set() };
    const result = await work(transactionOn(draft, rowsOf, inbox, () => assertAlive(bornIn, life)));
    assertAlive(bornIn, life);
    if (draft.failure !== undefined) throw draft.failure;
    commit(draft);
    return result;
  }

  return {
    transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
      const bornIn = life;
      const mine = turn.then(() => run(work, bornIn));
      turn = mine.catch(() => undefined);
      return mine;
    },
    read: (work) =>
      work({
        find: async (table, where, options) => rowsOf(table).find(noDraft, where, options) as never,
        count: async (table, where) => rowsOf(table).count(noDraft, where),
      }),
    outbox: (which = 'all') => outbox.filter((row) => which === 'all' || !row.sent).map((row) => ({ ...row })),
    markSent(ids) {
      for (const id of ids) {
        const row = outbox[id - 1];
        if (row) row.sent = true;
      }
    },
    snapshot: () => Object.fromEntries([...committed].map(([name, rows]) => [name, rows.find(noDraft, {})])),
    crash() {
      life += 1;
      turn = Promise.resolve();
    },
  };
}

function assertAlive(bornIn: number, life: number): void {
  if (bornIn === life) return;
  throw new SlipwayError({
    code: 'persistence.store.crashed',
    kind: 'unavailable',
    message: 'The process of this transaction died; nothing of it was committed',
  });
}

function transactionOn(
  draft: Draft,
  rowsOf: (table: { name: string }) => MemoryTable,
  inbox: ReadonlySet<string>,
  assertUsable: () => void,
): Tx {
  const changesOf = (table: { name: string }): TableChanges => {
    let changes = draft.tables.get(table.name);
    if (!changes) draft.tables.set(table.name, (changes = rowsOf(table).noChanges()));
    return changes;
  };
  const statement = async <T>(work: () => T): Promise<T> => {
    assertUsable();
    if (draft.failure !== undefined) throw draft.failure;
    try {
      return work();
    } catch (error) {
      draft.failure = error;
      throw error;
    }
  };
  return {
    find: (table, where, options) => statement(() => rowsOf(table).find(changesOf(table), where, options) as never),
    count: (table, where) => statement(() => rowsOf(table).count(changesOf(table), where)),
    insert: (table, rows) => statement(() => rowsOf(table).insert(changesOf(table), rows)),
    add: (table, rows) => statement(() => rowsOf(table).add(changesOf(table), rows)),
    put: (table, rows) => statement(() => rowsOf(table).put(changesOf(table), rows)),
    patch: (table, rows) => statement(() => rowsOf(table).patch(changesOf(table), rows)),
    remove: (table, where) => statement(() => rowsOf(table).remove(changesOf(table), where)),
    lock: () => statement(() => undefined),
    send: (messages) =>
      statement(() => {
        for (let at = 0; at < messages.length; at += OUTBOX_ROW_MESSAGES_MAX)
          draft.outbox.push(messages.slice(at, at + OUTBOX_ROW_MESSAGES_MAX).map(copyJson));
      }),
    fresh: (consumer, ids) =>
      statement(() => {
        const fresh = new Set<string>();
        for (const id of ids) {
          const entry = `${consumer}\u0001${id}`;
          if (inbox.has(entry) || draft.inbox.has(entry)) continue;
          draft.inbox.add(entry);
          fresh.add(id);
        }
        return fresh;
      }),
  };
}
