import { afterEach, describe, expect, it } from '@jest/globals';
import { VendorServer, type VendorReply, type VendorRequestSeen } from '@slipway/testkit';
import fc from 'fast-check';
import { vetoProvider } from '../src/allow-list.js';
import { readPrometheus } from '../src/providers/prometheus-answer.js';
import { prometheusProvider } from '../src/providers/prometheus.js';
import type { Probe, ProbeContext } from '../src/providers/provider.js';
import { VendorClients } from '../src/vendor/vendor-clients.js';
import { HurriedTime } from './hurried-time.js';
import { probeContext } from './probe-context.js';

/** Says what the test wants a metrics server to say; the real program is in prometheus.spec.ts. */
class SayingServer extends VendorServer {
  says: VendorReply = { status: 200, body: vector([{ metric: {}, value: [1_790_000_000, '1'] }]) };
  protected override answer(_request: VendorRequestSeen): VendorReply {
    return this.says;
  }
}
const success = (data: unknown, more: object = {}): object => ({ status: 'success', data, ...more });
const vector = (result: unknown[], more: object = {}): object => success({ resultType: 'vector', result }, more);
const one = vector([{ metric: {}, value: [1_790_000_000, '1'] }]);

let server: SayingServer;
afterEach(() => server.stop());

async function ask(says: VendorReply, config: object = {}, context: Partial<ProbeContext> = {}, time = new HurriedTime(1)): Promise<Probe> {
  server = await new SayingServer().start();
  server.says = says;
  const provider = prometheusProvider(new VendorClients({ clock: time, timers: time, random: () => 0.5 }));
  const full = { type: 'prometheus', server: `${server.url}/prefix`, query: 'up', ...config };
  return provider.probe(full, probeContext(context.secrets, { timers: time, clock: time, ...context }));
}

describe('the prometheus provider', () => {
  it('asks once, in the body, with the tenant and the credentials', async () => {
    const hidden: string[] = [];
    const config = { headers: { 'X-Scope-OrgID': 'team-a' }, basic: { username: 'u', password: 'env:P' }, timeout: '7s' };
    await ask({ status: 200, body: one }, config, {
      secrets: { 'basic password': 'pw', 'X-Extra': 'e' },
      hide: (value) => void hidden.push(value),
    });
    const [seen] = server.requests;
    expect([seen?.method, seen?.path, seen?.raw.toString()]).toEqual(['POST', '/prefix/api/v1/query', 'query=up&timeout=7000ms']);
    expect(seen?.headers).toMatchObject({ 'x-scope-orgid': 'team-a', 'x-extra': 'e', authorization: 'Basic dTpwdw==' });
    expect(hidden).toEqual(['dTpwdw==']);
    await server.stop();
    await ask({ status: 200, body: one }, { token: 'env:T' }, { secrets: { 'bearer token': 'tok' } });
    expect(server.requests[0]?.headers.authorization).toBe('Bearer tok');
  });

  it.each<[string, VendorReply, string | RegExp]>([
    [
      'a partial answer',
      { status: 200, body: { ...one, warnings: ['store 3: no such host'] } },
      /^the answer is partial, and only allowPartial: true .*store 3/,
    ],
    [
      'a native histogram',
      { status: 200, body: vector([{ metric: { job: 'a' }, histogram: [1, { count: '3', sum: '1' }] }]) },
      /^\{job="a"\} is a native histogram, which is no number; take one from it, as in histogram_quantile/,
    ],
    [
      'a server that ran out of time',
      { status: 503, body: { status: 'error', errorType: 'timeout', error: 'query timed out in expression evaluation' } },
      'Prometheus answers 503, timeout: query timed out in expression evaluation',
    ],
    [
      'a page to log in at',
      { status: 200, text: '<html><title>Log in</title>', headers: { 'content-type': 'text/html' } },
      'no answer of Prometheus but 200, text/html: a page with the title "Log in"',
    ],
    [
      'a redirect, which is not followed with a query',
      { status: 302, text: '', headers: { location: 'https://login.example.org/' } },
      'no answer of Prometheus but 302, text/plain, empty; it redirects to https://login.example.org/',
    ],
    ['another path', { status: 404, text: '404 page not found\n' }, 'no answer of Prometheus but 404, text/plain: 404 page not found'],
    [
      'more than is read',
      { status: 200, text: `"${'x'.repeat(1_100_000)}"` },
      /^no answer of Prometheus but 200, text\/plain, longer than 1 MiB/,
    ],
    [
      'an unknown kind of result',
      { status: 200, body: success({ resultType: 'streams', result: [] }) },
      /^no answer of Prometheus but 200/,
    ],
  ])('takes %s for an error', async (_what, says, message) => {
    expect(await ask(says)).toEqual({ error: typeof message === 'string' ? message : expect.stringMatching(message) });
    expect(server.requests).toHaveLength(1);
  });

  it('shows warnings and infos where they are taken', async () => {
    const partial = { ...one, warnings: ['store 3: no such host'] };
    expect(await ask({ status: 200, body: partial }, { allowPartial: true })).toMatchObject({
      result: { value: 1, warnings: ['store 3: no such host'] },
    });
    await server.stop();
    const annotated = { ...one, infos: ['PromQL info: metric might not be a counter'], warnings: ['PromQL warning: bucket label missing'] };
    expect(await ask({ status: 200, body: annotated })).toMatchObject({
      result: { value: 1, warnings: [/warning/, /info/].map((text) => expect.stringMatching(text)) },
    });
    await server.stop();
    expect(await ask({ status: 200, body: vector([], { infos: ['PromQL info: x'] }) })).toEqual({
      noData: 'the query gave no series; PromQL info: x',
    });
  });

  it('waits for a server that wants fewer requests, and not for ever', async () => {
    const time = new HurriedTime(1_000);
    const asked = ask({ status: 429, headers: { 'retry-after': '50' } }, {}, {}, time);
    expect(await asked).toMatchObject({ error: expect.stringContaining('wants fewer requests (429)') });
    expect(server.requests.length).toBeLessThanOrEqual(3);
  });

  it('asks only servers, and sends only secrets, that the owner of the agent allows', () => {
    const provider = prometheusProvider(new VendorClients({ clock: new HurriedTime(1), timers: new HurriedTime(1), random: () => 0.5 }));
    const config = { type: 'prometheus', server: 'https://metrics.example.org/prometheus', query: 'up', token: 'env:TOKEN' };
    expect(vetoProvider({ servers: ['https://metrics.example.org'], secrets: ['env:T*'] }, provider, config)).toBeUndefined();
    expect(vetoProvider({ servers: ['https://other.example.org'] }, provider, config)).toContain('the server https://metrics.example.org');
    expect(vetoProvider({ secrets: [] }, provider, config)).toContain('the secret env:TOKEN');
  });

  it('ends when the verification does', async () => {
    const stop = new AbortController();
    const asked = ask({ status: 429, headers: { 'retry-after': '100' } }, {}, { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    expect(await asked).toMatchObject({ error: expect.stringContaining('wants fewer requests') });
  });

  it('never breaks at an answer, whatever it is', () => {
    const config = {
      type: 'prometheus' as const,
      server: 'http://a',
      query: 'up',
      range: { last: 60_000, step: 15_000, reduce: 'max' as const },
    };
    const text = fc.oneof(fc.constantFrom('NaN', '+Inf', '1e400', '', ' ', '0x1', 'x'), fc.string());
    const sample = fc.tuple(fc.oneof(fc.double(), fc.constant(1e300)), text);
    const metric = fc.dictionary(fc.string(), fc.string());
    const data = fc.oneof(
      fc.record({
        resultType: fc.constant('vector'),
        result: fc.array(fc.record({ metric, value: sample }, { requiredKeys: ['metric'] })),
      }),
      fc.record({
        resultType: fc.constant('matrix'),
        result: fc.array(fc.record({ metric, values: fc.array(sample) }, { requiredKeys: ['metric'] })),
      }),
      fc.record({ resultType: fc.constantFrom('scalar', 'string'), result: sample }),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          data.map((one) => success(one)),
          fc.jsonValue(),
        ),
        fc.integer({ min: 100, max: 599 }),
        (body, status) => {
          const probe = readPrometheus({ status, headers: {}, body: JSON.stringify(body), truncated: false }, config, 1_790_000_000_000);
          expect(Object.keys(probe).some((key) => ['result', 'noData', 'error'].includes(key))).toBe(true);
        },
      ),
    );
  });
});
