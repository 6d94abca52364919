import { checkDuration, parseDuration } from '@slipway/core';
import { z } from 'zod';

/** Ten years: what is longer is a mistake, and arithmetic on times stays exact. */
const DURATION_MS_MAX = 3_650 * 86_400_000;

const wrong = (value: unknown): string =>
  value === undefined
    ? 'is missing; write a duration like 10m (units: s, m, h, d)'
    : (checkDuration(typeof value === 'number' ? `${value}s` : String(value)) ??
      `${JSON.stringify(value)} is not a duration; write ${String(value)}s (units: s, m, h, d)`);

/** A duration as people write it, in milliseconds once parsed. */
export const durationSchema = z
  .string({ error: (issue) => wrong(issue.input) })
  .regex(/^(0|(\d+(ms|s|m|h|d))+)$/, { error: (issue) => wrong(issue.input), abort: true })
  .refine((text) => parseDuration(text) <= DURATION_MS_MAX, 'is longer than ten years; write a shorter one')
  .transform((text) => parseDuration(text));
