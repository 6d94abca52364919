import {
  createMemoryStore,
  OutboxRelay,
  packMessages,
  unpackMessages,
  type AnyTable,
  type PackedMessage,
  type Store,
  type Tx,
} from '@slipway/persistence';
import { systemIds, type Log } from '@slipway/runtime';
import { createTestStore } from '@slipway/testkit';

/*
 * The record of one service, in PostgreSQL or in memory (both pass one contract, libs/persistence), with what the cases need of it: to know when all
 * that was committed is published, and to begin each case with what was once remembered.
 */

export type RecordKind = 'postgres' | 'memory';
export type Publish = (messages: readonly PackedMessage[]) => Promise<void>;

export interface ServiceRecord {
  readonly store: Store;
  /** Whether something was committed that is not published yet. */
  isBehind(): boolean;
  remember(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

export interface RecordOptions {
  tables: readonly AnyTable[];
  publish: Publish;
  /** Something was committed or published. */
  changed(): void;
  log: Log;
}

export function openRecord(kind: RecordKind, options: RecordOptions): Promise<ServiceRecord> {
  return kind === 'postgres' ? openPostgres(options) : Promise.resolve(openMemory(options));
}

const KEPT = 'kept_';

async function openPostgres({ tables, publish, changed, log }: RecordOptions): Promise<ServiceRecord> {
  const postgres = await createTestStore(tables);
  const count = new Count(changed);
  const counted: Publish = async (messages) => {
    await publish(messages);
    count.published(messages.length);
  };
  const relay = new OutboxRelay({ pool: postgres.pool, schema: postgres.schema, publish: counted, log, ids: systemIds });
  postgres.onSent(relay.nudge);
  relay.start();
  const at = (table: string): string => `"${postgres.schema}"."${table}"`;
  return {
    store: count.watch(postgres),
    isBehind: () => count.isBehind,
    async remember() {
      await postgres.pool.query(tables.map(({ name }) => `create table ${at(KEPT + name)} as table ${at(name)}`).join(';'));
    },
    async restore() {
      const fill = tables.map(({ name }) => `delete from ${at(name)}; insert into ${at(name)} table ${at(KEPT + name)}`);
      await postgres.pool.query([...fill, `delete from ${at('outbox')}`, `delete from ${at('inbox')}`].join(';'));
    },
    async close() {
      await relay.stop();
      await postgres.close();
    },
  };
}

function openMemory({ tables, publish, changed }: RecordOptions): ServiceRecord {
  const count = new Count(changed);
  let memory = createMemoryStore(tables);
  let kept: Record<string, unknown[]> = {};
  let relaying = false;
  const relay = async (): Promise<void> => {
    if (relaying) return;
    relaying = true;
    for (let rows = memory.outbox('unsent'); rows.length > 0; rows = memory.outbox('unsent')) {
      const messages = rows.flatMap((row) => unpackMessages(packMessages(row.messages)));
      await publish(messages);
      memory.markSent(rows.map(({ id }) => id));
      count.published(messages.length);
    }
    relaying = false;
  };
  return {
    store: count.watch({
      read: (work) => memory.read(work),
      async transaction(work) {
        const result = await memory.transaction(work);
        void relay();
        return result;
      },
    }),
    isBehind: () => count.isBehind,
    remember: () => Promise.resolve(void (kept = memory.snapshot())),
    async restore() {
      memory = createMemoryStore(tables);
      await memory.transaction(async (tx) => {
        for (const table of tables) await tx.insert(table as never, (kept[table.name] ?? []) as never[]);
      });
    },
    close: () => Promise.resolve(),
  };
}

/** How many messages were committed and how many of them published. */
class Count {
  private difference = 0;

  constructor(private readonly changed: () => void) {}

  /** A message may be published before its commit is counted; either way something is still to come. */
  get isBehind(): boolean {
    return this.difference !== 0;
  }

  published(messages: number): void {
    this.difference -= messages;
    this.changed();
  }

  watch(store: Store): Store {
    return {
      read: (work) => store.read(work),
      transaction: async (work) => {
        let sent = 0;
        const result = await store.transaction((tx) => {
          sent = 0;
          return work(telling(tx, (messages) => (sent += messages)));
        });
        this.difference += sent;
        if (sent > 0) this.changed();
        return result;
      },
    };
  }
}

/** The transaction, which tells how many messages it sends. */
function telling(tx: Tx, tell: (messages: number) => void): Tx {
  return new Proxy(tx, {
    get(target, name) {
      const member = target[name as keyof Tx] as unknown;
      if (typeof member !== 'function') return member;
      return (...given: unknown[]) => {
        if (name === 'send') tell((given[0] as unknown[]).length);
        return (member as (...all: unknown[]) => unknown).apply(target, given);
      };
    },
  });
}
