import type http from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { ArgoCdController, commitOf, type ControllerPace, type StandingApplication, type Tree } from './argo-cd-controller.js';
import { VendorContract, type SeenExchange } from './vendor-contract.js';
import { VendorServer, type VendorReply, type VendorRequestSeen } from './vendor-server.js';

const HTTP_STATUS: Readonly<Record<number, number>> = { 2: 500, 3: 400, 5: 404, 7: 403, 9: 400, 13: 500, 14: 503, 16: 401 };

/** A refusal of gRPC, as the gateway writes it. */
class Refusal extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** The server reads bodies with Go's JSON: positions are numbers, though the document, made by a generator, has 64 bits as texts. */
class ArgoCdContract extends VendorContract {
  override checkRequest(seen: SeenExchange): string[] {
    const positions = (seen.body as Tree | undefined)?.['sourcePositions'] as unknown[] | undefined;
    if (!positions) return super.checkRequest(seen);
    const problems = positions.every((one) => typeof one === 'number') ? [] : ['sourcePositions: Go reads no texts into int64'];
    return [...problems, ...super.checkRequest({ ...seen, body: { ...(seen.body as Tree), sourcePositions: positions.map(String) } })];
  }
}

/** The document's schemas of an Application are large: they are compiled once, before anything is timed. */
function compiledContract(): VendorContract {
  const made = new ArgoCdContract('argo-cd.swagger.json');
  const [all, one] = ['/api/v1/applications', '/api/v1/applications/a'];
  for (const [method, path] of [
    ['POST', all],
    ['GET', one],
    ['PATCH', one],
    ['POST', `${one}/sync`],
    ['POST', `${one}/rollback`],
    ...['syncwindows', 'managed-resources', 'resource-tree', 'events'].map((what) => ['GET', `${one}/${what}`]),
  ] as const) {
    made.checkRequest({ method: method!, path: path!, query: new URLSearchParams(), body: method === 'GET' ? undefined : {} });
    made.checkAnswer({ method: method!, path: path! }, 200, {});
  }
  return made;
}

let contract: VendorContract | undefined;

/**
 * Argo CD's API server with a controller behind it (argo-cd-controller.ts). What it refuses, and in which words, is as in its source
 * (server/application/application.go). Revisions are resolved to commits made of their names.
 */
export class ArgoCdServer extends VendorServer {
  readonly controller: ArgoCdController;
  private readonly applications = new Map<string, StandingApplication>();
  private readonly streams = new Map<http.ServerResponse, string>();
  /** Token → user. */
  readonly tokens = new Map([['good-token', 'proj:shop:slipway']]);
  /** Actions that nobody may do. */
  readonly denied = new Set<string>();
  /** What a sync window says, while one is closed. */
  closedWindow: { kind: string; schedule: string; duration: string } | undefined;
  /** Every operation that was ever accepted, in order. */
  readonly operations: Tree[] = [];
  readonly unknownRevisions = new Set<string>();
  /** By Application: what these endpoints answer. */
  readonly trees = new Map<string, Tree[]>();
  readonly events = new Map<string, Tree[]>();
  readonly managed = new Map<string, Tree[]>();
  private version = 1_000;

  /** `pace`: how fast the controller works by itself; without one it works when the test says so. */
  constructor(options: { pace?: ControllerPace; tls?: boolean } = {}) {
    contract ??= compiledContract();
    super({ contract, ...(options.tls ? { tls: true } : {}) });
    this.controller = new ArgoCdController((app) => this.touched(app), options.pace);
  }

  /** An Application that is there already. */
  have(name: string, over: { spec?: Tree; metadata?: Tree; namespace?: string; project?: string } = {}): StandingApplication {
    const namespace = over.namespace ?? 'argocd';
    const spec = {
      project: over.project ?? 'shop',
      destination: { server: 'https://kubernetes.default.svc', namespace: name },
      source: { repoURL: 'https://git.example.org/shop.git', path: name, targetRevision: 'main' },
      ...over.spec,
    };
    const app = this.made({ name, namespace, ...over.metadata }, spec);
    if (over.spec?.['sources']) delete app.spec['source'];
    this.controller.reconcile(app);
    app.status['reconciledAt'] = '2026-01-01T00:00:00Z';
    return app;
  }

  app(name: string, namespace = 'argocd'): StandingApplication {
    const app = this.applications.get(`${namespace}/${name}`);
    if (!app) throw new Error(`no Application ${name}`);
    return app;
  }

  /** Change it behind the API's back, as other controllers and people with kubectl do. */
  edit(name: string, change: (app: StandingApplication) => void): void {
    const app = this.app(name);
    change(app);
    this.touched(app);
  }

  remove(name: string): void {
    this.applications.delete(`argocd/${name}`);
  }

  /** Somebody else has it synced. */
  syncedBy(user: string, name: string): void {
    this.setOperation(this.app(name), { sync: this.syncOf(this.app(name)), initiatedBy: { username: user } });
  }

  cutStreams(): void {
    for (const response of this.streams.keys()) response.destroy();
  }

  get openStreams(): number {
    return this.streams.size;
  }

  override async stop(): Promise<void> {
    this.controller.close();
    await super.stop();
  }

  protected override answer(request: VendorRequestSeen): VendorReply {
    try {
      const user = this.tokens.get((request.headers.authorization ?? '').replace('Bearer ', ''));
      if (user === undefined) throw new Refusal(16, 'invalid session: signature is invalid');
      return this.route(request, user);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: HTTP_STATUS[error.code] ?? 500, body: { error: error.message, code: error.code, message: error.message } };
    }
  }

  private route(request: VendorRequestSeen, user: string): VendorReply {
    const { method, path, query } = request;
    const body = (request.body ?? {}) as Tree;
    if (path === '/api/v1/stream/applications') return this.watch(query);
    if (path === '/api/v1/applications' && method === 'POST')
      return { status: 200, body: this.create(body, query.get('upsert') === 'true') };
    const [, name = '', what = ''] = /^\/api\/v1\/applications\/([^/]+)\/?(.*)$/.exec(path) ?? [];
    const where = {
      name: decodeURIComponent(name),
      namespace: (body['appNamespace'] as string | undefined) ?? query.get('appNamespace') ?? 'argocd',
      project: (body['project'] as string | undefined) ?? query.get('project') ?? '',
    };
    const app = (action: string): StandingApplication => this.find(where, action);
    switch (`${method} ${what}`) {
      case 'GET ':
        if (query.has('refresh')) this.controller.refresh(app('get'));
        return { status: 200, body: app('get') };
      case 'PATCH ':
        return { status: 200, body: this.patch(app('get'), body) };
      case 'POST sync':
        return { status: 200, body: this.sync(app('get'), body, user) };
      case 'POST rollback':
        return { status: 200, body: this.rollback(app('sync'), body, user) };
      case 'DELETE operation':
        return { status: 200, body: this.terminate(app('sync')) };
      case 'GET syncwindows':
        return { status: 200, body: this.windows(app('get')) };
      case 'GET managed-resources':
        return { status: 200, body: { items: this.managed.get(app('get').metadata['name'] as string) ?? [] } };
      case 'GET resource-tree':
        return { status: 200, body: { nodes: this.trees.get(app('get').metadata['name'] as string) ?? [] } };
      case 'GET events':
        return {
          status: 200,
          body: { metadata: {}, items: this.events.get(`${app('get').metadata['name']}/${query.get('resourceName')}`) ?? [] },
        };
    }
    throw new Refusal(5, 'Not Found');
  }

  private find({ name, namespace, project }: { name: string; namespace: string; project: string }, action: string): StandingApplication {
    if (this.denied.has(action)) throw new Refusal(7, 'permission denied');
    const app = this.applications.get(`${namespace}/${name}`);
    if (app && (project === '' || app.spec['project'] === project)) return app;
    throw project === '' ? new Refusal(7, 'permission denied') : new Refusal(5, `applications.argoproj.io "${name}" not found`);
  }

  private made(metadata: Tree, spec: Tree): StandingApplication {
    const app: StandingApplication = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: {
        namespace: 'argocd',
        uid: `uid-${metadata['name']}`,
        generation: 1,
        creationTimestamp: '2026-01-01T00:00:00Z',
        ...metadata,
      },
      spec: structuredClone(spec),
      status: { health: { status: 'Missing' }, sync: { status: 'Unknown' }, resources: [], history: [], summary: {} },
    };
    this.applications.set(`${app.metadata['namespace']}/${app.metadata['name']}`, app);
    this.touched(app);
    return app;
  }

  private create({ metadata, spec }: Tree, upsert: boolean): StandingApplication {
    if (this.denied.has('create')) throw new Refusal(7, `permission denied: applications, create, ${spec['project']}/${metadata['name']}`);
    const existing = this.applications.get(`${metadata['namespace'] ?? 'argocd'}/${metadata['name']}`);
    if (!existing) {
      const app = this.made(metadata as Tree, spec as Tree);
      this.controller.specChanged(app);
      return app;
    }
    const same = (field: string): boolean => isDeepStrictEqual(existing.metadata[field] ?? {}, metadata[field] ?? {});
    if (isDeepStrictEqual(existing.spec, spec) && same('labels') && same('annotations') && same('finalizers')) return existing;
    if (!upsert) throw new Refusal(3, 'existing application spec is different, use upsert flag to force update');
    if (this.denied.has('update')) throw new Refusal(7, `permission denied: applications, update, ${spec['project']}/${metadata['name']}`);
    for (const field of ['labels', 'annotations']) existing.metadata[field] = { ...existing.metadata[field], ...metadata[field] };
    existing.metadata['finalizers'] = metadata['finalizers'] ?? [];
    return this.update(existing, spec as Tree);
  }

  private patch(app: StandingApplication, { patch, patchType }: Tree): StandingApplication {
    if (this.denied.has('update')) throw new Refusal(7, 'permission denied');
    if (patchType !== 'merge') throw new Refusal(3, `Patch type '${patchType}' is not supported`);
    return this.update(app, merged(app.spec, (JSON.parse(patch as string) as Tree)['spec'] as Tree));
  }

  private update(app: StandingApplication, spec: Tree): StandingApplication {
    app.spec = structuredClone(spec);
    app.metadata['generation'] = (app.metadata['generation'] as number) + 1;
    this.controller.specChanged(app);
    this.touched(app);
    return app;
  }

  private sync(app: StandingApplication, body: Tree, user: string): StandingApplication {
    if (this.closedWindow) throw new Refusal(7, 'cannot sync: blocked by sync window');
    if (this.denied.has('sync'))
      throw new Refusal(7, `permission denied: applications, sync, ${app.spec['project']}/${app.metadata['name']}`);
    if (app.metadata['deletionTimestamp']) throw new Refusal(9, 'application is deleting');
    const wanted = this.wantedRevisions(app, body);
    const sync = {
      ...this.syncOf(app, wanted),
      prune: body['prune'] ?? false,
      syncOptions: body['syncOptions']?.items ?? app.spec['syncPolicy']?.syncOptions,
    };
    this.setOperation(app, { sync, initiatedBy: { username: user }, info: body['infos'] ?? [] });
    return app;
  }

  /** What is to be synced of each source, resolved. */
  private wantedRevisions(app: StandingApplication, body: Tree): string[] {
    const sources = this.controller.sourcesOf(app);
    const asked = sources.map((): string | undefined => undefined);
    if (app.spec['sources'])
      (body['sourcePositions'] as number[] | undefined)?.forEach((at, index) => (asked[at - 1] = body['revisions'][index]));
    else asked[0] = body['revision'] as string | undefined;
    return sources.map((source, index) => {
      const target = (source['targetRevision'] as string | undefined) ?? 'HEAD';
      const revision = asked[index] ?? target;
      const prefix = app.spec['sources'] ? `Cannot sync source ${source['repoURL']} to` : 'Cannot sync to';
      if (revision !== target && this.controller.autoSyncs(app))
        throw new Refusal(9, `${prefix} ${revision}: auto-sync currently set to ${target}`);
      if (this.unknownRevisions.has(revision))
        throw new Refusal(
          9,
          `error resolving repo revision: rpc error: code = Unknown desc = unable to resolve '${revision}' to a commit SHA`,
        );
      return commitOf(revision);
    });
  }

  private syncOf(
    app: StandingApplication,
    revisions = this.controller.sourcesOf(app).map((one) => commitOf(one['targetRevision'] as string)),
  ): Tree {
    return app.spec['sources']
      ? { sources: structuredClone(app.spec['sources']), revisions }
      : { source: structuredClone(app.spec['source']), revision: revisions[0] };
  }

  private rollback(app: StandingApplication, body: Tree, user: string): StandingApplication {
    if (this.controller.autoSyncs(app)) throw new Refusal(9, 'rollback cannot be initiated when auto-sync is enabled');
    const entry = (app.status['history'] as Tree[]).find(({ id }) => id === body['id']);
    if (!entry) throw new Refusal(3, `application ${app.metadata['name']} does not have deployment with id ${body['id']}`);
    const { source, sources, revision, revisions } = entry;
    const sync = { source, sources, revision, revisions, prune: body['prune'], syncStrategy: { apply: {} } };
    this.setOperation(app, { sync, initiatedBy: { username: user } });
    return app;
  }

  private setOperation(app: StandingApplication, operation: Tree): void {
    if (app.operation) throw new Refusal(9, 'another operation is already in progress');
    app.operation = operation;
    this.operations.push(operation);
    delete app.status['operationState'];
    this.controller.operationSet(app);
    this.touched(app);
  }

  private terminate(app: StandingApplication): Tree {
    if (!app.operation || !app.status['operationState']) throw new Refusal(3, 'Unable to terminate operation. No operation is in progress');
    this.controller.terminate(app);
    return {};
  }

  private windows(_app: StandingApplication): Tree {
    if (!this.closedWindow) return { canSync: true };
    const windows = [{ ...this.closedWindow, manualSync: false }];
    return { canSync: false, assignedWindows: windows, activeWindows: windows };
  }

  private watch(query: URLSearchParams): VendorReply {
    return {
      stream: (response) => {
        const key = `${query.get('appNamespace') ?? 'argocd'}/${query.get('name')}`;
        response.writeHead(200, { 'content-type': 'application/json' });
        response.flushHeaders();
        this.streams.set(response, key);
        response.on('close', () => this.streams.delete(response));
        const app = this.applications.get(key);
        if (app) response.write(`${JSON.stringify({ result: { type: 'ADDED', application: app } })}\n`);
      },
    };
  }

  private touched(app: StandingApplication): void {
    app.metadata['resourceVersion'] = String(++this.version);
    for (const [response, key] of this.streams)
      if (key === `${app.metadata['namespace']}/${app.metadata['name']}`)
        response.write(`${JSON.stringify({ result: { type: 'MODIFIED', application: app } })}\n`);
  }
}

/** RFC 7396. */
function merged(target: Tree, patch: Tree): Tree {
  const made = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const inner: unknown = value;
    if (inner === null) delete made[key];
    else if (typeof inner === 'object' && !Array.isArray(inner)) made[key] = merged((made[key] ?? {}) as Tree, inner as Tree);
    else made[key] = inner;
  }
  return made;
}
