import { formatInstant, SlipwayError } from '@slipway/core';

/** What is to last longer is no exception any more, and belongs into a policy. */
const EXPIRY_MS_MAX = 400 * 86_400_000;

/** Throws when a fact would end in the past or as good as never. */
export function checkExpiry(what: string, code: string, expiresAt: number, now: number): void {
  const wrong =
    expiresAt <= now
      ? `${formatInstant(expiresAt)} has passed; it is ${formatInstant(now)}`
      : expiresAt - now > EXPIRY_MS_MAX
        ? `${formatInstant(expiresAt)} is more than 400 days away; what lasts that long belongs into a policy`
        : undefined;
  if (wrong !== undefined) throw new SlipwayError({ code: `policy.${code}.expiry`, kind: 'invalid', message: `${what}: ${wrong}` });
}
