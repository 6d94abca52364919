import { describe, expect, it } from '@jest/globals';
import { Backoff, createLog, readConfig, silentLog, systemClock, systemIds, WakeLoop } from '@slipway/runtime';
import { z } from 'zod';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ids', () => {
  it('are UUIDs of version 7 that sort in the order they were made', () => {
    const ids = Array.from({ length: 20_000 }, () => systemIds.next());
    for (const id of ids.slice(0, 100)) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('a log', () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);

  it('writes one JSON object per line, errors with code and cause, and nothing below its level', () => {
    lines.length = 0;
    const log = createLog('policy', { level: 'info', format: 'json', write });
    log.debug('no');
    log.warn('odd', { error: Object.assign(new Error('a\nb', { cause: new Error('c') }), { code: 'x.y' }), n: 1n });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      level: 'warn',
      name: 'policy',
      message: 'odd',
      error: { message: 'a\nb', code: 'x.y', cause: { message: 'c' } },
      n: '1',
    });
  });

  it('is readable when a person looks', () => {
    lines.length = 0;
    createLog('registry', { format: 'pretty', write }).info('ready', { ms: 12, url: 'nats://x', nothing: undefined });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} registry {3}ready ms=12 url=nats:\/\/x$/);
  });
});

describe('configuration from the environment', () => {
  const schema = z.object({ SLIPWAY_URL: z.url(), SLIPWAY_SIZE: z.coerce.number().int().default(3) });

  it('takes what is set, and counts an empty variable as unset', () => {
    expect(readConfig(schema, { SLIPWAY_URL: 'nats://h:1', SLIPWAY_SIZE: '', OTHER: 'x' })).toEqual({
      SLIPWAY_URL: 'nats://h:1',
      SLIPWAY_SIZE: 3,
    });
  });

  it('names every variable that is wrong', () => {
    expect(() => readConfig(schema, { SLIPWAY_SIZE: 'many' })).toThrow(/SLIPWAY_URL: must be set; SLIPWAY_SIZE: /);
  });
});

describe('backoff', () => {
  it('doubles up to its longest, less a third at most, and begins anew after success', () => {
    const full = new Backoff({ firstMs: 100, maxMs: 500 }, () => 0);
    expect([full.next(), full.next(), full.next(), full.next()]).toEqual([100, 200, 400, 500]);
    full.reset();
    expect(full.next()).toBe(100);
    expect(new Backoff({ firstMs: 300, maxMs: 500 }, () => 1).next()).toBe(200);
  });
});

describe('the wake loop', () => {
  const loopOf = (wake: (now: number) => Promise<number | undefined>, sweepMs = 60_000) =>
    new WakeLoop({ wake, clock: systemClock, ids: systemIds, log: silentLog, sweepMs });

  it('calls at the start, coalesces nudges, and calls again for a nudge during a call, never two at once', async () => {
    let calls = 0;
    let open = 0;
    let most = 0;
    let release = (): void => undefined;
    const loop = loopOf(async () => {
      calls += 1;
      most = Math.max(most, (open += 1));
      await new Promise<void>((resolve) => (release = resolve));
      open -= 1;
      return undefined;
    });
    loop.start();
    loop.nudge();
    loop.nudge();
    await turn();
    expect(calls).toBe(1);
    loop.nudge();
    loop.nudge();
    release();
    await turn();
    expect(calls).toBe(2);
    release();
    await turn();
    expect(calls).toBe(2);
    await loop.stop();
    loop.nudge();
    await turn();
    expect([calls, most]).toEqual([2, 1]);
  });

  it('calls at the time that was asked for, by the sweep otherwise, and again after an error', async () => {
    let calls = 0;
    let resolve = (_: void): void => undefined;
    const four = new Promise<void>((done) => (resolve = done));
    const loop = loopOf(async (now) => {
      calls += 1;
      if (calls === 1) return now + 5;
      if (calls === 2) throw new Error('once');
      if (calls === 3) return undefined;
      resolve();
      return undefined;
    }, 20);
    loop.start();
    await four;
    await loop.stop();
    expect(calls).toBeGreaterThanOrEqual(4);
  });
});
