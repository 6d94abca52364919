import type { RuleResult } from '../model/decision.js';
import type { WindowRule } from '../model/policy.js';
import { formatInstant, toInstants, toLocalMs } from '../text/instant.js';
import type { Recurrence } from './recurrence.js';
import { parseRecurrence, SPAN_MS } from './recurrence.js';
import type { RuleContext } from './rule-result.js';
import { earliest, undecided } from './rule-result.js';

/** How far ahead an opening is looked for: past every leap year, in spans of 28 days (12 years). */
const SPANS_AHEAD_MAX = 157;
/** A run of windows that touch each other is followed for about a year; then it is simply asked again. */
const RUN_SPANS_MAX = 13;
const DAY_MS = 86_400_000;

/** Whether occurrences cover an instant, and until when that stays so. */
interface Cover {
  covered: boolean;
  /** Absent: not covered again as far as is looked. */
  until?: number;
}

/** An `allow` window is open while an occurrence lasts; a `deny` window blocks meanwhile. Several windows combine like all rules: all must allow. */
export function evaluateWindow(rule: WindowRule, { now }: RuleContext): RuleResult {
  let answer: { open: boolean; until?: number };
  try {
    const recurrence = parseRecurrence(rule.rrule, rule.timezone);
    if (rule.mode === 'deny') {
      const cover = coverAt(recurrence, rule.durationMs, now);
      answer = { open: !cover.covered, ...(cover.until === undefined ? {} : { until: cover.until }) };
    } else answer = allowAt(rule, recurrence, now);
  } catch (error) {
    if (error instanceof Error) return undecided(rule.kind, error.message);
    throw error;
  }
  const at = answer.until === undefined ? '' : formatInstant(answer.until, rule.timezone);
  if (answer.open) {
    return { rule: rule.kind, verdict: 'allowed', sentence: at ? `open until ${at}` : 'open', reevaluateAt: answer.until ?? nextLook(now) };
  }
  if (answer.until === undefined) {
    return {
      rule: rule.kind,
      verdict: 'denied',
      sentence: 'closed, does not open again',
      needs: { what: 'a window that opens again' },
      reevaluateAt: nextLook(now),
    };
  }
  return {
    rule: rule.kind,
    verdict: 'waiting',
    sentence: `closed, opens ${at}`,
    saw: { timezone: rule.timezone },
    reevaluateAt: answer.until,
  };
}

/** Where nothing is found ahead, the next span may bring what lies just beyond it. */
function nextLook(now: number): number {
  return (Math.floor(now / SPAN_MS) + 1) * SPAN_MS;
}

function allowAt(rule: WindowRule, recurrence: Recurrence, now: number): { open: boolean; until?: number } {
  const holidays = new Set(rule.holidays);
  const first = openFrom(rule, recurrence, holidays, now);
  if (first === undefined) return { open: false };
  if (first > now) return { open: false, until: first };
  const closes = coverAt(recurrence, rule.durationMs, now).until;
  const until = earliest([closes, nextHoliday(holidays, rule.timezone, now)]);
  return { open: true, ...(until === undefined ? {} : { until }) };
}

/** The first instant from `from` on that lies in an occurrence and in no holiday. */
function openFrom(rule: WindowRule, recurrence: Recurrence, holidays: ReadonlySet<string>, from: number): number | undefined {
  let at = from;
  // Each round passes a holiday or a closed stretch; more rounds than two for each holiday cannot be.
  for (let round = 0; round <= 2 * holidays.size + 2; round++) {
    const cover = coverAt(recurrence, rule.durationMs, at);
    if (!cover.covered) {
      if (cover.until === undefined) return undefined;
      at = cover.until;
    }
    if (!holidays.has(localDate(at, rule.timezone))) return at;
    at = dayAfter(at, rule.timezone);
  }
  return undefined;
}

function coverAt(recurrence: Recurrence, durationMs: number, now: number): Cover {
  const from = Math.floor((now - durationMs) / SPAN_MS) - 1;
  const here = Math.floor(now / SPAN_MS);
  let until: number | undefined;
  for (let index = from; index <= here + SPANS_AHEAD_MAX; index++) {
    for (const start of recurrence.startsIn(index)) {
      const end = start + durationMs;
      if (end <= now) continue;
      if (start > (until ?? now)) return until === undefined ? { covered: false, until: start } : { covered: true, until };
      until = Math.max(until ?? end, end);
    }
    // Starts of the next span may lie up to a day before its grid line (zones), so a run that ended earlier is over.
    if (until !== undefined && (until < (index + 1) * SPAN_MS - DAY_MS || index > here + RUN_SPANS_MAX)) return { covered: true, until };
  }
  return until === undefined ? { covered: false } : { covered: true, until };
}

function localDate(instant: number, timezone: string): string {
  return new Date(toLocalMs(instant, timezone)).toISOString().slice(0, 10);
}

function dayAfter(instant: number, timezone: string): number {
  const midnight = Math.floor(toLocalMs(instant, timezone) / DAY_MS) * DAY_MS;
  return toInstants(midnight + DAY_MS, timezone)[0]!;
}

function nextHoliday(holidays: ReadonlySet<string>, timezone: string, now: number): number | undefined {
  const starts = [...holidays].map((date) => toInstants(new Date(`${date}T00:00:00Z`).getTime(), timezone)[0]!);
  return earliest(starts.filter((start) => start > now));
}
