import { SlipwayError, type Json } from '@slipway/core';
import { z } from 'zod';
import { cleanText } from '../../text.js';
import { Ambiguous, Interrupted, NotSent } from '../../vendor/failures.js';
import type { VendorAnswer, VendorClient, VendorRequest, Waiting } from '../../vendor/vendor-client.js';
import type { VendorClients } from '../../vendor/vendor-clients.js';
import { Refused } from '../executor.js';

const MEDIA_TYPE = 'application/vnd.api+json';
/** What the vendor says of a failure, as far as it is shown. */
const DETAIL_LENGTH_MAX = 400;

const errorsSchema = z.object({ errors: z.array(z.object({ title: z.string().catch(''), detail: z.string().catch('') })) });

export interface TerraformServer {
  server: string;
  caFile?: string | undefined;
  token: string;
}

/** The vendor's API at one address with one token. */
export class TerraformCloudApi {
  readonly server: string;
  private readonly client: VendorClient;

  /** Throws `Refused` when the certificate's file can't be read on this agent. */
  constructor(
    private readonly clients: VendorClients,
    private readonly at: TerraformServer,
  ) {
    this.server = at.server;
    this.client = this.open(`${at.server}/api/v2`, at.token);
  }

  get(path: string, wait: Waiting, query: VendorRequest['query'] = {}): Promise<VendorAnswer> {
    return this.client.ask({ method: 'GET', path, query, headers: { accept: MEDIA_TYPE } }, wait);
  }

  /** As `get`, once: for what must not be waited for. */
  getOnce(path: string, wait: Waiting): Promise<VendorAnswer> {
    return this.client.once({ method: 'GET', path, headers: { accept: MEDIA_TYPE } }, wait);
  }

  /** Sent again while the server does not answer: only for what may be repeated. */
  send(method: 'POST' | 'PATCH', path: string, json: Json, wait: Waiting): Promise<VendorAnswer> {
    return this.client.ask(this.withBody(method, path, json), wait);
  }

  /** Sent once; throws `Ambiguous` when it may have been carried out. */
  sendOnce(path: string, json: Json, wait: Waiting): Promise<VendorAnswer> {
    return this.client.once(this.withBody('POST', path, json), wait);
  }

  /** An address that is a secret itself, of the vendor's storage: asked without credentials, and not the API's business when it is down. */
  storage(address: string): VendorClient {
    return this.open(new URL(address).origin, undefined);
  }

  private withBody(method: 'POST' | 'PATCH', path: string, json: Json): VendorRequest {
    return { method, path, json, headers: { 'content-type': MEDIA_TYPE, accept: MEDIA_TYPE } };
  }

  private open(base: string, token: string | undefined): VendorClient {
    const { caFile } = this.at;
    const key = ['terraform-cloud', base, caFile ?? '', token ?? ''].join(' ');
    try {
      return this.clients.client(key, () => ({
        base,
        authorize: async (): Promise<Record<string, string>> => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(caFile === undefined ? {} : { caFile }),
        limit: patience,
      }));
    } catch (error) {
      if (error instanceof SlipwayError) throw new Refused(error.message);
      throw error;
    }
  }
}

/** The vendor says in a header of its own when it may be asked again. */
function patience({ status, headers }: VendorAnswer): number | undefined {
  const seconds = Number(headers['x-ratelimit-reset'] ?? Number.NaN);
  return status === 429 && headers['retry-after'] === undefined && seconds > 0 ? seconds * 1_000 : undefined;
}

/** What the vendor says of a failure, in a sentence. */
export function told({ status, json }: VendorAnswer): string {
  const parsed = errorsSchema.safeParse(json);
  const said = parsed.success ? parsed.data.errors.map(({ title, detail }) => detail || title).join('; ') : '';
  return said === '' ? `it answered ${status}` : `it answered ${status}: ${cleanText(said, DETAIL_LENGTH_MAX)}`;
}

/** Why the run cannot begin, when this answer is no success. */
export function refuseUnless(ok: number, answer: VendorAnswer, api: TerraformCloudApi, what: string, otherwise: string): void {
  if (answer.status === ok) return;
  const { host } = new URL(api.server);
  if (answer.status === 401) {
    throw new Refused(`${host} does not accept the token (401); give a team's or user's token that is still valid`);
  }
  throw new Refused(`${what} at ${host} failed: ${told(answer)}; ${otherwise}`);
}

/** For what goes before the run: nothing was begun, so what fails and will not come right by asking again refuses it. */
export async function refusingWhatLasts<T>(ending: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (ending.aborted) throw new Interrupted();
    if (error instanceof NotSent && error.lasting) throw new Refused(error.message);
    if (error instanceof Ambiguous) throw new Refused(`${error.message}; no run was created`);
    throw error;
  }
}
