import { parseDuration, toInstants } from '@slipway/core';

/*
 * Times as people write them in cases. The week of the cases is that of Monday 23 November 2026; a time without a zone is UTC.
 */

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const MONDAY_MS = Date.UTC(2026, 10, 23);
const DAY_MS = 86_400_000;
const TIME = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun|\d{4}-\d{2}-\d{2})(?: next week)? (\d{2}):(\d{2})(?::(\d{2}))?(?: ([A-Z][\w/+-]*))?$/;

/** `Mon 08:00`, `Tue next week 08:00`, `2026-10-25 02:30 Europe/Berlin` → epoch milliseconds. Throws an `Error` that says what would be right. */
export function parseTime(text: string): number {
  const [, day, hour, minute, second, zone] = TIME.exec(text) ?? [];
  if (day === undefined) throw new Error(`"${text}" is not a time; write Mon 08:00, Mon next week 08:00 or 2026-10-25 02:30 Europe/Berlin`);
  const weekday = DAYS.indexOf(day);
  const midnight = weekday < 0 ? Date.parse(`${day}T00:00:00Z`) : MONDAY_MS + (weekday + (text.includes('next week') ? 7 : 0)) * DAY_MS;
  const local = midnight + parseDuration(`${Number(hour)}h${Number(minute)}m${Number(second ?? 0)}s`);
  return toInstants(local, zone ?? 'UTC')[0] ?? local;
}

/** As a person reads it: `Mon 23 Nov 08:00:00 UTC`. */
export function showTime(at: number): string {
  return new Date(at).toUTCString();
}
