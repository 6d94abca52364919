import { createHash, verify, type KeyObject } from 'node:crypto';
import { jobRecord, pendingRecord, runRecord, userRecord, type StandInJob, type StandInRun } from './github-records.js';
import { VendorContract } from './vendor-contract.js';
import { VendorServer, type VendorReply, type VendorRequestSeen } from './vendor-server.js';

export type { StandInJob, StandInRun } from './github-records.js';

const contracts = new Map<string, VendorContract>();
const contractOf = (file: string): VendorContract => {
  const known = contracts.get(file) ?? new VendorContract(file);
  contracts.set(file, known);
  return known;
};

export interface StandInWorkflow {
  id: number;
  file: string;
  name: string;
  /** Its `run-name`, over the inputs of a dispatch; without one a run has the workflow's name. */
  runName?: (inputs: Record<string, string>) => string;
  /** Those it declares; the others are refused. */
  inputs: string[];
  refs: string[];
}

/** What each new run does by itself: so many reads of it (or of a list that has it) later it runs, and so many more later it concludes. */
export interface StandInCourse {
  startsAfter: number;
  endsAfter: number;
  conclusion: string;
}

const refusal = (status: number, message: string): VendorReply => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com/rest' },
});

/**
 * GitHub's Actions: dispatches, runs, jobs, reviews, cancels, logs, tokens and Apps, for one repository. `enterprise` is a server 3.19: below
 * `/api/v3`, and it refuses `return_run_details`.
 */
export class GithubServer extends VendorServer {
  readonly repository = 'acme/shop';
  readonly runs: StandInRun[] = [];
  readonly workflows: StandInWorkflow[] = [
    {
      id: 11,
      file: 'deploy.yml',
      name: 'Deploy',
      runName: ({ slipway_job }) => `deploy ${slipway_job ?? ''}`,
      inputs: ['slipway_job', 'version'],
      refs: ['main', 'v1'],
    },
  ];
  /** Tokens that are taken, with what they may do to Actions. */
  readonly tokens = new Map<string, 'read' | 'write'>([['ghp_test', 'write']]);
  /** The App that is installed, and the tokens it got. */
  app: { id: string; publicKey: KeyObject; installation: number; lastsMs: number } | undefined;
  issued = 0;
  /** Undefined: runs wait for the test. */
  course: StandInCourse | undefined;
  /** What the jobs of new runs have written; a line of their own by default. */
  logOfNewJobs: string | undefined;
  /** So many answers of lists do not show a new run yet. */
  listLag = 0;
  /** `cancel` is taken and nothing comes of it; only `force-cancel` ends a run. */
  cancelIsIgnored = false;
  /** What is left of the hour's requests; undefined: no limit is told. Answers 304 cost nothing. */
  remaining: number | undefined;
  private readonly reads = new Map<number, number>();
  private readonly listsSince = new Map<number, number>();
  private nextId = 1_000;

  constructor(options: { enterprise?: boolean; tls?: boolean } = {}) {
    super({
      contract: contractOf(options.enterprise ? 'ghes-3.19.openapi.json' : 'github.openapi.json'),
      ...(options.enterprise ? { basePath: '/api/v3' } : {}),
      ...(options.tls ? { tls: true } : {}),
      undocumented: [/^GET \/storage\//],
      mistaken: [
        // Its text says that `created` takes a range, as GitHub's searches do; its format says a single time.
        /query created (>=)?\S+Z must match format "date-time"$/,
        /→ 304: the document knows no such answer$/,
        ...(options.enterprise ? [/return_run_details/] : []),
      ],
    });
    this.enterprise = options.enterprise ?? false;
  }
  private readonly enterprise: boolean;

  /** The base of its API. */
  get api(): string {
    return `${this.url}${this.enterprise ? '/api/v3' : ''}`;
  }

  /** The runs that were dispatched with this job's id. */
  runsOf(id: string): StandInRun[] {
    return this.runs.filter(({ inputs }) => Object.values(inputs).includes(id));
  }

  change(run: StandInRun, change: Partial<StandInRun>): void {
    Object.assign(run, change, { updatedAt: Math.max(Date.now(), run.updatedAt + 1_000) });
  }

  /** Conclude it, its jobs too. */
  conclude(run: StandInRun, conclusion: string): void {
    const ended = conclusion === 'success' || conclusion === 'failure' ? conclusion : 'cancelled';
    for (const job of run.jobs) {
      Object.assign(job, { status: 'completed', conclusion: ended });
      for (const step of job.steps) Object.assign(step, { status: 'completed', conclusion: step === job.steps.at(-1) ? ended : 'success' });
    }
    this.change(run, { status: 'completed', conclusion, pending: [] });
  }

  /** A run that somebody began in the browser. */
  addRun(title: string, inputs: Record<string, string> = {}): StandInRun {
    return this.newRun(this.workflows[0] as StandInWorkflow, 'main', inputs, title);
  }

  protected override answer(request: VendorRequestSeen): VendorReply {
    const storage = /^\/storage\/(\d+)$/.exec(request.path);
    if (storage) return this.log(request, Number(storage[1]));
    const app = this.answerApp(request);
    if (app) return app;
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const may = this.tokens.get(token);
    if (!may) return refusal(401, 'Bad credentials');
    const [, repository, rest = ''] = /^\/repos\/([^/]+\/[^/]+)\/actions\/(.*)$/.exec(request.path) ?? [];
    if (repository !== this.repository) return refusal(404, 'Not Found');
    if (request.method !== 'GET' && may === 'read') return refusal(403, 'Resource not accessible by personal access token');
    return this.tagged(request, this.answerActions(request, rest));
  }

  private answerActions(request: VendorRequestSeen, rest: string): VendorReply {
    const [what = '', id = '', more = ''] = rest.split('/');
    if (what === 'workflows') {
      const workflow = this.workflows.find(({ file, id: number }) => file === decodeURIComponent(id) || String(number) === id);
      if (!workflow) return refusal(404, 'Not Found');
      if (more === 'dispatches') return this.dispatch(workflow, request);
      return more === 'runs' ? this.list(request, workflow) : { status: 200, body: this.workflowRecord(workflow) };
    }
    if (what === 'runs' && id === '') return this.list(request, undefined);
    if (what === 'jobs') return this.logLink(Number(id));
    const run = this.runs.find((candidate) => candidate.id === Number(id));
    if (!run) return refusal(404, 'Not Found');
    switch (more) {
      case '':
        this.proceed(run);
        return { status: 200, body: this.record(run) };
      case 'jobs':
        return { status: 200, body: { total_count: run.jobs.length, jobs: run.jobs.map((job) => jobRecord(this.url, run, job)) } };
      case 'pending_deployments':
        return { status: 200, body: run.pending.map((pending) => pendingRecord(this.url, pending)) };
      case 'cancel':
      case 'force-cancel':
        if (run.status === 'completed') return refusal(409, 'Cannot cancel a workflow run that is completed.');
        if (more === 'force-cancel' || !this.cancelIsIgnored) this.conclude(run, 'cancelled');
        return { status: 202, body: {} };
      default:
        return refusal(404, 'Not Found');
    }
  }

  private dispatch(workflow: StandInWorkflow, { body }: VendorRequestSeen): VendorReply {
    const {
      ref,
      inputs = {},
      return_run_details: details,
    } = body as { ref: string; inputs?: Record<string, string>; return_run_details?: boolean };
    if (this.enterprise && details !== undefined) {
      return refusal(400, 'Invalid request.\n\n"return_run_details" is not a permitted key.');
    }
    if (!workflow.refs.includes(ref)) return refusal(422, `No ref found for: ${ref}`);
    const unexpected = Object.keys(inputs).filter((name) => !workflow.inputs.includes(name));
    if (unexpected.length > 0) return refusal(422, `Unexpected inputs provided: ${JSON.stringify(unexpected)}`);
    const run = this.newRun(workflow, ref, inputs, workflow.runName?.(inputs) ?? workflow.name);
    if (!details) return { status: 204 };
    const { url, html_url } = this.record(run) as { url: string; html_url: string };
    return { status: 200, body: { workflow_run_id: run.id, run_url: url, html_url } };
  }

  private newRun(workflow: StandInWorkflow, ref: string, inputs: Record<string, string>, title: string): StandInRun {
    const id = ++this.nextId;
    const now = Date.now();
    const steps = ['Set up job', 'Apply'].map((name) => ({ name, status: 'queued', conclusion: null }));
    const jobs: StandInJob[] = [
      { id: id * 10, name: 'deploy', status: 'queued', conclusion: null, steps, log: this.logOfNewJobs ?? `log of run ${id}\n` },
    ];
    const run: StandInRun = {
      ...{ id, repository: this.repository, workflow: workflow.file, title, event: 'workflow_dispatch', ref, inputs, jobs, pending: [] },
      ...{ status: 'queued', conclusion: null, attempt: 1, createdAt: now, updatedAt: now },
    };
    this.runs.unshift(run);
    this.listsSince.set(id, 0);
    return run;
  }

  private list({ query }: VendorRequestSeen, workflow: StandInWorkflow | undefined): VendorReply {
    for (const [id, lists] of this.listsSince) this.listsSince.set(id, lists + 1);
    const [from = '', to] = (query.get('created') ?? '').replace(/^>=/, '').split('..');
    const all = this.runs.filter((run) => {
      const created = new Date(run.createdAt).toISOString();
      const inTime = created >= from && (to === undefined || created <= to);
      return inTime && (!workflow || run.workflow === workflow.file) && (this.listsSince.get(run.id) ?? 0) > this.listLag;
    });
    const perPage = Number(query.get('per_page') ?? 30);
    const page = Number(query.get('page') ?? 1);
    const shown = all.slice((page - 1) * perPage, page * perPage);
    for (const run of shown) if (!workflow) this.proceed(run);
    return { status: 200, body: { total_count: all.length, workflow_runs: shown.map((run) => this.record(run)) } };
  }

  /** The run goes its course, one read further. */
  private proceed(run: StandInRun): void {
    if (!this.course || run.status === 'completed') return;
    const reads = (this.reads.get(run.id) ?? 0) + 1;
    this.reads.set(run.id, reads);
    const { startsAfter, endsAfter, conclusion } = this.course;
    if (reads > startsAfter + endsAfter) return this.conclude(run, conclusion);
    if (reads <= startsAfter || run.status === 'in_progress') return;
    for (const job of run.jobs) {
      job.status = 'in_progress';
      Object.assign(job.steps[0] ?? {}, { status: 'completed', conclusion: 'success' });
      Object.assign(job.steps[1] ?? {}, { status: 'in_progress' });
    }
    this.change(run, { status: 'in_progress' });
  }

  private logLink(jobId: number): VendorReply {
    const job = this.runs.flatMap(({ jobs }) => jobs).find(({ id }) => id === jobId);
    if (job?.status !== 'completed') return refusal(404, 'Not Found');
    return { status: 302, headers: { location: `${this.url}/storage/${jobId}?signature=s3cr3t-of-${jobId}` } };
  }

  private log({ headers, query }: VendorRequestSeen, jobId: number): VendorReply {
    if (headers.authorization !== undefined) this.violations.push('the storage was sent the credentials');
    const job = this.runs.flatMap(({ jobs }) => jobs).find(({ id }) => id === jobId);
    if (!job || query.get('signature') !== `s3cr3t-of-${jobId}`) return { status: 403, text: 'no' };
    return { status: 200, text: `\ufeff${job.log}` };
  }

  /** Answers of the App itself, which shows a JWT. */
  private answerApp(request: VendorRequestSeen): VendorReply | undefined {
    const { app } = this;
    const bought = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(request.path);
    if (!bought && request.path !== `/repos/${this.repository}/installation`) return undefined;
    const problem = jwtProblem(request.headers.authorization?.replace(/^Bearer /, '') ?? '', app);
    if (problem !== undefined || !app) return refusal(401, problem ?? 'no App');
    if (!bought) return { status: 200, body: this.installationRecord(app) };
    if (Number(bought[1]) !== app.installation) return refusal(404, 'Not Found');
    const token = `ghs_${++this.issued}_${'x'.repeat(300)}`;
    this.tokens.set(token, 'write');
    const expires_at = new Date(Date.now() + app.lastsMs).toISOString();
    return { status: 201, body: { token, expires_at, permissions: { actions: 'write' }, repository_selection: 'selected' } };
  }

  private installationRecord(app: { installation: number }): unknown {
    const of = (path: string): string => `${this.url}/app/installations/${app.installation}${path}`;
    return {
      ...{ id: app.installation, account: userRecord(this.url, 'acme'), repository_selection: 'selected', app_id: 3, app_slug: 'slipway' },
      ...{ access_tokens_url: of('/access_tokens'), repositories_url: of('/repositories'), html_url: of(''), target_id: 1 },
      ...{ target_type: 'Organization', permissions: { actions: 'write' }, events: [], single_file_name: null, suspended_by: null },
      ...{ created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z', suspended_at: null },
    };
  }

  private workflowRecord({ id, file, name }: StandInWorkflow): unknown {
    const path = `.github/workflows/${file}`;
    const api = `${this.url}/repos/${this.repository}/actions/workflows/${id}`;
    const times = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' };
    return { id, node_id: `W_${id}`, name, path, state: 'active', ...times, url: api, html_url: api, badge_url: `${api}/badge.svg` };
  }

  private record(run: StandInRun): Record<string, unknown> {
    return runRecord(this.url, run, this.workflows.find(({ file }) => file === run.workflow)?.id ?? 0);
  }

  /** With the limit's headers, and unchanged where the request says that it has this already. */
  private tagged({ method, headers }: VendorRequestSeen, reply: VendorReply): VendorReply {
    if ('stream' in reply) return reply;
    const etag = `W/"${createHash('sha1')
      .update(JSON.stringify(reply.body ?? ''))
      .digest('hex')}"`;
    const known = method === 'GET' && reply.status === 200 && headers['if-none-match'] === etag;
    if (this.remaining !== undefined && !known) this.remaining = Math.max(0, this.remaining - 1);
    const limit: Record<string, string> =
      this.remaining === undefined
        ? {}
        : { 'x-ratelimit-remaining': String(this.remaining), 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1_000) + 3_600) };
    const tag: Record<string, string> = method === 'GET' && reply.status === 200 ? { etag } : {};
    if (known) return { status: 304, headers: { ...limit, ...tag } };
    return { ...reply, headers: { ...limit, ...tag, ...reply.headers } };
  }
}

function jwtProblem(jwt: string, app: GithubServer['app']): string | undefined {
  const [header = '', claims = '', signature = ''] = jwt.split('.');
  if (!app || !verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), app.publicKey, Buffer.from(signature, 'base64url')))
    return 'A JSON web token could not be decoded';
  const { iat, exp, iss } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iat: number; exp: number; iss: string };
  const now = Date.now() / 1_000;
  if (iss !== app.id) return "'Issuer' claim ('iss') must be an App's id";
  if (iat > now) return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  return exp < now || exp > now + 600 ? "'Expiration time' claim ('exp') is too far in the future" : undefined;
}
