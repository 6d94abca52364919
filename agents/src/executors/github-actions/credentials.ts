import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { AgentClock, Timers } from '../../ports.js';
import { cleanText } from '../../text.js';
import { pause } from '../../timers.js';
import { Ambiguous, Interrupted } from '../../vendor/failures.js';
import type { VendorAnswer, VendorClient, VendorRequest, Waiting } from '../../vendor/vendor-client.js';
import { Refused } from '../executor.js';
import { serverTime } from './rate-limits.js';

/** A request's waiting, and the run whose reports must not show what is used for it. */
export interface Asking extends Waiting {
  hide: (value: string) => void;
}

export interface Credentials {
  /** The bearer token, got anew when it is about to end. */
  token(asking: Asking): Promise<string>;
  /** GitHub did not take this token: true when another can be got. */
  refused(token: string): boolean;
}

export const tokenCredentials = (token: string): Credentials => ({ token: async () => token, refused: () => false });

/** GitHub takes a JWT of at most ten minutes, whose beginning lies in the past of its own clock. */
const JWT_SECONDS = { past: 60, lasts: 540 };
/** An installation token lives for an hour; the last minutes are left for requests under way. */
const RENEW_BEFORE_MS = 300_000;
const SKEW_NOTICED_MS = 10_000;

// No length and no form is expected of a token: GitHub has changed both.
const accessTokenSchema = z.object({ token: z.string().min(1), expires_at: z.string() });
const installationSchema = z.object({ id: z.number().int() });

export interface AppInstallation {
  id: string;
  privateKey: string;
  installation: number | undefined;
  repository: string;
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Acts as a GitHub App: a short JWT of its own buys an installation token for the one repository, which is kept until shortly before its end. */
export class AppCredentials implements Credentials {
  private readonly key: KeyObject;
  private held: { token: string; expiresAt: number } | undefined;
  private renewal: Promise<void> | undefined;
  /** How far GitHub's clock is ahead of ours. */
  private skewMs = 0;

  constructor(
    private readonly client: VendorClient,
    private readonly app: AppInstallation,
    private readonly time: { clock: AgentClock; timers: Timers },
  ) {
    try {
      // From an environment variable the lines often come joined by a written \n.
      this.key = createPrivateKey(app.privateKey.replaceAll('\\n', '\n'));
    } catch {
      throw new Refused(`app.privateKey of GitHub App ${app.id} is no private key in PEM; give the file that GitHub made for the App`);
    }
  }

  async token(asking: Asking): Promise<string> {
    while (!this.held || this.held.expiresAt - this.time.clock.now() < RENEW_BEFORE_MS) {
      this.renewal ??= this.renew(asking).finally(() => (this.renewal = undefined));
      try {
        await orInterrupted(this.renewal, asking.signal);
      } catch (error) {
        // The run that asked for it was ended; this one goes on.
        if (!(error instanceof Interrupted) || asking.signal.aborted) throw error;
      }
    }
    asking.hide(this.held.token);
    return this.held.token;
  }

  refused(token: string): boolean {
    if (this.held?.token === token) this.held = undefined;
    return true;
  }

  private async renew(asking: Asking): Promise<void> {
    const { app } = this;
    const installation = app.installation ?? (await this.findInstallation(asking));
    const json = { repositories: [app.repository.split('/')[1] ?? ''], permissions: { actions: 'write' } };
    const answer = await this.askAsApp('POST', `/app/installations/${installation}/access_tokens`, json, asking);
    if (answer.status !== 201) {
      throw new Refused(
        `GitHub gave no token for ${app.repository} to App ${app.id} (installation ${installation}): ${said(answer)}; the App needs the permission Actions: read and write, and the repository among those it is installed for`,
      );
    }
    const { token, expires_at } = accessTokenSchema.parse(answer.json);
    const expiresAt = Date.parse(expires_at) - this.skewMs;
    this.held = { token, expiresAt: Number.isNaN(expiresAt) ? this.time.clock.now() + 2 * RENEW_BEFORE_MS : expiresAt };
  }

  private async findInstallation(asking: Asking): Promise<number> {
    const { app } = this;
    const answer = await this.askAsApp('GET', `/repos/${app.repository}/installation`, undefined, asking);
    const parsed = installationSchema.safeParse(answer.json);
    if (answer.status === 200 && parsed.success) return parsed.data.id;
    throw new Refused(
      `GitHub App ${app.id} is not installed for ${app.repository}: ${said(answer)}; install it there, or name another App`,
    );
  }

  private async askAsApp(method: 'GET' | 'POST', path: string, json: VendorJson, asking: Asking): Promise<VendorAnswer> {
    for (let tries = 1; ; tries++) {
      const headers = { authorization: `Bearer ${this.jwt()}` };
      const what = { method, path, headers, ...(json ? { json } : {}) };
      const answer = await askPatiently(this.client, what, asking, this.time.timers);
      if (answer.status !== 401) return answer;
      const skewMs = (serverTime(answer) ?? this.time.clock.now()) - this.time.clock.now();
      if (tries > 1 || Math.abs(skewMs - this.skewMs) < SKEW_NOTICED_MS) {
        throw new Refused(
          `GitHub did not accept the key of App ${this.app.id}: ${said(answer)}; give its client id (or App ID) and a private key that belongs to it`,
        );
      }
      // Our clock is wrong, and so were the times in the JWT.
      this.skewMs = skewMs;
    }
  }

  private jwt(): string {
    const now = Math.floor((this.time.clock.now() + this.skewMs) / 1_000);
    const claims = { iat: now - JWT_SECONDS.past, exp: now + JWT_SECONDS.lasts, iss: this.app.id };
    const content = `${base64({ alg: 'RS256', typ: 'JWT' })}.${base64(claims)}`;
    return `${content}.${sign('RSA-SHA256', Buffer.from(content), this.key).toString('base64url')}`;
  }
}

type VendorJson = { repositories: string[]; permissions: { actions: string } } | undefined;

/** After a request at which GitHub itself failed again and again. */
const SERVER_FAULT_PAUSE_MS = 60_000;

/** For requests that may be repeated: waits until there is an answer. Throws `NotSent` (a certificate that is not trusted) or `Interrupted`. */
export async function askPatiently(client: VendorClient, what: VendorRequest, asking: Asking, timers: Timers): Promise<VendorAnswer> {
  for (;;) {
    try {
      return await client.ask(what, asking);
    } catch (error) {
      if (!(error instanceof Ambiguous)) throw error;
      if (asking.signal.aborted) throw new Interrupted();
      asking.waiting(`${error.message}; again in ${SERVER_FAULT_PAUSE_MS / 1_000} s`);
      await pause(timers, SERVER_FAULT_PAUSE_MS, asking.signal);
    }
  }
}

const messageSchema = z.object({ message: z.string() });

/** Status and GitHub's own words, for a sentence. */
export function said(answer: VendorAnswer): string {
  const parsed = messageSchema.safeParse(answer.json);
  return parsed.success ? `${answer.status} ${cleanText(parsed.data.message.replace(/\s+/g, ' '), 500)}` : String(answer.status);
}

function orInterrupted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Interrupted());
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
