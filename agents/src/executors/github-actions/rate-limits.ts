import type { AgentClock } from '../../ports.js';
import { retryAfter, type VendorAnswer } from '../../vendor/vendor-client.js';

/** GitHub asks for at least a minute after a secondary limit that names no time, and for more each time. */
const SECONDARY_MS = { first: 60_000, max: 900_000 };
/** A limit ends at a whole second of GitHub's clock. */
const RESET_MARGIN_MS = 1_000;
/** Of what is left until the limit is renewed, following runs may use so much; the rest is for dispatches, cancels and others with the same token. */
const SHARE_FOR_FOLLOWING = 0.5;

/** GitHub's own clock, where the answer tells it. */
export const serverTime = (answer: VendorAnswer): number | undefined => {
  const at = Date.parse(answer.headers['date'] ?? '');
  return Number.isNaN(at) ? undefined : at;
};

/** How long to the moment at which the primary limit is renewed. */
function untilReset(answer: VendorAnswer, clock: AgentClock): number | undefined {
  const reset = Number(answer.headers['x-ratelimit-reset'] ?? NaN);
  return Number.isNaN(reset) ? undefined : Math.max(0, reset * 1_000 - (serverTime(answer) ?? clock.now()));
}

/**
 * How long an answer asks to be left alone; undefined when it is no refusal for too many requests. In GitHub's order: `Retry-After`, then the
 * renewal of a primary limit that is used up, else a minute, and twice as long each time. A refusal comes as 403 or as 429.
 */
export function limitOf(clock: AgentClock): (answer: VendorAnswer) => number | undefined {
  let secondary = { count: 0, until: -Infinity };
  return (answer) => {
    const { status, headers, text } = answer;
    if (status !== 403 && status !== 429) return undefined;
    const asked = retryAfter(answer);
    if (asked !== undefined) return asked;
    const reset = headers['x-ratelimit-remaining'] === '0' ? untilReset(answer, clock) : undefined;
    if (reset !== undefined) return reset + RESET_MARGIN_MS;
    if (status === 403 && !/rate limit|abuse/i.test(text.slice(0, 2_000))) return undefined;
    const now = clock.monotonic();
    // Requests that were under way together are one refusal; a long peace begins anew.
    const count = now < secondary.until ? secondary.count : now > secondary.until + SECONDARY_MS.max ? 1 : secondary.count + 1;
    const waitMs = Math.min(SECONDARY_MS.first * 2 ** (count - 1), SECONDARY_MS.max);
    secondary = { count, until: now + waitMs };
    return waitMs;
  };
}

/** What is left of the primary limit, as the last answer told. An Enterprise Server without limits tells nothing. */
export class RequestBudget {
  private left: { remaining: number; resetAt: number } | undefined;
  private pollEveryMs = 0;

  constructor(private readonly clock: AgentClock) {}

  note(answer: VendorAnswer): void {
    const remaining = Number(answer.headers['x-ratelimit-remaining'] ?? NaN);
    const reset = untilReset(answer, this.clock);
    if (!Number.isNaN(remaining) && reset !== undefined) this.left = { remaining, resetAt: this.clock.monotonic() + reset };
    const every = Number(answer.headers['x-poll-interval'] ?? NaN);
    if (every >= 0) this.pollEveryMs = every * 1_000;
  }

  /** How long to leave between rounds of so many requests that count, for the limit to last until it is renewed. */
  paceMs(requests: number): number {
    const leftMs = this.left ? this.left.resetAt - this.clock.monotonic() : 0;
    if (!this.left || leftMs <= 0) return this.pollEveryMs;
    const share = Math.max(1, this.left.remaining * SHARE_FOR_FOLLOWING);
    return Math.max(this.pollEveryMs, (requests * leftMs) / share);
  }
}
