import { TerraformStandInRun, type RunAttributes, type TerraformRunScript } from './terraform-cloud-run.js';
import { VendorContract } from './vendor-contract.js';
import { VendorServer, type VendorReply, type VendorRequestSeen } from './vendor-server.js';

type Attributes = Record<string, unknown>;
interface Ref {
  id: string;
  type: string;
}
export interface TerraformStandInVariable {
  id: string;
  key: string;
  value: string;
  category: string;
  sensitive: boolean;
  hcl: boolean;
  description: string;
  version: number;
}
interface StandInWorkspace {
  id: string;
  name: string;
  attributes: Attributes;
  project: string;
  agentPool: string | undefined;
  lockedBy: { ref: Ref; name: string } | undefined;
  variables: TerraformStandInVariable[];
  runs: TerraformStandInRun[];
  /** It has something to run. */
  configured: boolean;
  outputs: { name: string; value: unknown; sensitive: boolean }[];
}
interface Upload {
  id: string;
  attributes: Attributes;
  status: string;
  body: Buffer | undefined;
  looks: number;
}

const MEDIA_TYPE = 'application/vnd.api+json';
const contract = new VendorContract('hcp-terraform.openapi.json');

const DEFAULTS: Attributes = {
  'auto-apply': false,
  'execution-mode': 'remote',
  'terraform-version': '1.11.4',
  'working-directory': null,
  'vcs-repo': null,
  description: null,
  'queue-all-runs': false,
};

/** A stand-in for HCP Terraform with one organization, `acme`, and the token `tfc-token`. */
export class TerraformCloudServer extends VendorServer {
  /** How runs go that are created from now on. */
  script: TerraformRunScript = {};
  /** What becomes of an upload: after so many looks it is unpacked, or it is not taken. */
  uploads: { looks: number; error?: string } = { looks: 1 };
  /** Whether the search of runs is understood; else the newest are answered. */
  searches = true;
  readonly workspaces = new Map<string, StandInWorkspace>();
  readonly configurations = new Map<string, Upload>();
  private readonly projects = [
    { id: 'prj-default', name: 'Default Project' },
    { id: 'prj-shop', name: 'shop' },
  ];
  private ids = 0;

  constructor(options: { tls?: boolean } = {}) {
    super({
      ...options,
      contract,
      basePath: '/api/v2',
      undocumented: [/^POST \/runs\/[^/]+\/actions\/(discard|cancel|force-cancel|force-execute)$/, /\/_archivist\//],
      undocumentedQuery: ['search[basic]'],
    });
  }

  addWorkspace(name: string, attributes: Attributes = {}): StandInWorkspace {
    const workspace: StandInWorkspace = {
      id: this.id('ws'),
      name,
      attributes: { ...DEFAULTS, ...attributes },
      project: 'prj-default',
      agentPool: undefined,
      lockedBy: undefined,
      variables: [],
      runs: [],
      configured: true,
      outputs: [],
    };
    this.workspaces.set(name, workspace);
    return workspace;
  }

  /** A run that somebody else queued. */
  addRun(name: string, message: string, script: TerraformRunScript = {}): TerraformStandInRun {
    const attributes = { message, 'auto-apply': false, 'plan-only': false, 'is-destroy': false, variables: [] };
    const run = new TerraformStandInRun(this.id('run'), this.named(name).id, attributes, undefined, script);
    this.named(name).runs.unshift(run);
    return run;
  }

  /** A person or a team locks the workspace: runs that are created stay pending. */
  lock(name: string, by: { type: 'users' | 'teams'; name: string } | undefined, reason = ''): void {
    const workspace = this.named(name);
    workspace.lockedBy = by && { ref: { id: `${by.type}-1`, type: by.type }, name: by.name };
    workspace.attributes['locked-reason'] = by ? reason : null;
  }

  named(name: string): StandInWorkspace {
    const found = this.workspaces.get(name);
    if (!found) throw new Error(`the stand-in has no workspace ${name}`);
    return found;
  }

  get runs(): TerraformStandInRun[] {
    return [...this.workspaces.values()].flatMap(({ runs }) => runs);
  }

  protected override answer(request: VendorRequestSeen): VendorReply {
    if (request.path.startsWith('/_archivist/')) return this.storage(request);
    if (request.headers.authorization !== 'Bearer tfc-token') return failed(401, 'unauthorized');
    if (['POST', 'PATCH'].includes(request.method) && request.headers['content-type'] !== MEDIA_TYPE) {
      this.violations.push(`${request.method} ${request.path}: content type ${request.headers['content-type']}`);
    }
    for (const [pattern, handle] of this.routes) {
      const found = pattern.exec(`${request.method} ${request.path}`);
      if (found) {
        const reply = handle(request, ...found.slice(1).map((part) => decodeURIComponent(part ?? '')));
        return 'stream' in reply ? reply : { ...reply, headers: { 'content-type': MEDIA_TYPE, ...reply.headers } };
      }
    }
    return failed(404, 'not found');
  }

  private readonly routes: [RegExp, (request: VendorRequestSeen, ...parts: string[]) => VendorReply][] = [
    [/^GET \/organizations\/([^/]+)\/workspaces\/([^/]+)$/, (request, org = '', name = '') => this.readByName(request, org, name)],
    [/^POST \/organizations\/([^/]+)\/workspaces$/, (request, org = '') => this.create(request, org)],
    [/^GET \/organizations\/acme\/projects$/, (request) => this.readProjects(request)],
    [/^(?:GET|PATCH) \/workspaces\/([^/]+)$/, (request, id = '') => this.workspace(request, id)],
    [/^(?:GET|POST) \/workspaces\/([^/]+)\/vars$/, (request, id = '') => this.variables(request, id)],
    [/^PATCH \/workspaces\/([^/]+)\/vars\/([^/]+)$/, (request, id = '', variable = '') => this.setVariable(request, id, variable)],
    [/^POST \/workspaces\/([^/]+)\/configuration-versions$/, (request, id = '') => this.createUpload(request, id)],
    [/^GET \/configuration-versions\/([^/]+)$/, (_request, id = '') => this.readUpload(id)],
    [/^POST \/runs$/, (request) => this.createRun(request)],
    [/^GET \/runs\/([^/]+)$/, (request, id = '') => this.readRun(request, id)],
    [/^GET \/workspaces\/([^/]+)\/runs$/, (request, id = '') => this.listRuns(request, id)],
    [/^POST \/runs\/([^/]+)\/actions\/([^/]+)$/, (_request, id = '', action = '') => this.act(id, action)],
    [/^GET \/runs\/([^/]+)\/policy-checks$/, (_request, id = '') => this.policyChecks(id)],
    [/^GET \/task-stages\/(ts-[^/]+)\/policy-evaluations$/, (_request, id = '') => this.policyEvaluations(id)],
    [/^GET \/plans\/plan-([^/]+)\/json-output-redacted$/, (_request, id = '') => this.redactedPlan(id)],
    [/^GET \/workspaces\/([^/]+)\/current-state-version-outputs$/, (_request, id = '') => this.stateOutputs(id)],
    [/^GET \/workspaces\/([^/]+)\/current-state-version$/, (_request, id = '') => this.stateVersion(id)],
  ];

  private id(kind: string): string {
    return `${kind}-${String(++this.ids).padStart(6, '0')}`;
  }

  private byId(id: string): StandInWorkspace | undefined {
    return [...this.workspaces.values()].find((workspace) => workspace.id === id);
  }

  private readByName(request: VendorRequestSeen, organization: string, name: string): VendorReply {
    const workspace = organization === 'acme' ? this.workspaces.get(name) : undefined;
    return workspace ? this.show(request, workspace, 200) : failed(404, 'not found');
  }

  private create(request: VendorRequestSeen, organization: string): VendorReply {
    const { attributes, relationships } = dataIn(request);
    const name = String(attributes['name']);
    if (organization !== 'acme') return failed(404, 'not found');
    if (this.workspaces.has(name)) return failed(422, 'invalid attribute', 'Name has already been taken');
    const { name: _name, ...settings } = attributes;
    const workspace = this.addWorkspace(name, settings);
    // Until something is uploaded, or its repository was fetched.
    workspace.configured = false;
    this.relate(workspace, relationships);
    return this.show(request, workspace, 201);
  }

  private workspace(request: VendorRequestSeen, id: string): VendorReply {
    const workspace = this.byId(id);
    if (!workspace) return failed(404, 'not found');
    if (request.method === 'PATCH') {
      const { attributes, relationships } = dataIn(request);
      Object.assign(workspace.attributes, attributes);
      this.relate(workspace, relationships);
    }
    return this.show(request, workspace, 200);
  }

  private relate(workspace: StandInWorkspace, relationships: Record<string, { data: Ref }>): void {
    workspace.project = relationships['project']?.data.id ?? workspace.project;
    workspace.agentPool = relationships['agent-pool']?.data.id ?? workspace.agentPool;
  }

  private show(request: VendorRequestSeen, workspace: StandInWorkspace, status: number): VendorReply {
    const includes = (request.query.get('include') ?? '').split(',');
    const latest = workspace.runs[0];
    const included: unknown[] = [];
    if (latest && (includes.includes('latest_run') || includes.includes('current_run'))) included.push(this.runResource(latest));
    if (latest && includes.includes('current_run.plan')) included.push(this.phaseResource(latest, 'plan'));
    const { lockedBy } = workspace;
    if (lockedBy && includes.includes('locked_by')) {
      const attributes = lockedBy.ref.type === 'users' ? { username: lockedBy.name } : { name: lockedBy.name };
      included.push({ ...lockedBy.ref, attributes });
    }
    return { status, body: { data: this.workspaceResource(workspace), ...(included.length > 0 ? { included } : {}) } };
  }

  private workspaceResource(workspace: StandInWorkspace) {
    const { id, name, attributes, lockedBy, runs, project, configured, agentPool } = workspace;
    const run = runs[0] && { data: { id: runs[0].id, type: 'runs' } };
    return {
      id,
      type: 'workspaces',
      attributes: { ...attributes, name, locked: lockedBy !== undefined },
      relationships: {
        organization: { data: { id: 'acme', type: 'organizations' } },
        project: { data: { id: project, type: 'projects' } },
        ...(run ? { 'latest-run': run, 'current-run': run } : {}),
        ...(lockedBy ? { 'locked-by': { data: lockedBy.ref } } : {}),
        ...(agentPool === undefined ? {} : { 'agent-pool': { data: { id: agentPool, type: 'agent-pools' } } }),
        ...(configured ? { 'current-configuration-version': { data: { id: 'cv-first', type: 'configuration-versions' } } } : {}),
      },
      links: { self: `/api/v2/organizations/acme/workspaces/${name}` },
    };
  }

  private readProjects(request: VendorRequestSeen): VendorReply {
    const names = request.query.get('filter[names]')?.split(',');
    const found = this.projects.filter(({ name }) => names?.includes(name) ?? true);
    return { status: 200, body: { data: found.map(({ id, name }) => ({ id, type: 'projects', attributes: { name } })) } };
  }

  private variables(request: VendorRequestSeen, id: string): VendorReply {
    const workspace = this.byId(id);
    if (!workspace) return failed(404, 'not found');
    if (request.method === 'GET') return { status: 200, body: { data: workspace.variables.map(variableResource) } };
    const { attributes } = dataIn(request);
    const { key = '', category = 'terraform' } = attributes as { key?: string; category?: string };
    if (workspace.variables.some((variable) => variable.key === key && variable.category === category)) {
      return failed(422, 'invalid attribute', 'Key has already been taken');
    }
    const empty = { value: '', sensitive: false, hcl: false, description: '' };
    const variable = { ...empty, ...attributes, id: this.id('var'), key, category, version: 1 };
    workspace.variables.push(variable);
    return { status: 201, body: { data: variableResource(variable) } };
  }

  private setVariable(request: VendorRequestSeen, id: string, variableId: string): VendorReply {
    const variable = this.byId(id)?.variables.find((candidate) => candidate.id === variableId);
    if (!variable) return failed(404, 'not found');
    const { attributes } = dataIn(request);
    if (variable.sensitive && attributes['sensitive'] === false) return failed(422, 'invalid attribute', 'Sensitive can not be taken back');
    Object.assign(variable, attributes, { version: variable.version + 1 });
    return { status: 200, body: { data: variableResource(variable) } };
  }

  private createUpload(request: VendorRequestSeen, workspaceId: string): VendorReply {
    const workspace = this.byId(workspaceId);
    if (!workspace) return failed(404, 'not found');
    const id = this.id('cv');
    const { attributes } = dataIn(request);
    this.configurations.set(id, { id, attributes, status: 'pending', body: undefined, looks: 0 });
    const address = `${this.url}/_archivist/v1/object/upload-secret-${id}`;
    const shown = { ...attributes, status: 'pending', source: 'tfe-api', error: null, 'error-message': null, 'upload-url': address };
    return { status: 201, body: { data: { id, type: 'configuration-versions', attributes: shown } } };
  }

  private readUpload(id: string): VendorReply {
    const upload = this.configurations.get(id);
    if (!upload) return failed(404, 'not found');
    const { looks, error } = this.uploads;
    if (upload.body && ++upload.looks > looks) upload.status = error === undefined ? 'uploaded' : 'errored';
    const shown = { ...upload.attributes, status: upload.status, source: 'tfe-api', 'error-message': error ?? null, 'upload-url': null };
    return { status: 200, body: { data: { id, type: 'configuration-versions', attributes: shown } } };
  }

  private createRun(request: VendorRequestSeen): VendorReply {
    const { attributes, relationships } = dataIn(request);
    const workspace = this.byId(relationships['workspace']?.data.id ?? '');
    if (!workspace) return failed(404, 'not found');
    const version = relationships['configuration-version']?.data.id;
    const uploaded = version === undefined ? workspace.configured : (this.configurations.get(version)?.status ?? 'uploaded') === 'uploaded';
    if (!uploaded) return failed(422, 'invalid attribute', 'Configuration version is missing or not uploaded');
    const whole = {
      message: 'Queued via API',
      'plan-only': false,
      'is-destroy': false,
      variables: [],
      'auto-apply': workspace.attributes['auto-apply'] === true,
      ...attributes,
    } as RunAttributes;
    const run = new TerraformStandInRun(this.id('run'), workspace.id, whole, version, this.script);
    workspace.runs.unshift(run);
    return { status: 201, body: { data: this.runResource(run) } };
  }

  private readRun(request: VendorRequestSeen, id: string): VendorReply {
    const run = this.runs.find((candidate) => candidate.id === id);
    const workspace = run && this.byId(run.workspaceId);
    if (!workspace) return failed(404, 'not found');
    const includes = new Set((request.query.get('include') ?? '').split(','));
    if (includes.has('apply') && !workspace.lockedBy) run.advance();
    const included = [
      ...(['plan', 'apply'] as const).filter((name) => includes.has(name)).map((name) => this.phaseResource(run, name)),
      ...(includes.has('cost_estimate') && run.script.cost ? [costResource(run)] : []),
      ...(includes.has('task_stages') && run.script.stage ? [stageResource(run)] : []),
      ...(includes.has('workspace') ? [this.workspaceResource(workspace)] : []),
    ];
    return { status: 200, body: { data: this.runResource(run), included } };
  }

  private listRuns(request: VendorRequestSeen, id: string): VendorReply {
    const workspace = this.byId(id);
    if (!workspace) return failed(404, 'not found');
    const wanted = this.searches ? (request.query.get('search[basic]') ?? '') : '';
    const found = workspace.runs
      .filter((run) => run.attributes.message.includes(wanted))
      .slice(0, Number(request.query.get('page[size]') ?? 20));
    return { status: 200, body: { data: found.map((run) => this.runResource(run)) } };
  }

  private act(id: string, action: string): VendorReply {
    const run = this.runs.find((candidate) => candidate.id === id);
    const status = run?.act(action) ?? 404;
    return status === 202 ? { status } : failed(status, status === 409 ? 'transition not allowed' : 'not found');
  }

  private runResource(run: TerraformStandInRun) {
    const { id, attributes, status, actions, script, forceFrom } = run;
    const stageRefs = script.stage ? { 'task-stages': { data: [{ id: `ts-${id}`, type: 'task-stages' }] } } : {};
    return {
      id,
      type: 'runs',
      attributes: {
        ...attributes,
        status,
        actions,
        source: 'tfe-api',
        'created-at': run.createdAt,
        'has-changes': run.planned && run.hasChanges,
        'position-in-queue': status === 'pending' ? 1 : 0,
        ...(forceFrom === undefined ? {} : { 'force-cancel-available-at': new Date(forceFrom).toISOString() }),
        permissions: { 'can-apply': true, 'can-cancel': true, 'can-discard': true, 'can-force-cancel': true, ...script.permissions },
      },
      relationships: {
        workspace: { data: { id: run.workspaceId, type: 'workspaces' } },
        plan: { data: { id: `plan-${id}`, type: 'plans' } },
        apply: { data: { id: `apply-${id}`, type: 'applies' } },
        'policy-checks': {
          data: script.policies && run.statuses.includes('policy_checking') ? [{ id: `polchk-${id}`, type: 'policy-checks' }] : [],
        },
        ...(script.cost ? { 'cost-estimate': { data: { id: `ce-${id}`, type: 'cost-estimates' } } } : {}),
        ...stageRefs,
      },
    };
  }

  private phaseResource(run: TerraformStandInRun, name: 'plan' | 'apply') {
    const { status } = run.phase(name);
    const { additions = 1, changes = 0, destructions = 0, imports = 0 } = run.script;
    const told = status === 'finished';
    const counts = {
      'resource-additions': told ? additions : null,
      'resource-changes': told ? changes : null,
      'resource-destructions': told ? destructions : null,
      'resource-imports': told ? imports : null,
    };
    const address = `${this.url}/_archivist/v1/object/log-secret-${name}-${run.id}`;
    const type = name === 'plan' ? 'plans' : 'applies';
    const changed = name === 'plan' ? { 'has-changes': told && run.hasChanges } : {};
    return { id: `${name}-${run.id}`, type, attributes: { status, ...counts, ...changed, 'log-read-url': address } };
  }

  private policyChecks(id: string): VendorReply {
    const policies = this.runs.find((candidate) => candidate.id === id)?.script.policies ?? 'pass';
    const failed_ = { pass: 0, soft: 1, hard: 1 }[policies];
    const attributes = {
      status: { pass: 'passed', soft: 'soft_failed', hard: 'hard_failed' }[policies],
      scope: 'organization',
      result: {
        result: policies === 'pass',
        passed: 3,
        'total-failed': failed_,
        'hard-failed': policies === 'hard' ? 1 : 0,
        'soft-failed': policies === 'soft' ? 1 : 0,
        'advisory-failed': 0,
      },
    };
    return { status: 200, body: { data: [{ id: `polchk-${id}`, type: 'policy-checks', attributes }] } };
  }

  private policyEvaluations(stage: string): VendorReply {
    const counts = { 'advisory-failed': 1, 'mandatory-failed': 1, passed: 2, errored: 0 };
    const attributes = { status: 'failed', 'policy-kind': 'opa', 'result-count': counts };
    return { status: 200, body: { data: [{ id: `poleval-${stage}`, type: 'policy-evaluations', attributes }] } };
  }

  private redactedPlan(runId: string): VendorReply {
    return { status: 307, headers: { location: `${this.url}/_archivist/v1/object/plan-secret-${runId}` } };
  }

  private stateOutputs(id: string): VendorReply {
    const data = (this.byId(id)?.outputs ?? []).map(({ name, value, sensitive }) => ({
      id: `wsout-${name}`,
      type: 'state-version-outputs',
      attributes: { name, sensitive, type: typeof value, value: sensitive ? null : value },
    }));
    return { status: 200, body: { data } };
  }

  private stateVersion(id: string): VendorReply {
    const made = this.byId(id)?.runs.find(({ status }) => status === 'applied');
    if (!made) return failed(404, 'not found');
    const relationships = { run: { data: { id: made.id, type: 'runs' } } };
    return { status: 200, body: { data: { id: 'sv-1', type: 'state-versions', attributes: { serial: 1 }, relationships } } };
  }

  /** What needs no credentials, since its address is a secret. */
  private storage(request: VendorRequestSeen): VendorReply {
    if (request.headers.authorization !== undefined) this.violations.push(`${request.method} ${request.path}: carries credentials`);
    const [, kind, rest = ''] = /\/(upload|log|plan)-secret-(.+)$/.exec(request.path) ?? [];
    if (kind === 'upload') {
      const upload = this.configurations.get(rest);
      if (!upload || request.method !== 'PUT') return failed(404, 'not found');
      upload.body = request.raw;
      return { status: 200 };
    }
    if (kind === 'plan') return { status: 200, body: PLAN };
    const [, name, runId] = /^(plan|apply)-(.+)$/.exec(rest) ?? [];
    const run = this.runs.find((candidate) => candidate.id === runId);
    if (!run) return failed(404, 'not found');
    const bytes = Buffer.from(run.phase(name as 'plan' | 'apply').log);
    const offset = Number(request.query.get('offset'));
    return { status: 200, text: bytes.subarray(offset, offset + Number(request.query.get('limit'))).toString('utf8') };
  }
}

const PLAN = {
  format_version: '1.2',
  resource_changes: [
    { address: 'terraform_data.app', change: { actions: ['create'], before: null, after: { input: 'secret-looking' } } },
    { address: 'terraform_data.same', change: { actions: ['no-op'] } },
  ],
  output_changes: { url: { actions: ['create'] } },
};

const failed = (status: number, title: string, detail?: string): VendorReply => ({
  status,
  body: { errors: [{ status: String(status), title, ...(detail === undefined ? {} : { detail }) }] },
});

function dataIn({ body }: VendorRequestSeen): { attributes: Attributes; relationships: Record<string, { data: Ref }> } {
  const { data } = (body ?? {}) as { data?: { attributes?: Attributes; relationships?: Record<string, { data: Ref }> } };
  return { attributes: data?.attributes ?? {}, relationships: data?.relationships ?? {} };
}

function variableResource({ id, version, ...attributes }: TerraformStandInVariable) {
  const value = attributes.sensitive ? null : attributes.value;
  return { id, type: 'vars', attributes: { ...attributes, value, 'version-id': `${id}-${version}` } };
}

function costResource({ id, script, statuses }: TerraformStandInRun) {
  const { prior, proposed } = script.cost ?? { prior: '0', proposed: '0' };
  const finished = statuses.includes('cost_estimated');
  const delta = String(Number(proposed) - Number(prior));
  const costs = { 'prior-monthly-cost': prior, 'proposed-monthly-cost': proposed, 'delta-monthly-cost': delta };
  return { id: `ce-${id}`, type: 'cost-estimates', attributes: { status: finished ? 'finished' : 'pending', ...(finished ? costs : {}) } };
}

function stageResource({ id, status }: TerraformStandInRun) {
  const attributes = { stage: 'post_plan', status: status === 'post_plan_awaiting_decision' ? 'awaiting_override' : 'pending' };
  const evaluations = { data: [{ id: `poleval-ts-${id}`, type: 'policy-evaluations' }] };
  return { id: `ts-${id}`, type: 'task-stages', attributes, relationships: { 'policy-evaluations': evaluations } };
}
