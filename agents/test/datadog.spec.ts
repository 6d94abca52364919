import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { datadogProviderSchema } from '@slipway/contracts';
import { DatadogServer, TEST_CERTIFICATE, type PlantedGroup } from '@slipway/testkit';
import fc from 'fast-check';
import { readScalar, readTimeseries } from '../src/providers/datadog-answer.js';
import { datadogProvider } from '../src/providers/datadog.js';
import type { Probe } from '../src/providers/provider.js';
import { VendorClients } from '../src/vendor/vendor-clients.js';
import { HurriedTime } from './hurried-time.js';
import { probeContext } from './probe-context.js';

const MINUTE = 60_000;
const ERRORS = 'sum:shop.errors{env:prod} by {host}.as_count()';
const HITS = 'sum:shop.hits{env:prod} by {host}.as_count()';

let server: DatadogServer;
let time: HurriedTime;
beforeEach(async () => {
  server = await new DatadogServer().start();
  time = new HurriedTime(1);
});
afterEach(async () => {
  await server.stop();
  expect(server.violations).toEqual([]);
});

const keyReferences = { apiKey: 'env:DD_API_KEY', applicationKey: 'env:DD_APP_KEY' };
const config = (more: object) => ({ type: 'datadog', site: server.url, ...keyReferences, ...more });
const provider = () => datadogProvider(new VendorClients({ clock: time, timers: time, random: () => 0.5 }));
const ask = (more: object, secrets: Record<string, string> = server.keys): Promise<Probe> =>
  provider().probe(config(more), probeContext(secrets, { clock: time, timers: time }));

/** One point each minute, so many minutes ago: `{ 5: 1 }`. */
const group = (tags: Record<string, string>, minutesAgo: Record<number, number | null>): PlantedGroup => ({
  tags,
  points: Object.entries(minutesAgo)
    .map(([minutes, value]): [number, number | null] => [time.now() - Number(minutes) * MINUTE, value])
    .sort(([a], [b]) => a - b),
});
const timeseries = (reduce: string, more: object = {}) => ({ query: ERRORS, window: { last: '10m', reduce }, ...more });
const scalar = (more: object = {}) => ({ queries: { errors: { query: ERRORS, aggregator: 'sum' } }, window: { last: '10m' }, ...more });

describe('the datadog provider with a time series', () => {
  it('makes one value of the points in the window, which ends where Datadog has taken in all', async () => {
    server.plant(ERRORS, [group({ host: 'web-1' }, { 15: 100, 9: 4, 7: null, 5: 2, 3: 6, 1: 1_000 })]);
    const values = ['max', 'min', 'avg', 'sum', 'count', 'first', 'last'].map(async (reduce) => {
      const probe = await ask(timeseries(reduce));
      return (probe as { result: { value: number } }).result.value;
    });
    expect(await Promise.all(values)).toEqual([6, 2, 4, 12, 3, 4, 6]);
    expect(await ask(timeseries('max', { window: { last: '10m', delay: '0', reduce: 'max' } }))).toMatchObject({
      result: { value: 1_000 },
    });
    const probe = (await ask(timeseries('max'))) as { result: { from: string; to: string } };
    expect(probe).toMatchObject({ result: { labels: { host: 'web-1' }, series: 1, withoutData: 0 } });
    expect(Date.parse(probe.result.to) - Date.parse(probe.result.from)).toBe(10 * MINUTE);
  });

  it('has no data where there is no series, no point, or only null', async () => {
    server.plant(ERRORS, []);
    expect(await ask(timeseries('max'))).toEqual({ noData: expect.stringMatching(/^the query gave nothing for 20.*Z to 20.*Z$/) });
    server.plant(ERRORS, [group({}, { 1: 5 })]);
    expect(await ask(timeseries('max'))).toMatchObject({ noData: expect.stringContaining('gave nothing') });
    server.plant(ERRORS, [group({}, { 5: null, 3: null })]);
    expect(await ask(timeseries('max'))).toMatchObject({ noData: expect.stringContaining('one group without a value') });
  });

  it('takes an error for one though it comes with 200', async () => {
    expect(await ask(timeseries('max'))).toEqual({
      error: expect.stringMatching(/^Datadog could not carry out the query: Error parsing query/),
    });
  });
});

describe('the datadog provider with single values', () => {
  it('gives the formula over its queries', async () => {
    server.plant(ERRORS, [group({}, { 5: 1, 3: 2 })]);
    server.plant(HITS, [group({}, { 5: 100, 3: 200 })]);
    const queries = { errors: { query: ERRORS, aggregator: 'sum' }, hits: { query: HITS, aggregator: 'sum' } };
    expect(await ask(scalar({ queries, formula: 'errors / hits' }))).toMatchObject({ result: { value: 0.01, labels: {}, series: 1 } });
    expect(await ask(scalar())).toMatchObject({ result: { value: 3 } });
  });

  it('reads groups, each with all its tags, and makes one value of them only as it is told', async () => {
    server.plant(ERRORS, [
      group({ host: 'web-1', zone: 'a' }, { 5: 1 }),
      group({ host: 'web-2', zone: 'b' }, { 5: 5 }),
      group({ host: 'web-3', zone: 'b' }, { 1: 9 }),
    ]);
    expect(await ask(scalar())).toEqual({
      error: expect.stringMatching(/^the query gave 3 series \(\{host="web-1", zone="a"\}, .*write reduce: max, min, avg, sum or count$/),
    });
    expect(await ask(scalar({ reduce: 'max' }))).toMatchObject({
      result: { value: 5, labels: { host: 'web-2', zone: 'b' }, series: 3, withoutData: 1, each: [{ value: 1 }, { value: 5 }] },
      remark: '1 of 3 groups without a value',
    });
    expect(await ask(scalar({ reduce: 'sum' }))).toMatchObject({ result: { value: 6 } });
    server.plant(ERRORS, [group({ host: 'web-1' }, { 5: 0 }), group({ host: 'web-2' }, { 5: null })]);
    // The one that has a value is not taken for all.
    expect(await ask(scalar())).toMatchObject({ error: expect.stringContaining('gave 2 series') });
    server.plant(ERRORS, [group({ host: 'web-1' }, { 5: null }), group({ host: 'web-2' }, { 5: null })]);
    expect(await ask(scalar({ reduce: 'max' }))).toMatchObject({ noData: expect.stringContaining('2 groups without a value') });
    server.plant(ERRORS, []);
    expect(await ask(scalar())).toMatchObject({ noData: expect.stringContaining('gave nothing') });
  });

  it('shows what Datadog says of a query', async () => {
    expect(await ask(scalar())).toEqual({ error: `Datadog answers 400: Generic Error: unable to parse ${ERRORS}` });
  });
});

describe('the datadog provider', () => {
  it('says which keys and permission it needs, and asks once', async () => {
    const wrong = { apiKey: 'not-the-key', applicationKey: server.keys.applicationKey };
    const said = expect.stringMatching(
      /^Datadog refuses the keys, 403 \(Forbidden\): both must be of 127.0.0.1:\d+, and the application key needs the permission timeseries_query$/,
    );
    expect(await ask(timeseries('max'), wrong)).toEqual({ error: said });
    expect(await ask(scalar(), wrong)).toEqual({ error: said });
    expect(server.requests).toHaveLength(2);
  });

  it('waits until it may ask again, together with all that ask', async () => {
    time = new HurriedTime(20);
    server.plant(ERRORS, [group({}, { 5: 1 })]);
    const reply = {
      status: 429,
      body: { errors: ['Rate limit of 100 requests in 3600 seconds reached'] },
      headers: { 'x-ratelimit-reset': '5' },
    };
    server.misbehave({ path: /query/, instead: reply });
    expect(await ask(timeseries('max'))).toMatchObject({ result: { value: 1 } });
    expect(server.requests).toHaveLength(2);
    time = new HurriedTime(200);
    const shared = provider();
    server.misbehave({ path: /query/, instead: { ...reply, headers: { 'x-ratelimit-reset': '3000' } }, times: 1_000 });
    const many = Array.from({ length: 20 }, () =>
      shared.probe(config(timeseries('max')), probeContext(server.keys, { clock: time, timers: time })),
    );
    for (const probe of await Promise.all(many))
      expect(probe).toMatchObject({ error: expect.stringContaining('wants fewer requests (429)') });
    expect(server.requests.length).toBeLessThanOrEqual(2 + 20);
    expect(await shared.probe(config(timeseries('max')), probeContext(server.keys, { clock: time, timers: time }))).toMatchObject({
      error: expect.stringMatching(/again in \d+ s$/),
    });
    expect(server.requests.length).toBeLessThanOrEqual(2 + 20);
  });

  it.each([
    [
      'a server error',
      { status: 500, text: '<html><title>Oops</title>' },
      /^no answer of Datadog but 500, text\/plain: a page with the title "Oops"$/,
    ],
    ['half of an answer', { status: 200, body: { data: {} } }, /^no answer of Datadog but 200/],
    ['two columns of numbers', { status: 200, body: columns(2) }, 'Datadog answers with 2 columns of numbers; one formula gives one'],
  ])('takes %s for an error', async (_what, instead, message) => {
    server.misbehave({ path: /query/, instead });
    expect(await ask(scalar())).toEqual({ error: typeof message === 'string' ? message : expect.stringMatching(message) });
    expect(server.requests).toHaveLength(1);
  });

  it('does not send its keys to a server that is not trusted', async () => {
    const secured = await new DatadogServer({ tls: true }).start();
    secured.plant(ERRORS, [group({}, { 5: 1 })]);
    expect(await ask(scalar({ site: secured.url }))).toMatchObject({ error: expect.stringContaining('is not trusted') });
    expect(secured.requests).toHaveLength(0);
    const directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-ca-'));
    writeFileSync(path.join(directory, 'ca.pem'), TEST_CERTIFICATE.cert);
    expect(await ask(scalar({ site: secured.url, caFile: path.join(directory, 'ca.pem') }), secured.keys)).toMatchObject({
      result: { value: 1 },
    });
    rmSync(directory, { recursive: true });
    await secured.stop();
    expect(secured.violations).toEqual([]);
    expect(await ask(scalar({ site: secured.url }))).toMatchObject({ error: expect.stringContaining('connection refused') });
  });

  it.each<[string, object, string]>([
    ['neither kind of query', { window: { last: '5m' } }, 'provider.query or queries: write one of them'],
    ['no way from points to a value', { query: ERRORS, window: { last: '5m' } }, 'provider.window.reduce is missing'],
    [
      'no aggregator',
      { queries: { a: { query: ERRORS } }, window: { last: '5m' } },
      'provider.queries.a.aggregator says how the window becomes',
    ],
    [
      'queries without a formula',
      { queries: { a: { query: ERRORS, aggregator: 'sum' }, b: { query: HITS, aggregator: 'sum' } }, window: { last: '5m' } },
      'provider.formula is missing; say what is made of a and b',
    ],
    ['a site that is none', { ...scalar(), site: 'datadog.eu' }, 'is no site of Datadog; did you mean datadoghq.eu?'],
    ['keys in plain text', { ...scalar(), apiKey: '0123456789abcdef' }, 'provider.apiKey what stands here is not a reference to a secret'],
  ])('refuses %s', (_what, more, message) => {
    expect(provider().validate(config(more))).toContain(message);
  });

  it('asks the site that it is told, and the owner of the agent may forbid it', () => {
    expect(provider().reaches?.(config(scalar({ site: 'us3.datadoghq.com' })))).toEqual({ servers: ['https://api.us3.datadoghq.com'] });
    expect(provider().secretReferences(config(scalar()))).toEqual(keyReferences);
  });

  it('never breaks at an answer, whatever it is', () => {
    const parsed = datadogProviderSchema.parse({ type: 'datadog', site: 'datadoghq.com', ...keyReferences, ...scalar({ reduce: 'max' }) });
    const values = fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null)));
    const column = fc.oneof(
      fc.record({ name: fc.string(), type: fc.constant('number'), values }),
      fc.record({ name: fc.string(), type: fc.constant('group'), values: fc.array(fc.array(fc.string())) }),
    );
    const point = fc.tuple(fc.double({ noNaN: true }), fc.option(fc.double({ noNaN: true })));
    const bodies = fc.oneof(
      fc.array(column).map((all) => ({ data: { attributes: { columns: all } } })),
      fc.record({ status: fc.constant('ok'), series: fc.array(fc.record({ scope: fc.string(), pointlist: fc.array(point) })) }),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(bodies, fc.constantFrom(200, 400, 403, 500), (body, status) => {
        const answer = { status, headers: {}, body: JSON.stringify(body), truncated: false };
        for (const read of [readScalar, readTimeseries]) expect(read(answer, parsed, { from: 0, to: 1 })).toBeDefined();
      }),
    );
  });
});

function columns(count: number): object {
  const column = { name: 'a', type: 'number', values: [1], meta: { unit: null } };
  return { data: { id: '0', type: 'scalar_response', attributes: { columns: Array.from({ length: count }, () => column) } } };
}
