import { createHash } from 'node:crypto';
import { githubActionsExecutorSchema, type GithubActionsConfig } from '@slipway/contracts';
import type { JobSpec } from '@slipway/core';
import type { AgentClock, Timers } from '../../ports.js';
import { cleanText } from '../../text.js';
import { pause } from '../../timers.js';
import { Ambiguous, Interrupted, NotSent } from '../../vendor/failures.js';
import type { VendorClients } from '../../vendor/vendor-clients.js';
import { Refused, type Executor, type Observation, type Outcome, type Reach, type Run } from '../executor.js';
import { readJobs, readRun, type WorkflowJobs, type WorkflowRun } from './answers.js';
import { outcomeOf, phaseOf } from './conclusions.js';
import { AppCredentials, said, tokenCredentials, type Asking } from './credentials.js';
import { dispatch, type WithoutRunDetails } from './dispatch.js';
import { GithubSession } from './github-session.js';
import { copyLogs } from './job-logs.js';
import { askingOf, Narrator } from './narrator.js';
import { limitOf } from './rate-limits.js';
import { RepositoryPoller } from './repository-poller.js';
import { awaitRun, earliestOf, GLANCE, look, type Sought } from './run-search.js';

/** A run may be cancelled for so long before it is forced; the controller gives up on the whole after 120 s. */
const CANCEL_MS = { looksEvery: 2_000, grace: 30_000, max: 100_000 };
/** After its end, a run's jobs and logs are read for so long at most: the outcome waits for it. */
const AFTERMATH_MS = { usual: 60_000, ending: 3_000 };
/** What may have begun is looked for so long after the run was to end: whoever then cancels it can tell how it really ended. */
const LOOK_ON_MS = 15_000;
/** What clocks and GitHub's rounding to seconds may differ between a dispatch and its run. */
const BEFORE_DISPATCH_MS = 120_000;
/** Sessions are caches: those of credentials that were replaced may go. */
const SESSIONS_MAX = 64;

const NOTE = {
  /** Set before the dispatch is sent: from when on its run may be there, by GitHub's clock. */
  sent: 'github.sent',
  /** The workflow run, once it is known. */
  run: 'github.run',
} as const;

/** The executor's parts for one run. */
interface Open extends Sought {
  poller: RepositoryPoller;
}

/**
 * Dispatches a workflow and follows its run. The run's id is an input of the dispatch and stands in the workflow's `run-name`: by it any agent
 * finds in GitHub what was begun. Notes are only a cache of what was found.
 */
export class GithubActionsExecutor implements Executor {
  readonly type = 'github-actions';
  private readonly sessions = new Map<string, { session: GithubSession; pollers: Map<string, RepositoryPoller> }>();
  private readonly withoutRunDetails: WithoutRunDetails = new Set();
  /** Runs that this life of the agent was to begin: of these it knows what it sent. */
  private readonly ours = new WeakSet<Run>();

  constructor(
    private readonly clients: VendorClients,
    private readonly time: { clock: AgentClock; timers: Timers },
  ) {}

  validate(config: JobSpec['executor']): string | undefined {
    const parsed = githubActionsExecutorSchema.safeParse(config);
    if (parsed.success) return undefined;
    return parsed.error.issues.map((issue) => `executor.${issue.path.join('.')} ${issue.message}`).join('; ');
  }

  secretReferences(config: JobSpec['executor']): Record<string, string> {
    const { token, app } = githubActionsExecutorSchema.parse(config);
    return { ...(token === undefined ? {} : { token }), ...(app ? { privateKey: app.privateKey } : {}) };
  }

  reaches(config: JobSpec['executor']): Reach {
    const { server, repository } = githubActionsExecutorSchema.parse(config);
    return { servers: [new URL(server).origin], repositories: [repository] };
  }

  async observe(run: Run): Promise<Observation> {
    const open = this.open(run);
    const asking = askingOf(run, this.lookingOn(run));
    const noted = notedRun(run);
    const seen = noted === undefined ? await this.find(run, open, asking) : await this.read(open, noted, asking);
    if (!seen) return 'notStarted';
    if (phaseOf(seen) !== 'ended') return 'running';
    return seen.conclusion === 'success' ? 'succeeded' : 'failed';
  }

  async start(run: Run): Promise<void> {
    if (notedRun(run) !== undefined) return;
    this.ours.add(run);
    const asking = askingOf(run, run.ending);
    try {
      const open = this.open(run);
      // Whoever began it: it is looked for once before it is begun. This tells GitHub's time, too.
      const before = await look(open, earliestOf(run.id, this.time.clock), asking, GLANCE);
      if (before.found) return this.noteRun(run, before.found.id);
      await this.begin(run, open, (before.at ?? this.time.clock.now()) - BEFORE_DISPATCH_MS, asking);
    } catch (error) {
      if (error instanceof NotSent) throw new Refused(error.message);
      throw error;
    }
  }

  async follow(run: Run): Promise<Outcome> {
    const open = this.open(run);
    const { config } = open;
    const asking = askingOf(run, run.signal);
    const id = notedRun(run) ?? (await this.find(run, open, asking))?.id;
    if (id === undefined)
      return { verb: 'unknown', message: `no run of ${config.workflow} in ${config.repository} is named with ${run.id}` };
    const narrator = new Narrator(run, config, open.session, asking);
    const watch = open.poller.watch(id, sentAt(run) ?? earliestOf(run.id, this.time.clock), asking.hide);
    try {
      for (;;) {
        const seen = await watch.next(run.signal);
        if (run.signal.aborted) return { verb: 'unknown', message: 'not followed any more' };
        if (seen.lost !== undefined) return { verb: 'unknown', message: seen.lost };
        if (seen.run && phaseOf(seen.run) === 'ended') return await this.end(run, open, seen.run);
        if (seen.waiting === undefined) await narrator.tell(seen);
        else narrator.waits(seen.waiting);
      }
    } finally {
      watch.close();
    }
  }

  async cancel(run: Run): Promise<boolean> {
    const over = new AbortController();
    const stopTimer = this.time.timers.after(CANCEL_MS.max, () => over.abort());
    try {
      const asking = askingOf(run, AbortSignal.any([run.signal, over.signal]));
      if (notedRun(run) === undefined && this.ours.has(run) && sentAt(run) === undefined) return true;
      const open = this.open(run);
      const id = notedRun(run) ?? (await this.find(run, open, asking))?.id;
      // Sent by us and found by nobody: it may come yet.
      if (id === undefined) return sentAt(run) === undefined;
      return await this.stopRun(open, id, asking);
    } catch (error) {
      if (error instanceof Interrupted) return false;
      throw error;
    } finally {
      stopTimer();
    }
  }

  /** Sends the dispatch and finds its run. */
  private async begin(run: Run, open: Open, since: number, asking: Asking): Promise<void> {
    const { config } = open;
    run.note(NOTE.sent, since);
    let doubt = 'GitHub took the dispatch';
    try {
      const id = await dispatch(open, this.withoutRunDetails, asking);
      if (id !== undefined) return this.noteRun(run, id);
    } catch (error) {
      if (!(error instanceof Ambiguous)) {
        // Certainly nothing was begun.
        run.note(NOTE.sent, null);
        throw error;
      }
      doubt = `GitHub may have taken the dispatch (${error.message})`;
    }
    const { found, untold } = await awaitRun(open, since, askingOf(run, this.lookingOn(run)), this.time).catch((error: unknown) => {
      // What is refused now says nothing of what was begun before.
      throw error instanceof Refused ? new Error(`${cleanText(doubt, 500)}, and its run could not be looked up: ${error.message}`) : error;
    });
    if (found) return this.noteRun(run, found.id);
    throw new Error(
      `${cleanText(doubt, 500)}, and no run of ${config.workflow} named with ${run.id} appeared within a minute${untold === undefined ? `; its run-name must hold \${{ inputs.${config.jobInput} }}` : `: ${untold}`}`,
    );
  }

  /** Fires when the run is to end and has had its time to be found. */
  private lookingOn(run: Run): AbortSignal {
    const over = new AbortController();
    const arm = (): void => {
      if (!run.signal.aborted) this.time.timers.after(LOOK_ON_MS, () => over.abort());
    };
    if (run.ending.aborted) arm();
    else run.ending.addEventListener('abort', arm, { once: true });
    return AbortSignal.any([run.signal, over.signal]);
  }

  /** The run in GitHub, once the list had the time to show it. Throws where it can't be told that there is none. */
  private async find(run: Run, open: Open, asking: Asking): Promise<WorkflowRun | undefined> {
    const since = sentAt(run) ?? earliestOf(run.id, this.time.clock);
    const { found, untold } = await awaitRun(open, since, asking, this.time);
    if (found) this.noteRun(run, found.id);
    else if (untold !== undefined) throw new Error(untold);
    return found;
  }

  private noteRun(run: Run, id: number): void {
    run.note(NOTE.run, id);
  }

  private async read({ session, config }: Open, id: number, asking: Asking): Promise<WorkflowRun> {
    const path = `/repos/${config.repository}/actions/runs/${id}`;
    const answer = await session.ask({ method: 'GET', path, query: { exclude_pull_requests: true } }, asking);
    const seen = answer.status === 200 ? readRun(answer.json) : undefined;
    if (!seen) throw new Error(`run ${id} of ${config.repository} could not be read: ${said(answer)}`);
    return seen;
  }

  /** Cancels it, forces it after a grace, and waits until it has ended. */
  private async stopRun(open: Open, id: number, asking: Asking): Promise<boolean> {
    const { session, config, poller } = open;
    const post = (what: 'cancel' | 'force-cancel') =>
      session.ask({ method: 'POST', path: `/repos/${config.repository}/actions/runs/${id}/${what}` }, asking);
    const forceAt = this.time.clock.monotonic() + CANCEL_MS.grace;
    let what: 'cancel' | 'force-cancel' = 'cancel';
    let taken = false;
    for (;;) {
      if (!taken) {
        const answer = await post(what);
        if (answer.status === 401 || answer.status === 403) throw new Error(`GitHub did not let run ${id} be cancelled: ${said(answer)}`);
        // Else, with 409, it has ended, or can't be cancelled just now; reading tells which.
        taken = answer.status === 202;
      }
      const seen = await this.read(open, id, asking);
      if (phaseOf(seen) === 'ended') {
        poller.offer(seen);
        return true;
      }
      await pause(this.time.timers, CANCEL_MS.looksEvery, asking.signal);
      if (asking.signal.aborted) return false;
      if (what === 'cancel' && this.time.clock.monotonic() >= forceAt) {
        what = 'force-cancel';
        taken = false;
      }
    }
  }

  private async end(run: Run, open: Open, ended: WorkflowRun): Promise<Outcome> {
    const { config, session } = open;
    const over = new AbortController();
    const stopTimer = this.time.timers.after(run.ending.aborted ? AFTERMATH_MS.ending : AFTERMATH_MS.usual, () => over.abort());
    let jobs: WorkflowJobs | undefined;
    try {
      const asking = { ...askingOf(run, AbortSignal.any([run.signal, over.signal])), waiting: () => {} };
      const path = `/repos/${config.repository}/actions/runs/${ended.id}/jobs`;
      const answer = await session.ask({ method: 'GET', path, query: { filter: 'latest', per_page: 100 } }, asking);
      jobs = answer.status === 200 ? readJobs(answer.json) : undefined;
      if (jobs) await copyLogs(run, config, session, jobs, asking);
    } catch (error) {
      run.output.write('agent', `the jobs of run ${ended.id} could not be read: ${(error as Error).message}\n`);
    } finally {
      stopTimer();
    }
    return outcomeOf({ config, run: ended, jobs, stopped: run.ending.aborted });
  }

  /** Throws `Refused` where the credentials can't be used at all. */
  private open(run: Run): Open {
    const config = githubActionsExecutorSchema.parse(run.config);
    const { session, pollers } = this.sessionOf(config, run.secrets);
    const poller = pollers.get(config.repository) ?? new RepositoryPoller(session, config.repository, this.time);
    pollers.set(config.repository, poller);
    return { session, poller, config, runId: run.id };
  }

  private sessionOf(config: GithubActionsConfig, secrets: Readonly<Record<string, string>>) {
    const { server, caFile, app, repository } = config;
    const client = this.clients.client(`github ${server} ${caFile ?? ''}`, () => ({
      base: server,
      // Every request carries the credentials of its own session.
      authorize: async () => ({}),
      headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
      limit: limitOf(this.time.clock),
      ...(caFile === undefined ? {} : { caFile }),
    }));
    const { token = '', privateKey = '' } = secrets;
    const identity = app ? [app.id, app.installation ?? '', repository, privateKey] : [token];
    const key = createHash('sha256')
      .update(JSON.stringify([server, caFile, identity]))
      .digest('hex');
    const known = this.sessions.get(key);
    if (known) return known;
    const credentials = app
      ? new AppCredentials(client, { id: app.id, privateKey, installation: app.installation, repository }, this.time)
      : tokenCredentials(token);
    const made = { session: new GithubSession(client, credentials, this.time), pollers: new Map<string, RepositoryPoller>() };
    this.sessions.set(key, made);
    for (const oldest of this.sessions.keys()) {
      if (this.sessions.size <= SESSIONS_MAX) break;
      this.sessions.delete(oldest);
    }
    return made;
  }
}

function notedRun(run: Run): number | undefined {
  const id = run.notes[NOTE.run];
  return typeof id === 'number' ? id : undefined;
}

function sentAt(run: Run): number | undefined {
  const at = run.notes[NOTE.sent];
  return typeof at === 'number' ? at : undefined;
}
