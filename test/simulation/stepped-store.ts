import type { MemoryStore, Store, Tx } from '@slipway/persistence';
import { Died, never, type Clockwork, type Life } from './clockwork.js';

/**
 * A process' way to its database: every statement is a point at which the clockwork may let others go first or end the process. The database itself
 * survives; an open transaction of a dead process is rolled back, and what was committed before the death stays, known to the process or not.
 */
export function steppedStore(store: MemoryStore, life: Life, clockwork: Clockwork, committed: () => void): Store {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      const result = await work();
      return life.alive ? result : await never<T>();
    } catch (error) {
      // What a dead process would have caught, nobody catches.
      if (!life.alive || error instanceof Died) return never<T>();
      throw error;
    }
  };
  return {
    transaction: (work) =>
      guarded(async () => {
        await clockwork.point(life);
        const result = await store.transaction(async (tx) => {
          if (!life.alive) throw new Died();
          const { steps, over } = steppedTx(tx, life, clockwork);
          const given = await work(steps);
          await over();
          await clockwork.point(life, true);
          return given;
        });
        committed();
        await clockwork.point(life);
        return result;
      }),
    read: (work) =>
      guarded(async () => {
        await clockwork.point(life);
        return store.read(work);
      }),
  };
}

function steppedTx(tx: Tx, life: Life, clockwork: Clockwork): { steps: Tx; over: () => Promise<unknown> } {
  let turn: Promise<unknown> = Promise.resolve();
  const stepped =
    <A extends unknown[], R>(statement: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      // In the order asked for, as the database takes them.
      const mine = turn.then(async () => {
        await clockwork.point(life, true);
        return statement(...args);
      });
      turn = mine.catch(() => undefined);
      return mine;
    };
  const steps: Tx = {
    find: stepped(tx.find.bind(tx)) as Tx['find'],
    count: stepped(tx.count.bind(tx)) as Tx['count'],
    add: stepped(tx.add.bind(tx)) as Tx['add'],
    insert: stepped(tx.insert.bind(tx)) as Tx['insert'],
    put: stepped(tx.put.bind(tx)) as Tx['put'],
    patch: stepped(tx.patch.bind(tx)) as Tx['patch'],
    remove: stepped(tx.remove.bind(tx)) as Tx['remove'],
    lock: stepped(tx.lock.bind(tx)),
    send: stepped(tx.send.bind(tx)),
    fresh: stepped(tx.fresh.bind(tx)),
  };
  return { steps, over: () => turn };
}
