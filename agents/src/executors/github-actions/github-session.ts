import type { Readable } from 'node:stream';
import type { AgentClock, Timers } from '../../ports.js';
import { pause } from '../../timers.js';
import { Interrupted } from '../../vendor/failures.js';
import type { VendorAnswer, VendorClient, VendorRequest } from '../../vendor/vendor-client.js';
import { askPatiently, type Asking, type Credentials } from './credentials.js';
import { RequestBudget } from './rate-limits.js';

/** GitHub asks for a second between requests that make something. */
const BETWEEN_WRITES_MS = 1_000;

/** One server with one set of credentials: every request of the runs that have both. */
export class GithubSession {
  readonly budget: RequestBudget;
  private nextWriteAt = -Infinity;

  constructor(
    private readonly client: VendorClient,
    private readonly credentials: Credentials,
    private readonly time: { clock: AgentClock; timers: Timers },
  ) {
    this.budget = new RequestBudget(time.clock);
  }

  /** For requests that may be repeated: waits until there is an answer. Throws `NotSent` (a certificate that is not trusted) or `Interrupted`. */
  ask(what: VendorRequest, asking: Asking): Promise<VendorAnswer> {
    return this.authorized(
      (headers) => askPatiently(this.client, { ...what, headers: { ...what.headers, ...headers } }, asking, this.time.timers),
      asking,
    );
  }

  /**
   * For what must not be sent twice, one in a second. Throws `Ambiguous` when it may have been carried out, and nothing of the kind when it was
   * not.
   */
  async once(what: VendorRequest, asking: Asking): Promise<VendorAnswer> {
    const { clock, timers } = this.time;
    const waitMs = this.nextWriteAt - clock.monotonic();
    this.nextWriteAt = Math.max(this.nextWriteAt, clock.monotonic()) + BETWEEN_WRITES_MS;
    if (waitMs > BETWEEN_WRITES_MS)
      asking.waiting(`waits its turn for ${Math.ceil(waitMs / 1_000)} s: GitHub wants one dispatch in a second`);
    if (waitMs > 0) await pause(timers, waitMs, asking.signal);
    if (asking.signal.aborted) throw new Interrupted();
    return this.authorized((headers) => this.client.once({ ...what, headers: { ...what.headers, ...headers } }, asking), asking);
  }

  /** What a link of GitHub's to somewhere else holds. The link is the permission: no token goes there. */
  open(link: string, signal: AbortSignal): Promise<Readable> {
    return this.client.stream({ method: 'GET', path: link, anonymous: true }, signal);
  }

  private async authorized(send: (headers: Record<string, string>) => Promise<VendorAnswer>, asking: Asking): Promise<VendorAnswer> {
    for (let tries = 1; ; tries++) {
      const token = await this.credentials.token(asking);
      const answer = await send({ authorization: `Bearer ${token}` });
      this.budget.note(answer);
      // A request that is refused for its credentials was not carried out.
      if (answer.status !== 401 || tries > 1 || !this.credentials.refused(token)) return answer;
    }
  }
}
