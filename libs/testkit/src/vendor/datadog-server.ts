import { z } from 'zod';
import { VendorServer, type VendorReply, type VendorRequestSeen } from './vendor-server.js';

/** A group that a query gives: its tags and its points, `[milliseconds, value]`. */
export interface PlantedGroup {
  tags: Record<string, string>;
  points: [number, number | null][];
}

const scalarRequestSchema = z.strictObject({
  data: z.strictObject({
    type: z.literal('scalar_request'),
    attributes: z.strictObject({
      from: z.int(),
      to: z.int(),
      queries: z.array(
        z.strictObject({
          data_source: z.literal('metrics'),
          name: z.string(),
          query: z.string(),
          aggregator: z.enum(['avg', 'min', 'max', 'sum', 'last', 'percentile', 'mean', 'l2norm', 'area']),
        }),
      ),
      formulas: z.array(z.strictObject({ formula: z.string() })),
    }),
  }),
});

/** Times in seconds are below this, times in milliseconds above: from 1973 on, and until the year 5138. */
const SECONDS_BELOW = 1e11;
const UNIT = { family: 'general', name: 'request', plural: 'requests', scale_factor: 1, short_name: 'req', id: 10 };

/**
 * A stand-in for Datadog's metric queries. Datadog's document is not at hand: requests are judged by the schema here, and answers have the shape of
 * recorded ones.
 */
export class DatadogServer extends VendorServer {
  readonly keys = { apiKey: 'datadog-api-key-of-a-test', applicationKey: 'datadog-application-key-of-a-test' };
  private readonly planted = new Map<string, PlantedGroup[]>();

  /** From now on this query gives these groups. */
  plant(query: string, groups: PlantedGroup[]): void {
    this.planted.set(query, groups);
  }

  protected override answer(request: VendorRequestSeen): VendorReply {
    const { 'dd-api-key': apiKey, 'dd-application-key': applicationKey } = request.headers;
    if (apiKey !== this.keys.apiKey || applicationKey !== this.keys.applicationKey) return { status: 403, body: { errors: ['Forbidden'] } };
    if (request.method === 'GET' && request.path === '/api/v1/query') return this.timeseries(request);
    if (request.method === 'POST' && request.path === '/api/v2/query/scalar') return this.scalar(request);
    this.violations.push(`${request.method} ${request.path}: no such operation`);
    return { status: 404, body: { errors: ['Not found'] } };
  }

  private timeseries({ query: asked }: VendorRequestSeen): VendorReply {
    const [from, to, query = ''] = [Number(asked.get('from')), Number(asked.get('to')), asked.get('query') ?? undefined];
    if (!Number.isInteger(from) || !Number.isInteger(to) || to >= SECONDS_BELOW || from >= to)
      this.violations.push(`v1 query: from ${asked.get('from')} to ${asked.get('to')} are no seconds`);
    const groups = this.planted.get(query);
    const named = {
      query,
      from_date: from * 1_000,
      to_date: to * 1_000,
      res_type: 'time_series',
      resp_version: 1,
      message: '',
      group_by: [],
    };
    // As Datadog does, with 200.
    if (!groups)
      return { status: 200, body: { ...named, status: 'error', error: `Error parsing query: unable to parse ${query}`, series: [] } };
    const series = groups.map(({ tags, points }) => {
      const pointlist = within(points, from * 1_000, to * 1_000);
      const tagSet = Object.entries(tags).map(([name, value]) => `${name}:${value}`);
      return {
        ...{ metric: 'shop.requests', display_name: 'shop.requests', expression: query, aggr: 'avg', query_index: 0, attributes: {} },
        ...{ scope: tagSet.join(',') || '*', tag_set: tagSet, interval: 20, unit: [UNIT, null] },
        ...{ start: from * 1_000, end: to * 1_000 - 1, length: pointlist.length, pointlist },
      };
    });
    return { status: 200, body: { ...named, status: 'ok', series: series.filter((one) => one.length > 0) } };
  }

  private scalar({ body }: VendorRequestSeen): VendorReply {
    const parsed = scalarRequestSchema.safeParse(body);
    if (!parsed.success) {
      this.violations.push(`v2 scalar: ${z.prettifyError(parsed.error)}`);
      return { status: 400, body: { errors: ['Invalid request'] } };
    }
    const { from, to, queries, formulas } = parsed.data.data.attributes;
    if (from < SECONDS_BELOW || from >= to) this.violations.push(`v2 scalar: from ${from} to ${to} are no milliseconds`);
    const byName = new Map<string, { tags: Record<string, string>; value: number | null }[]>();
    for (const { name, query, aggregator } of queries) {
      const groups = this.planted.get(query);
      if (!groups) return { status: 400, body: { errors: [{ title: 'Generic Error', detail: `unable to parse ${query}` }] } };
      byName.set(
        name,
        groups.map(({ tags, points }) => ({ tags, value: aggregated(aggregator, within(points, from, to)) })),
      );
    }
    const formula = formulas[0]?.formula ?? '';
    const [, left = formula, operator, right = ''] = /^(\w+)\s*([/*+-])\s*(\w+)$/.exec(formula) ?? [];
    const rows = byName.get(left) ?? [];
    const others = byName.get(right);
    const values = rows.map(({ value }, row) =>
      operator === undefined ? value : calculated(operator, value, others?.[row]?.value ?? Number(right)),
    );
    const tagNames = Object.keys(rows[0]?.tags ?? {});
    const groupColumns = tagNames.map((name) => ({ name, type: 'group', values: rows.map(({ tags }) => [tags[name] ?? '']) }));
    const numbers = { name: formula, type: 'number', values, meta: { unit: [UNIT, null] } };
    return { status: 200, body: { data: { id: '0', type: 'scalar_response', attributes: { columns: [...groupColumns, numbers] } } } };
  }
}

const within = (points: PlantedGroup['points'], from: number, to: number): PlantedGroup['points'] =>
  points.filter(([at]) => at >= from && at < to);

function aggregated(aggregator: string, points: PlantedGroup['points']): number | null {
  const values = points.flatMap(([, value]) => (value === null ? [] : [value]));
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.length === 0) return null;
  if (aggregator === 'sum') return sum;
  if (aggregator === 'max') return Math.max(...values);
  if (aggregator === 'min') return Math.min(...values);
  return aggregator === 'last' ? (values.at(-1) ?? null) : sum / values.length;
}

function calculated(operator: string, left: number | null, right: number | null): number | null {
  if (left === null || right === null) return null;
  if (operator === '/') return right === 0 ? null : left / right;
  if (operator === '*') return left * right;
  return operator === '+' ? left + right : left - right;
}
