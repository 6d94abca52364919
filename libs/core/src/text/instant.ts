/** How far a zone can be away from UTC, with room; used to look for the offset on either side of a transition. */
const DAY_MS = 86_400_000;
/** One formatter per zone and shape: making one costs more than a thousand uses. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timezone: string, options: Intl.DateTimeFormatOptions, name: string): Intl.DateTimeFormat {
  const key = `${name} ${timezone}`;
  let made = formatters.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: timezone, hourCycle: 'h23' });
    formatters.set(key, made);
  }
  return made;
}

/** Whether `Intl` knows the time zone. */
export function isTimezone(timezone: string): boolean {
  try {
    formatter(timezone, { hour: '2-digit' }, 'check');
    return true;
  } catch {
    return false;
  }
}

/** Clocks change on the quarter of an hour (since 1972 everywhere), so an offset holds for a quarter. A pure memo, emptied when full. */
const QUARTER_MS = 900_000;
const OFFSETS_MAX = 8_192;
const offsets = new Map<string, number>();

/** Local wall time of an instant, as the epoch milliseconds that the same wall time has in UTC. */
export function toLocalMs(instant: number, timezone: string): number {
  return instant + offsetAt(instant, timezone);
}

function offsetAt(instant: number, timezone: string): number {
  const quarter = Math.floor(instant / QUARTER_MS);
  const key = `${quarter} ${timezone}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    offset = readLocalMs(quarter * QUARTER_MS, timezone) - quarter * QUARTER_MS;
    if (offsets.size >= OFFSETS_MAX) offsets.clear();
    offsets.set(key, offset);
  }
  return offset;
}

/** As `Intl` says. */
function readLocalMs(instant: number, timezone: string): number {
  const options = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
  const field: Record<string, number> = {};
  for (const { type, value } of formatter(timezone, options, 'local').formatToParts(instant)) field[type] = Number(value);
  const seconds = Date.UTC(field['year']!, field['month']! - 1, field['day']!, field['hour']!, field['minute']!, field['second']!);
  return seconds + (((instant % 1000) + 1000) % 1000);
}

/**
 * The instants that a wall time names: two where clocks go back, earlier first. A wall time that clocks jump over is read with the
 * offset before the gap (RFC 5545, 3.3.5): 02:30 becomes 03:30, so that nothing that recurs daily is lost on that day.
 */
export function toInstants(localMs: number, timezone: string): number[] {
  const before = offsetAt(localMs - DAY_MS, timezone);
  const after = offsetAt(localMs + DAY_MS, timezone);
  if (before === after) return [localMs - before];
  const found = [localMs - before, localMs - after].filter((instant) => toLocalMs(instant, timezone) === localMs);
  return found.length === 0 ? [localMs - before] : found.sort((a, b) => a - b);
}

/** Sentences of the same minute are the same: a decision over many targets writes few of them. A pure memo, emptied when full. */
const sentences = new Map<string, string>();
const SENTENCES_MAX = 4096;

/** `Mon 23 Nov 09:00 Europe/Berlin`: stable whenever it is read, so that equal facts keep equal sentences (I10). */
export function formatInstant(instant: number, timezone = 'UTC'): string {
  const key = `${Math.floor(instant / 60_000)} ${timezone}`;
  let sentence = sentences.get(key);
  if (sentence === undefined) {
    sentence = writeInstant(instant, timezone);
    if (sentences.size >= SENTENCES_MAX) sentences.clear();
    sentences.set(key, sentence);
  }
  return sentence;
}

function writeInstant(instant: number, timezone: string): string {
  const options = { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } as const;
  const part: Record<string, string> = {};
  for (const { type, value } of formatter(timezone, options, 'sentence').formatToParts(instant)) part[type] = value;
  return `${part['weekday']} ${part['day']} ${part['month']} ${part['hour']}:${part['minute']} ${timezone}`;
}
