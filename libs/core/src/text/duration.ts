const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const WHOLE = /^(?:\d+(?:ms|s|m|h|d))+$/;
const PARTS = /(\d+)(ms|s|m|h|d)/g;

/** What people mean when they spell a unit out; only used to say what would be right. */
const SPELT_OUT = /^\s*(\d+)\s*(milliseconds?|msecs?|ms|seconds?|secs?|sec|s|minutes?|mins?|min|m|hours?|hrs?|hr|h|days?|day|d)\s*$/i;

/** `1h30m`, `10m`, `500ms`, `0` → milliseconds, or undefined when it is no duration. */
function tryParse(text: string): number | undefined {
  if (text === '0') return 0;
  if (!WHOLE.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(PARTS)) ms += Number(count) * (UNITS_MS[unit!] ?? 0);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

function suggestion(text: string): string {
  const [, count, unit] = SPELT_OUT.exec(text) ?? [];
  if (!count || !unit) return '10m';
  const short = /^(milli|ms)/i.test(unit) ? 'ms' : unit[0]!.toLowerCase();
  return `${count}${short}`;
}

/** Why `text` is not a duration and what would be right, or undefined when it is one. */
export function checkDuration(text: string): string | undefined {
  if (tryParse(text) !== undefined) return undefined;
  return `"${text}" is not a duration; write ${suggestion(text)} (units: s, m, h, d)`;
}

/** `1h30m`, `10m`, `500ms` … → milliseconds. Throws an `Error` whose message says what to write instead. */
export function parseDuration(text: string): number {
  const ms = tryParse(text);
  if (ms === undefined) throw new Error(checkDuration(text));
  return ms;
}

/** Milliseconds → `1h30m`: the shortest text that `parseDuration` reads back to the same value; `0s` for zero. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.round(ms));
  if (rest === 0) return '0s';
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNITS_MS[unit]!;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
