import { z } from 'zod';

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Ten years: what is longer is a mistake, and arithmetic on times stays exact. */
const DURATION_MS_MAX = 3_650 * 86_400_000;
const PATTERN = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** Milliseconds of `90s`, `1h30m`, `1.5d`; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!PATTERN.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total <= DURATION_MS_MAX ? Math.round(total) : undefined;
}

/** The shortest way to write a duration: 90000 → `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = ms;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNIT_MS[unit] as number;
    const whole = Math.floor(rest / size);
    if (whole > 0) text += `${whole}${unit}`;
    rest -= whole * size;
  }
  return text;
}

/** What a person who wrote `10 minutes` most likely meant: `10m`. */
export function nearestDuration(value: unknown): string {
  const said = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(value));
  if (!said?.[1]) return '10m';
  const word = (said[2] ?? '').toLowerCase();
  const unit = word === '' ? 's' : word.startsWith('ms') || word.startsWith('mil') ? 'ms' : word[0];
  return unit !== undefined && unit in UNIT_MS ? `${said[1]}${unit}` : `${said[1]}m`;
}

const wrong = (value: unknown): string =>
  value === undefined
    ? 'is missing; write a duration like 10m (units: s, m, h, d)'
    : `${JSON.stringify(value)} is not a duration; write ${nearestDuration(value)} (units: s, m, h, d)`;

/** A duration as people write it, in milliseconds once parsed. */
export const durationSchema = z
  .string({ error: (issue) => wrong(issue.input) })
  .regex(/^(0|(\d+(\.\d+)?(ms|s|m|h|d))+)$/, { error: (issue) => wrong(issue.input), abort: true })
  .refine((text) => parseDuration(text) !== undefined, 'is longer than ten years; write a shorter one')
  .transform((text) => parseDuration(text) as number);
