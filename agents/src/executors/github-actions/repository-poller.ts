import type { AgentClock, Timers } from '../../ports.js';
import { pause } from '../../timers.js';
import { Interrupted } from '../../vendor/failures.js';
import type { VendorAnswer } from '../../vendor/vendor-client.js';
import { readJobs, readRun, readRuns, type WorkflowJobs, type WorkflowRun } from './answers.js';
import { phaseOf } from './conclusions.js';
import { said, type Asking } from './credentials.js';
import type { GithubSession } from './github-session.js';

/** Runs that begin together are first asked about together. */
const FIRST_MS = 1_000;
/** Between two rounds: while something moves, when nothing has for a while, and when all wait for people. */
const EVERY_MS = { moving: 5_000, quiet: 15_000, waiting: 30_000, troubled: 60_000 };
const QUIET_AFTER_MS = 120_000;
/** More runs than this are read from the repository's list, a hundred in one request. */
const SINGLE_MAX = 3;
const LIST_PAGES_MAX = 3;
/** Runs begun longer ago are read one by one, or the list would have to reach back to them. */
const LIST_BACK_MS = 6 * 3_600_000;
/** Of runs that no list had, and of jobs of runs under way, so many are read in one round, in turn. */
const IN_TURN_MAX = 5;
/** A run that GitHub refuses to show so often in a row is given up; from the second time on a minute lies between. */
const REFUSALS_MAX = 6;
const PER_PAGE = 100;

/** What is known of one run. */
export interface Seen {
  run?: WorkflowRun;
  jobs?: WorkflowJobs;
  /** What is waited for, since the last news. */
  waiting?: string | undefined;
  /** Set once GitHub does not show it any more: why. */
  lost?: string;
}

/** One run that is followed: `next` tells what is new of it. */
export class RunWatch {
  readonly seen: Seen = {};
  refusals = 0;
  readAt = -Infinity;
  jobsAt = -Infinity;
  private fresh = false;
  private wake: (() => void) | undefined;

  constructor(
    readonly id: number,
    /** It was not there before this, by GitHub's clock. */
    readonly since: number,
    readonly hide: Asking['hide'],
    readonly close: () => void,
  ) {}

  /** Resolves when there is something new, or the signal fires. */
  async next(signal: AbortSignal): Promise<Seen> {
    if (!this.fresh && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      const stop = (): void => resolve();
      signal.addEventListener('abort', stop, { once: true });
      await promise;
      signal.removeEventListener('abort', stop);
    }
    this.fresh = false;
    return { ...this.seen };
  }

  tell(news: Seen): void {
    Object.assign(this.seen, { waiting: undefined }, news);
    this.fresh = true;
    this.wake?.();
  }
}

/**
 * Follows all runs of one repository that have the same credentials: one round of requests at a time, conditional (an answer "not modified" does
 * not count against the limit), from the list when there are many, and as often as the limit allows.
 */
export class RepositoryPoller {
  private readonly watches = new Set<RunWatch>();
  /** By address: what was last read, to be asked for again with its tag. */
  private tagged = new Map<string, { etag: string; json: unknown }>();
  private stop = new AbortController();
  private hurry = new AbortController();
  private polling = false;
  private changedAt = 0;
  /** Requests of the last round that counted. */
  private counted = 0;

  constructor(
    private readonly session: GithubSession,
    private readonly repository: string,
    private readonly time: { clock: AgentClock; timers: Timers },
  ) {}

  watch(id: number, since: number, hide: Asking['hide']): RunWatch {
    const watch = new RunWatch(id, since, hide, () => {
      this.watches.delete(watch);
      if (this.watches.size === 0) this.stop.abort();
    });
    this.watches.add(watch);
    this.hurry.abort();
    if (!this.polling) void this.poll();
    return watch;
  }

  /** Somebody else has read this run. */
  offer(run: WorkflowRun): void {
    for (const watch of this.watches) if (watch.id === run.id) this.take(watch, run);
  }

  private async poll(): Promise<void> {
    this.polling = true;
    while (this.watches.size > 0) {
      this.stop = new AbortController();
      this.hurry = new AbortController();
      this.changedAt = this.time.clock.monotonic();
      await pause(this.time.timers, FIRST_MS, this.stop.signal);
      while (!this.stop.signal.aborted) {
        await this.round().catch((error: unknown) => {
          if (!(error instanceof Interrupted)) this.trouble([...this.watches], (error as Error).message);
        });
        await pause(this.time.timers, this.intervalMs(), AbortSignal.any([this.stop.signal, this.hurry.signal]));
        if (!this.hurry.signal.aborted) continue;
        this.hurry = new AbortController();
        await pause(this.time.timers, FIRST_MS, this.stop.signal);
      }
      this.tagged.clear();
    }
    this.polling = false;
  }

  private intervalMs(): number {
    const watches = [...this.watches];
    const waits = watches.every(({ seen }) => seen.run && phaseOf(seen.run) === 'waiting');
    const quiet = this.time.clock.monotonic() - this.changedAt > QUIET_AFTER_MS;
    const usual = waits ? EVERY_MS.waiting : quiet ? EVERY_MS.quiet : EVERY_MS.moving;
    const troubled = watches.some(({ refusals }) => refusals > 1) ? EVERY_MS.troubled : 0;
    return Math.max(usual, troubled, this.session.budget.paceMs(this.counted));
  }

  private async round(): Promise<void> {
    this.counted = 0;
    const unseen = new Set(this.watches);
    const from = this.time.clock.now() - LIST_BACK_MS;
    const recent = [...this.watches].filter(({ since }) => since > from);
    if (recent.length > SINGLE_MAX) for (const watch of await this.readList(recent)) unseen.delete(watch);
    for (const watch of inTurn(unseen, ({ readAt }) => readAt)) await this.readSingle(watch);
    const working = [...this.watches].filter(({ seen }) => seen.run && phaseOf(seen.run) === 'running');
    for (const watch of inTurn(working, ({ jobsAt }) => jobsAt)) await this.readJobsOf(watch);
  }

  /** Gives the runs that the list had. */
  private async readList(watches: readonly RunWatch[]): Promise<RunWatch[]> {
    const since = Math.min(...watches.map((watch) => watch.since));
    const wanted = new Map(watches.map((watch) => [watch.id, watch]));
    const found: RunWatch[] = [];
    const perPage = Math.min(PER_PAGE, 2 * watches.length);
    for (let page = 1; page <= LIST_PAGES_MAX && found.length < watches.length; page++) {
      const created = `>=${new Date(since).toISOString().replace(/\.\d+Z$/, 'Z')}`;
      const query = { event: 'workflow_dispatch', created, per_page: perPage, page, exclude_pull_requests: true };
      const { json } = await this.read('runs', query);
      const list = readRuns(json);
      if (!list) break;
      for (const run of list.runs) {
        const watch = wanted.get(run.id);
        if (!watch) continue;
        this.take(watch, run);
        found.push(watch);
      }
      if (list.length < perPage) break;
    }
    return found;
  }

  private async readSingle(watch: RunWatch): Promise<void> {
    const { answer, json } = await this.read(`runs/${watch.id}`, { exclude_pull_requests: true });
    const run = readRun(json);
    if (run) return this.take(watch, run);
    watch.readAt = this.time.clock.monotonic();
    if (answer.status === 200) return watch.tell({ waiting: 'GitHub answered something that is no run; asking again' });
    this.trouble([watch], `run ${watch.id} is not shown any more: ${said(answer)}`);
  }

  private async readJobsOf(watch: RunWatch): Promise<void> {
    watch.jobsAt = this.time.clock.monotonic();
    const { json, fresh } = await this.read(`runs/${watch.id}/jobs`, { filter: 'latest', per_page: PER_PAGE });
    const jobs = fresh ? readJobs(json) : undefined;
    if (!jobs) return;
    this.changedAt = watch.jobsAt;
    watch.tell({ jobs });
  }

  private take(watch: RunWatch, run: WorkflowRun): void {
    const { run: before } = watch.seen;
    watch.readAt = this.time.clock.monotonic();
    watch.refusals = 0;
    const same = before && before.updated_at === run.updated_at && before.status === run.status && before.conclusion === run.conclusion;
    // Who must act in GitHub may change while the run stands.
    if (same && before.run_attempt === run.run_attempt && phaseOf(run) !== 'waiting' && watch.seen.waiting === undefined) return;
    if (!same) this.changedAt = watch.readAt;
    watch.tell({ run });
  }

  private trouble(watches: readonly RunWatch[], message: string): void {
    for (const watch of watches) {
      if (++watch.refusals >= REFUSALS_MAX) watch.tell({ lost: message });
      else watch.tell({ waiting: `${message}; asking again` });
    }
  }

  /** A conditional read below the repository's actions. */
  private async read(
    path: string,
    query: Record<string, string | number | boolean>,
  ): Promise<{ answer: VendorAnswer; json: unknown; fresh: boolean }> {
    const key = `${path} ${JSON.stringify(query)}`;
    const before = this.tagged.get(key);
    const answer = await this.session.ask(
      {
        method: 'GET',
        path: `/repos/${this.repository}/actions/${path}`,
        query,
        ...(before ? { headers: { 'if-none-match': before.etag } } : {}),
      },
      this.asking(),
    );
    if (answer.status === 304 && before) return { answer, json: before.json, fresh: false };
    this.counted++;
    const { etag } = answer.headers;
    this.tagged.delete(key);
    if (answer.status === 200 && etag !== undefined) this.tagged.set(key, { etag, json: answer.json });
    for (const oldest of this.tagged.keys()) {
      if (this.tagged.size <= TAGGED_MAX) break;
      this.tagged.delete(oldest);
    }
    return { answer, json: answer.status === 200 ? answer.json : undefined, fresh: true };
  }

  /** A request of the round is everybody's: all hear what it waits for, and none shows what it used. */
  private asking(): Asking {
    return {
      signal: this.stop.signal,
      waiting: (reason) => this.watches.forEach((watch) => watch.tell({ waiting: reason })),
      hide: (value) => this.watches.forEach(({ hide }) => hide(value)),
    };
  }
}

/** What is kept of a repository's answers; a hundred runs with their jobs. */
const TAGGED_MAX = 256;

/** Those that have waited longest. */
const inTurn = <T>(all: Iterable<T>, lastAt: (one: T) => number): T[] =>
  [...all].sort((a, b) => lastAt(a) - lastAt(b)).slice(0, IN_TURN_MAX);
