import { RRuleTemporal } from 'rrule-temporal';
import { nearestName } from '../text/nearest.js';
import { isTimezone, toInstants, toLocalMs } from '../text/instant.js';

/*
 * RFC 5545 recurrence in the wall time of one zone. The library expands the rule over wall times (as if they were UTC); each wall time
 * then becomes an instant, so that daylight saving is settled in one place: what clocks jump over is read with the offset before the
 * gap, what clocks repeat is the first of the two, and both for rules that recur hourly.
 */

/** Occurrences are computed and remembered for spans of this length. */
export const SPAN_MS = 28 * 86_400_000;
/** A window that opens more often than this within one span is no window. */
const OCCURRENCES_PER_SPAN_MAX = 5_000;
/** Most recurrences that are remembered; each keeps some spans. */
const REMEMBERED_MAX = 512;
const SPANS_REMEMBERED_MAX = 200;
/** A Monday, long before any fact: where recurrences without DTSTART count from. */
const EPOCH_MONDAY_MS = Date.UTC(1970, 0, 5);

const WEEKDAY = '(?:MO|TU|WE|TH|FR|SA|SU)';
const list = (item: string) => new RegExp(`^${item}(?:,${item})*$`);
const upTo =
  (max: number, signed: boolean, min = 1) =>
  (text: string) =>
    text
      .split(',')
      .every((part) => (signed ? /^[+-]?\d+$/ : /^\d+$/).test(part) && Math.abs(Number(part)) >= min && Math.abs(Number(part)) <= max);

/** What each part of a rule may hold. The library drops what it does not understand, which would open or close a window silently. */
const PARTS: Record<string, (text: string) => boolean> = {
  FREQ: (text) => ['YEARLY', 'MONTHLY', 'WEEKLY', 'DAILY', 'HOURLY'].includes(text),
  INTERVAL: upTo(10_000, false),
  COUNT: upTo(100_000, false),
  UNTIL: (text) => /^\d{8}(?:T\d{6}Z?)?$/.test(text),
  BYHOUR: upTo(23, false, 0),
  BYMINUTE: upTo(59, false, 0),
  BYSECOND: upTo(59, false, 0),
  BYDAY: (text) => list(`[+-]?\\d{0,2}${WEEKDAY}`).test(text),
  BYMONTH: upTo(12, false),
  BYMONTHDAY: upTo(31, true),
  BYYEARDAY: upTo(366, true),
  BYWEEKNO: upTo(53, true),
  BYSETPOS: upTo(366, true),
  WKST: (text) => new RegExp(`^${WEEKDAY}$`).test(text),
};

export interface Recurrence {
  /** Starts, as instants in order, whose wall time lies in span `index` (spans count from the epoch in wall time). */
  startsIn(index: number): readonly number[];
}

const remembered = new Map<string, Recurrence>();

/** `FREQ=…` with optional DTSTART and EXDATE lines → recurrence in `timezone`. Throws an `Error` that says what would be right. */
export function parseRecurrence(text: string, timezone: string): Recurrence {
  const key = `${timezone} ${text}`;
  let known = remembered.get(key);
  if (!known) {
    known = recurrenceOf(text, timezone);
    const oldest = remembered.size >= REMEMBERED_MAX ? remembered.keys().next().value : undefined;
    if (oldest !== undefined) remembered.delete(oldest);
    remembered.set(key, known);
  }
  return known;
}

function recurrenceOf(text: string, timezone: string): Recurrence {
  if (!isTimezone(timezone)) throw new Error(`"${timezone}" is not a time zone; write one like Europe/Berlin or UTC`);
  const lines = linesOf(text);
  const parts = partsOf(lines.rule);
  const start = lines.start === undefined ? EPOCH_MONDAY_MS : localOf(lines.start, timezone);
  if (lines.start === undefined && parts.has('COUNT'))
    throw new Error('COUNT needs a DTSTART to count from; write DTSTART:20260105T090000 before it');
  const excluded = new Set(lines.excluded.map((stamp) => localOf(stamp, timezone)));
  const until = parts.get('UNTIL');
  if (until !== undefined) parts.set('UNTIL', stampOf(localOf(until.length === 8 ? `${until}T235959` : until, timezone)));
  const rule = new RRuleTemporal({
    rruleString: `DTSTART:${stampOf(start)}\nRRULE:${[...parts].map(([name, value]) => `${name}=${value}`).join(';')}`,
  });
  const hourly = parts.get('FREQ') === 'HOURLY';
  const spans = new Map<number, readonly number[]>();
  return {
    startsIn(index) {
      let starts = spans.get(index);
      if (!starts) {
        starts = expand(rule, index, (local) => !excluded.has(local)).flatMap((local) =>
          toInstants(local, timezone).slice(0, hourly ? 2 : 1),
        );
        starts = [...new Set(starts)].sort((a, b) => a - b);
        if (spans.size >= SPANS_REMEMBERED_MAX) spans.clear();
        spans.set(index, starts);
      }
      return starts;
    },
  };
}

function expand(rule: RRuleTemporal, index: number, keep: (local: number) => boolean): number[] {
  const from = index * SPAN_MS;
  const occurrences = rule.between(new Date(from), new Date(from + SPAN_MS), true);
  if (occurrences.length > OCCURRENCES_PER_SPAN_MAX)
    throw new Error(`it recurs more than ${OCCURRENCES_PER_SPAN_MAX} times in 28 days; use fewer, longer windows`);
  return occurrences.map((occurrence) => Number(occurrence.epochMilliseconds)).filter((local) => local < from + SPAN_MS && keep(local));
}

interface Lines {
  rule: string;
  start?: string;
  excluded: string[];
}

function linesOf(text: string): Lines {
  const lines: Lines = { rule: '', excluded: [] };
  for (const line of text.trim().split(/\s+/)) {
    const [, name, parameters, value] = /^(DTSTART|RRULE|EXDATE)((?:;[^:]*)?):(.*)$/.exec(line) ?? [];
    if (name === undefined && line.includes(':')) throw new Error(`"${line}" is not understood; there are DTSTART, RRULE and EXDATE lines`);
    if (parameters) throw new Error(`"${line}": write the time zone in timezone, and ${name}:20260105T090000 here`);
    if (name === 'DTSTART') lines.start = value!;
    else if (name === 'EXDATE') lines.excluded.push(...value!.split(','));
    else if (lines.rule) throw new Error('there is more than one rule; write one window rule for each');
    else lines.rule = value ?? line;
  }
  return lines;
}

function partsOf(rule: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of rule.split(';').filter((text) => text !== '')) {
    const [name = '', value = ''] = part.toUpperCase().split('=');
    const holds = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
    if (!holds) {
      const nearest = nearestName(name, Object.keys(PARTS));
      throw new Error(`there is no "${name}" in a recurrence rule${nearest ? `; did you mean ${nearest}?` : ''}`);
    }
    if (!holds(value))
      throw new Error(`"${part}" is not right${name === 'FREQ' ? '; there are YEARLY, MONTHLY, WEEKLY, DAILY and HOURLY' : ''}`);
    if (parts.has(name)) throw new Error(`"${name}" stands there twice`);
    parts.set(name, value);
  }
  if (!parts.has('FREQ')) throw new Error('FREQ is missing; write a rule like FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=9');
  return parts;
}

/** `20260105T090000` (wall time), `…Z` (an instant) or `20260105` → wall time as if it were UTC. */
function localOf(stamp: string, timezone: string): number {
  const [, year, month, day, hour, minute, second, utc] = /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?$/.exec(stamp) ?? [];
  if (year === undefined) throw new Error(`"${stamp}" is not a date; write 20260105T090000`);
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0));
  return utc ? toLocalMs(ms, timezone) : ms;
}

function stampOf(localMs: number): string {
  return new Date(localMs)
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z');
}
