import { checkDuration, parseDuration, SlipwayError } from '@slipway/core';

const INSTANT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?$/;

/** `2h`, or a moment like `2026-11-24T09:00` (of this machine's clock, unless it names a zone), in epoch milliseconds. */
export function parseUntil(text: string, now: number): number {
  if (INSTANT.test(text)) {
    const at = Date.parse(text.replace(' ', 'T'));
    if (!Number.isNaN(at)) return at;
  } else if (checkDuration(text) === undefined) return now + parseDuration(text);
  throw new SlipwayError({
    code: 'cli.until.invalid',
    kind: 'invalid',
    message: `--until takes a span like 2h, 30m or 3d, or a moment like 2026-11-24T09:00; got ${text}`,
  });
}
