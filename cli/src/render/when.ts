const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `12 s`, `3 min`, `5 h`, `3 days`: a span for people, one unit. */
export function span(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.round(ms / 1_000))} s`;
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.round(ms / HOUR_MS)} h`;
  return `${Math.round(ms / DAY_MS)} days`;
}

/** A moment as a person near it would say it: `14:12:05` today, else `Mon 09:00`, else the date. */
export function moment(at: number, now: number): string {
  const date = new Date(at);
  const time = date.toTimeString().slice(0, 8);
  if (date.toDateString() === new Date(now).toDateString()) return time;
  if (Math.abs(at - now) < 6 * DAY_MS) return `${date.toDateString().slice(0, 3)} ${time.slice(0, 5)}`;
  return `${date.toISOString().slice(0, 10)} ${time.slice(0, 5)}`;
}
