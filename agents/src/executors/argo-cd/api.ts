import type { Readable } from 'node:stream';
import type { ArgoCdApplication } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';
import { z } from 'zod';
import { cleanText } from '../../text.js';
import type { VendorAnswer, VendorClient, VendorRequest, Waiting } from '../../vendor/vendor-client.js';
import type { VendorClients } from '../../vendor/vendor-clients.js';
import { applicationSchema, type Application } from './application.js';

/** Codes of gRPC, which Argo CD's errors carry; the HTTP status alone does not tell two of them apart. */
export const CODE = { invalid: 3, notFound: 5, denied: 7, precondition: 9, unauthenticated: 16 } as const;
/** A refresh blocks until the controller has compared anew; one that takes longer is looked for by reading. */
const REFRESH_MS_MAX = 30_000;
const MESSAGE_LENGTH_MAX = 1_000;

/** Argo CD's refusal, or an answer that is none of its. */
export class ArgoCdError extends Error {
  constructor(
    message: string,
    readonly code: number | undefined,
    /** False when it is not Argo CD that answered: a proxy's page. */
    readonly fromArgoCd = true,
  ) {
    super(message);
  }
}

const errorSchema = z.object({ code: z.int(), message: z.string().optional(), error: z.string().optional() });

const windowSchema = z.object({
  kind: z.string().optional(),
  schedule: z.string().optional(),
  duration: z.string().optional(),
  manualSync: z.boolean().optional(),
});
const windowsSchema = z.object({ activeWindows: z.array(windowSchema).nullish(), assignedWindows: z.array(windowSchema).nullish() });
export type SyncWindows = z.output<typeof windowsSchema>;

const managedSchema = z.object({
  items: z
    .array(
      z.object({
        group: z.string().optional(),
        kind: z.string().optional(),
        namespace: z.string().optional(),
        name: z.string().optional(),
        normalizedLiveState: z.string().optional(),
        predictedLiveState: z.string().optional(),
      }),
    )
    .nullish(),
});
export type ManagedResource = NonNullable<z.output<typeof managedSchema>['items']>[number];

const nodeSchema = z.object({
  kind: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string().optional(),
  uid: z.string().optional(),
  health: z.object({ status: z.string().optional(), message: z.string().optional() }).nullish(),
});
export type TreeNode = z.output<typeof nodeSchema>;
const treeSchema = z.object({ nodes: z.array(nodeSchema).nullish() });

const eventSchema = z.object({ type: z.string().optional(), reason: z.string().optional(), message: z.string().optional() });
const eventsSchema = z.object({ items: z.array(eventSchema).nullish() });
export type ResourceEvent = z.output<typeof eventSchema>;

export interface SyncRequest {
  revision?: string;
  revisions?: readonly { position: number; revision: string }[];
  prune?: boolean | undefined;
  syncOptions?: readonly string[] | undefined;
  info: { name: string; value: string };
}

/** The client of a server and token; one for each pair, so that all runs and probes together wait while it is down. */
export function argoCdClient(clients: VendorClients, of: { server: string; caFile?: string | undefined }, token: string): VendorClient {
  const authorization = `Bearer ${token.trim()}`;
  return clients.client(`argo-cd ${of.server} ${of.caFile ?? ''} ${token}`, () => ({
    base: `${of.server}/api/v1`,
    authorize: () => Promise.resolve({ authorization }),
    ...(of.caFile === undefined ? {} : { caFile: of.caFile }),
  }));
}

/** One Application at its server. Refusals are thrown as `ArgoCdError`; waiting and lost answers are as `VendorClient` says. */
export class ArgoCdApi {
  private readonly path: string;
  private readonly where: { appNamespace?: string; project: string };

  constructor(
    private readonly client: VendorClient,
    readonly application: Omit<ArgoCdApplication, 'project'> & { project?: string },
    private readonly wait: Waiting,
  ) {
    const { name, namespace, project } = application;
    this.path = `/applications/${encodeURIComponent(name)}`;
    // Without a project everything that is not found is "permission denied". Only of children it is not known.
    this.where = {
      ...(namespace === undefined ? {} : { appNamespace: namespace }),
      ...(project === undefined ? {} : { project }),
    } as typeof this.where;
  }

  /** The same server and waiting, of another Application. */
  of(application: { name: string; namespace?: string }): ArgoCdApi {
    return new ArgoCdApi(this.client, application, this.wait);
  }

  /** Not kept waiting longer than so. */
  within(signal: AbortSignal): ArgoCdApi {
    return new ArgoCdApi(this.client, this.application, { ...this.wait, signal });
  }

  async read(): Promise<Application> {
    return parse(applicationSchema, await this.client.ask({ method: 'GET', path: this.path, query: this.where }, this.wait));
  }

  /** Have it compared anew. What comes of it is read with `read`: this may time out, or be overtaken. */
  async refresh(): Promise<void> {
    const query = { ...this.where, refresh: 'normal' };
    expectSuccess(await this.client.once({ method: 'GET', path: this.path, query, timeoutMs: REFRESH_MS_MAX }, this.wait));
  }

  /** Every change of it, and a sign of life; what is in it is read with `read`, which does not lag. */
  changes(signal: AbortSignal): Promise<Readable> {
    const query = { name: this.application.name, ...this.where };
    return this.client.stream({ method: 'GET', path: '/stream/applications', query }, signal);
  }

  /** Create it, or make it like this; the same again changes nothing. */
  async upsert(manifest: JsonObject): Promise<Application> {
    const request: VendorRequest = { method: 'POST', path: '/applications', query: { upsert: true, validate: true }, json: manifest };
    return parse(applicationSchema, await this.client.ask(request, this.wait));
  }

  /** Merge this into it (RFC 7396). */
  async patch(patch: JsonObject): Promise<Application> {
    const json = { name: this.application.name, ...this.where, patch: JSON.stringify(patch), patchType: 'merge' };
    return parse(applicationSchema, await this.client.ask({ method: 'PATCH', path: this.path, json }, this.wait));
  }

  /**
   * Sent once: an `Ambiguous` failure is for the caller to look up. Positions are numbers: the document has them as texts, as its generator does
   * with 64 bits, but the server reads bodies with Go's own JSON, which refuses that.
   */
  async sync({ info, revision, revisions, prune, syncOptions }: SyncRequest): Promise<void> {
    const json = {
      name: this.application.name,
      ...this.where,
      infos: [info],
      ...(revision === undefined ? {} : { revision }),
      ...(revisions ? { revisions: revisions.map((one) => one.revision), sourcePositions: revisions.map(({ position }) => position) } : {}),
      prune: prune ?? false,
      ...(syncOptions ? { syncOptions: { items: [...syncOptions] } } : {}),
    };
    expectSuccess(await this.client.once({ method: 'POST', path: `${this.path}/sync`, json }, this.wait));
  }

  /** Sent once, like `sync`. */
  async rollback(id: number, prune: boolean): Promise<void> {
    const json = { name: this.application.name, ...this.where, id, prune };
    expectSuccess(await this.client.once({ method: 'POST', path: `${this.path}/rollback`, json }, this.wait));
  }

  /** Sent once: the second could hit somebody else's operation. */
  async terminate(): Promise<void> {
    expectSuccess(await this.client.once({ method: 'DELETE', path: `${this.path}/operation`, query: this.where }, this.wait));
  }

  windows(): Promise<SyncWindows> {
    return this.get('syncwindows', windowsSchema, {});
  }

  async managedResources(): Promise<readonly ManagedResource[]> {
    return (await this.get('managed-resources', managedSchema, {})).items ?? [];
  }

  async tree(): Promise<readonly TreeNode[]> {
    return (await this.get('resource-tree', treeSchema, {})).nodes ?? [];
  }

  async events({ uid, name, namespace }: TreeNode): Promise<readonly ResourceEvent[]> {
    return (await this.get('events', eventsSchema, { resourceUID: uid, resourceName: name, resourceNamespace: namespace })).items ?? [];
  }

  private async get<T extends z.ZodType>(what: string, schema: T, query: Record<string, string | undefined>): Promise<z.output<T>> {
    return parse(
      schema,
      await this.client.ask({ method: 'GET', path: `${this.path}/${what}`, query: { ...this.where, ...query } }, this.wait),
    );
  }
}

function expectSuccess(answer: VendorAnswer): void {
  const { status, json } = answer;
  const refusal = errorSchema.safeParse(json);
  if (status >= 200 && status < 300) {
    if (typeof json !== 'object' || json === null)
      throw new ArgoCdError(`answered ${status} with something that is no JSON`, undefined, false);
    return;
  }
  if (!refusal.success) throw new ArgoCdError(`answered ${status}: ${cleanText(answer.text.replace(/\s+/g, ' '), 200)}`, undefined, false);
  const { code, message, error } = refusal.data;
  throw new ArgoCdError(cleanText(message ?? error ?? `code ${code}`, MESSAGE_LENGTH_MAX), code);
}

function parse<T extends z.ZodType>(schema: T, answer: VendorAnswer): z.output<T> {
  expectSuccess(answer);
  const parsed = schema.safeParse(answer.json as Json);
  if (!parsed.success) throw new ArgoCdError('answered with JSON that is not what Argo CD answers', undefined, false);
  return parsed.data;
}
