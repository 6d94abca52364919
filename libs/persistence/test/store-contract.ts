import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { SlipwayError } from '@slipway/core';
import { bigint, boolean, defineTable, double, instant, integer, json, nullable, text, type Store, type Tx } from '@slipway/persistence';

/** One table with every column type, a partial unique index and a plain one. */
export const berths = defineTable(
  'berths',
  {
    harbour: text(),
    number: integer(),
    ship: nullable(text()),
    state: text<'free' | 'taken'>(),
    tonnage: nullable(bigint()),
    depth: nullable(double()),
    lit: nullable(boolean()),
    papers: nullable(json<{ b?: unknown; a?: unknown } | unknown[]>()),
    since: nullable(instant()),
  },
  {
    key: ['harbour', 'number'],
    indexes: [
      {
        name: 'one_place_per_ship',
        columns: ['ship'],
        unique: true,
        where: { sql: `state = 'taken'`, holds: (row) => row.state === 'taken' },
      },
      { name: 'by_state', columns: ['state', 'since'] },
    ],
  },
);
export const captains = defineTable(
  'captains',
  { name: text(), licence: text() },
  { key: ['name'], indexes: [{ name: 'licence_once', columns: ['licence'], unique: true }] },
);
export const contractTables = [berths, captains];

export interface ContractSubject {
  store: Store;
  /** All messages of the outbox, in order. */
  sent(): Promise<{ subject: string; id: string; body: unknown; headers?: Record<string, string> }[]>;
  /** Empty all tables, outbox and inbox. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

type Berth = Parameters<Tx['put']>[1][number] & { harbour: string; number: number; state: 'free' | 'taken'; ship?: string };
const free = (number: number, more: object = {}): Berth => ({ harbour: 'brest', number, state: 'free', ...more });
const taken = (number: number, ship: string): Berth => ({ harbour: 'brest', number, state: 'taken', ship });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: SlipwayError) => `${error.code} ${error.kind}`,
  );

/** What every Store must do, whatever is behind it. */
export function storeContract(name: string, open: () => Promise<ContractSubject>): void {
  describe(`a store (${name})`, () => {
    let subject: ContractSubject;
    let store: Store;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
    }, 60_000);
    afterAll(() => subject.close());
    beforeEach(() => subject.clear());
    const write = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => store.transaction(work);
    const all = () => store.read((tx) => tx.find(berths, {}, { orderBy: { harbour: 'asc', number: 'asc' } }));

    it('gives back every type of value as it was put in, and leaves out what has no value', async () => {
      const row = {
        ...free(1),
        ship: 'Ä\u20ac\u{1F6A2}"\\\n\'',
        tonnage: 9_007_199_254_740_991,
        depth: 12.25,
        lit: false,
        papers: { b: [1, null, { c: 'x' }], a: '' },
        since: 1_763_847_099_123,
      };
      await write((tx) => tx.insert(berths, [row, { ...free(2), since: -1, papers: [] }, free(3)] as never));
      const [first, second, third] = await all();
      expect(first).toEqual(row);
      expect(Object.keys(first?.papers as object)).toEqual(['b', 'a']);
      expect(second).toEqual({ ...free(2), since: -1, papers: [] });
      expect(Object.keys(third ?? {}).sort()).toEqual(['harbour', 'number', 'state']);
    });

    it('drops undefined inside JSON and refuses a row that does not fit its table', async () => {
      await write((tx) => tx.insert(berths, [{ ...free(1), papers: { a: undefined, b: 1 } }] as never));
      expect((await all())[0]?.papers).toStrictEqual({ b: 1 });
      for (const wrong of [{ number: 1.5 }, { state: undefined }, { harbour: 'a\0b' }, { lit: 'yes' }, { depth: Number.NaN }]) {
        expect(await codeOf(write((tx) => tx.insert(berths, [{ ...free(9), ...wrong }] as never)))).toBe('persistence.row.invalid bug');
      }
    });

    it('does not share objects with its caller', async () => {
      const papers = { a: [1] };
      await write((tx) => tx.put(berths, [{ ...free(1), papers }] as never));
      papers.a.push(2);
      const [found] = await all();
      (found?.papers as typeof papers).a.push(3);
      expect((await all())[0]?.papers).toEqual({ a: [1] });
    });

    it('inserts what is new and names its keys; rows in the way of the key or of a unique index stay as they are', async () => {
      await write((tx) => tx.insert(berths, [taken(1, 'Belem')] as never));
      const keys = await write((tx) =>
        tx.insert(berths, [free(1), taken(2, 'Belem'), taken(3, 'Hermione'), taken(4, 'Hermione'), { ...free(5), ship: 'Belem' }] as never),
      );
      expect([...keys].sort()).toEqual([berths.keyOf(free(3) as never), berths.keyOf(free(5) as never)].sort());
      expect((await all()).map((row) => [row.number, row.ship])).toEqual([
        [1, 'Belem'],
        [3, 'Hermione'],
        [5, 'Belem'],
      ]);
    });

    it('replaces the whole row by put, the last of several with one key', async () => {
      await write((tx) => tx.put(berths, [{ ...free(1), lit: true }, free(2), { ...free(1), depth: 3 }] as never));
      expect(await all()).toEqual([{ ...free(1), depth: 3 }, free(2)]);
    });

    it('throws persistence.row.conflict for a put or patch in the way of a unique index, and then nothing of the transaction stays', async () => {
      await write((tx) => tx.put(berths, [taken(1, 'Belem'), { ...free(2), ship: 'Belem' }] as never));
      expect(await codeOf(write((tx) => tx.put(berths, [taken(3, 'Belem')] as never)))).toBe('persistence.row.conflict conflict');
      expect(await codeOf(write((tx) => tx.patch(berths, [{ harbour: 'brest', number: 2, state: 'taken' }])))).toBe(
        'persistence.row.conflict conflict',
      );
      const swallowed = write(async (tx) => {
        await tx.put(captains, [{ name: 'Ann', licence: 'a' }]);
        await tx.put(berths, [taken(3, 'Belem')] as never).catch(() => undefined);
      });
      expect(await codeOf(swallowed)).toBe('persistence.row.conflict conflict');
      expect(await store.read((tx) => tx.count(captains, {}))).toBe(0);
      expect(await all()).toHaveLength(2);
    });

    it('lets a unique value move from one row to another within one put', async () => {
      await write((tx) =>
        tx.put(captains, [
          { name: 'Ann', licence: '1' },
          { name: 'Bo', licence: '2' },
        ]),
      );
      await write((tx) =>
        tx.put(captains, [
          { name: 'Ann', licence: '3' },
          { name: 'Bo', licence: '1' },
        ]),
      );
      await write(async (tx) => {
        await tx.remove(captains, { name: 'Ann' });
        expect(await tx.insert(captains, [{ name: 'Cy', licence: '3' }])).toEqual(new Set(['Cy']));
      });
      expect(await store.read((tx) => tx.find(captains, {}, { orderBy: { name: 'asc' } }))).toEqual([
        { name: 'Bo', licence: '1' },
        { name: 'Cy', licence: '3' },
      ]);
    });

    it('patches only the named columns of rows that exist, and says how many there were', async () => {
      await write((tx) =>
        tx.insert(berths, [
          { ...free(1), lit: true, depth: 1, since: 5 },
          { ...free(2), depth: 2 },
        ] as never),
      );
      const there = await write((tx) =>
        tx.patch(berths, [
          { harbour: 'brest', number: 1, depth: undefined, papers: { a: 1 } },
          { harbour: 'brest', number: 2, depth: 7, papers: undefined },
          { harbour: 'brest', number: 3, depth: 9, papers: undefined },
        ]),
      );
      expect(there).toBe(2);
      expect(await all()).toEqual([
        { ...free(1), lit: true, since: 5, papers: { a: 1 } },
        { ...free(2), depth: 7 },
      ]);
      expect(
        await codeOf(
          write((tx) =>
            tx.patch(berths, [
              { harbour: 'brest', number: 1, lit: true },
              { harbour: 'brest', number: 2, depth: 1 },
            ]),
          ),
        ),
      ).toBe('persistence.row.invalid bug');
    });

    it('finds by equality, sets, ranges and absence', async () => {
      await write((tx) =>
        tx.insert(berths, [1, 2, 3, 4, 5].map((n) => ({ ...free(n), ...(n > 1 ? { since: n * 1_000, ship: `s${n}` } : {}) })) as never),
      );
      const numbers = async (where: object, options: object = {}) =>
        (await store.read((tx) => tx.find(berths, where, { orderBy: { number: 'asc' }, ...options }))).map((row) => row.number);
      expect(await numbers({ number: 2 })).toEqual([2]);
      expect(await numbers({ number: [1, 5, 9] })).toEqual([1, 5]);
      expect(await numbers({ harbour: ['brest'], number: [2, 4] })).toEqual([2, 4]);
      expect(await numbers({ number: [] })).toEqual([]);
      expect(await numbers({ since: { gt: 2_000, lte: 4_000 } })).toEqual([3, 4]);
      expect(await numbers({ since: { gte: 2_000, lt: 4_000 } })).toEqual([2, 3]);
      expect(await numbers({ since: null })).toEqual([1]);
      expect(await numbers({ since: { not: null } })).toEqual([2, 3, 4, 5]);
      expect(await numbers({ ship: { not: 's3' } })).toEqual([1, 2, 4, 5]);
      expect(await numbers({ ship: ['s2', 's5'], state: undefined })).toEqual([2, 5]);
      expect(await numbers({}, { orderBy: { since: 'desc' }, limit: 2 })).toEqual([1, 5]);
      expect(await numbers({}, { orderBy: { since: 'asc' } })).toEqual([2, 3, 4, 5, 1]);
      expect(await store.read((tx) => tx.count(berths, { number: { gte: 3 } }))).toBe(3);
      expect(await store.read((tx) => tx.find(berths, { number: 2 }, { only: ['since', 'lit'] }))).toEqual([{ since: 2_000 }]);
    });

    it('sorts text by its code points, whatever the language of the machine', async () => {
      await write((tx) =>
        tx.insert(
          captains,
          ['b', 'B', 'é', 'a', '-a', 'Z'].map((name) => ({ name, licence: name })),
        ),
      );
      expect((await store.read((tx) => tx.find(captains, {}, { orderBy: { name: 'asc' } }))).map((row) => row.name)).toEqual([
        '-a',
        'B',
        'Z',
        'a',
        'b',
        'é',
      ]);
    });

    it('removes what matches, and refuses a removal with a forgotten value', async () => {
      await write((tx) => tx.insert(berths, [1, 2, 3].map((n) => free(n)) as never));
      expect(await write((tx) => tx.remove(berths, { number: { gt: 1 } }))).toBe(2);
      expect(await codeOf(write((tx) => tx.remove(berths, { number: undefined })))).toBe('persistence.row.invalid bug');
      expect(await all()).toHaveLength(1);
    });

    it('reads its own writes, hides them from others until the commit, and leaves nothing after a throw', async () => {
      const failing = write(async (tx) => {
        await tx.insert(berths, [free(1)] as never);
        await tx.send([{ subject: 'a.b', id: '1', body: {} }]);
        expect(await tx.fresh('x', ['m'])).toEqual(new Set(['m']));
        expect(await tx.find(berths, {})).toHaveLength(1);
        expect(await all()).toHaveLength(0);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await all()).toHaveLength(0);
      expect(await subject.sent()).toEqual([]);
      expect(await write((tx) => tx.fresh('x', ['m']))).toEqual(new Set(['m']));
    });

    it('serialises transactions that hold the same lock', async () => {
      await write((tx) => tx.insert(berths, [{ ...free(1), tonnage: 0 }] as never));
      const raise = () =>
        write(async (tx) => {
          await tx.lock('b', 'a');
          const [row] = await tx.find(berths, { number: 1 });
          await tx.patch(berths, [{ harbour: 'brest', number: 1, tonnage: (row?.tonnage ?? 0) + 1 }]);
        });
      await Promise.all(Array.from({ length: 20 }, raise));
      expect((await all())[0]?.tonnage).toBe(20);
    });

    it('writes messages into the outbox in order, bodies with their keys in order', async () => {
      const many = Array.from({ length: 2_500 }, (_, n) => ({
        subject: `s.${n}`,
        id: `m${n}`,
        body: { z: n, a: 'x\ny', left: undefined },
      }));
      await write(async (tx) => {
        await tx.send([{ subject: 'first', id: 'f', body: [1], headers: { traceparent: 't' } }]);
        await tx.send([]);
        await tx.send(many);
      });
      const sent = await subject.sent();
      expect(sent).toHaveLength(2_501);
      expect(sent[0]).toEqual({ subject: 'first', id: 'f', body: [1], headers: { traceparent: 't' } });
      expect(sent.slice(1).map((message) => message.id)).toEqual(many.map((message) => message.id));
      expect(JSON.stringify(sent[2_500]?.body)).toBe('{"z":2499,"a":"x\\ny"}');
    });

    it('tells fresh messages from handled ones, per consumer', async () => {
      expect(await write((tx) => tx.fresh('EVT/policy', ['1', '2', '2']))).toEqual(new Set(['1', '2']));
      expect(await write((tx) => tx.fresh('EVT/policy', ['2', '3']))).toEqual(new Set(['3']));
      expect(await write((tx) => tx.fresh('EVT/scheduler', ['2']))).toEqual(new Set(['2']));
      expect(await write((tx) => tx.fresh('EVT/policy', []))).toEqual(new Set());
    });

    it('takes many rows in one call, and none', async () => {
      const rows = Array.from({ length: 3_456 }, (_, n) => free(n, { papers: { a: n } }));
      expect((await write((tx) => tx.insert(berths, rows as never))).size).toBe(3_456);
      await write((tx) => tx.put(berths, rows.map((row) => ({ ...row, lit: true })) as never));
      expect(
        await write((tx) =>
          tx.patch(
            berths,
            rows.map(({ harbour, number }) => ({ harbour, number, depth: number / 2 })),
          ),
        ),
      ).toBe(3_456);
      expect(await store.read((tx) => tx.count(berths, { lit: true, depth: { gte: 1_000 } }))).toBe(1_456);
      expect(
        await write(async (tx) => [
          (await tx.insert(berths, [])).size,
          await tx.put(berths, []),
          await tx.patch(berths, []),
          await tx.remove(berths, { number: [] }),
        ]),
      ).toEqual([0, undefined, 0, 0]);
    });
  });
}
