import type { JsonObject } from '@slipway/core';
import { z } from 'zod';
import { cleanText } from '../../text.js';
import type { Outcome } from '../executor.js';
import { type ArgoCdApi, ArgoCdError, CODE } from './api.js';
import { lastOperation, initiatorOf, revisionsOf, specSources, timeOf, type Application, type OperationState } from './application.js';
import { NOTE, ownOperation, uiOf, type ArgoRun } from './argo-run.js';
import { Changes } from './changes.js';
import { Children } from './children.js';
import { describeDegraded, describeFailedSync } from './failure-report.js';
import { judgeHealth, type Finished, type GateAnswer } from './gate.js';
import { revisionsAreTheSpecs } from './spec-changes.js';

/** What crashes at first may recover; a rollout that is really broken stays so. */
const DEGRADED_GRACE_MS = 120_000;
/** After a sync the controller compares by itself; when that was not seen after so long, it is asked to. */
const REFRESH_MS = { first: 2_000, every: 10_000 };
const EXPLAIN_MS_MAX = 15_000;
const MESSAGE_LENGTH_MAX = 2_000;
const COMMIT = /^[0-9a-f]{40}$/;

const finishedSchema = z.object({ finishedAt: z.number(), seenAt: z.number(), revisions: z.array(z.string()), compared: z.boolean() });

/** Follows the run's operation to its end, and then the Application until it is healthy. */
export class Following {
  private readonly changes: Changes;
  private readonly children: Children;
  private finished: Finished | undefined;
  private refreshAt = 0;
  private badSince: number | undefined;
  private linked = false;

  constructor(private readonly argo: ArgoRun) {
    const { run, api, config } = argo;
    this.changes = new Changes(api, run);
    this.children = new Children(api, config);
    const noted = finishedSchema.safeParse(run.notes[NOTE.finished]);
    this.finished = noted.success ? noted.data : undefined;
  }

  async go(): Promise<Outcome> {
    const { run } = this.argo;
    try {
      for (;;) {
        const outcome = await this.look();
        if (outcome) return outcome;
        if (run.ending.aborted) await this.changes.next(run.signal, 'soon');
        else await this.changes.next(run.ending);
        if (run.signal.aborted) return { verb: 'unknown', message: 'not followed any more' };
      }
    } finally {
      this.changes.close();
    }
  }

  private async look(): Promise<Outcome | undefined> {
    const { run, api } = this.argo;
    let app: Application;
    try {
      app = await api.read();
    } catch (error) {
      if (!(error instanceof ArgoCdError)) throw error;
      return this.unreadable(error);
    }
    if (!this.linked) {
      this.linked = true;
      run.progress({ links: { application: uiOf(this.argo, app) } });
    }
    const ended = this.finished ? undefined : await this.followOperation(app);
    return ended ?? (this.finished ? this.followHealth(app, this.finished) : undefined);
  }

  /** A page of a proxy passes; what Argo CD itself says stands. */
  private unreadable(error: ArgoCdError): Outcome | undefined {
    if (error.fromArgoCd && error.code === CODE.notFound)
      return { verb: 'failed', message: `the Application was deleted meanwhile (${error.message})` };
    if (error.fromArgoCd) throw new Error(`the Application cannot be read any more: ${error.message}`);
    this.argo.run.progress({ message: `Argo CD ${error.message}` });
    return undefined;
  }

  private async followOperation(app: Application): Promise<Outcome | undefined> {
    const { run, config } = this.argo;
    const own = ownOperation(this.argo, app);
    if (!own) return this.replaced(app);
    const { state } = own;
    const begunAt = timeOf(state?.startedAt);
    if (begunAt !== undefined && run.notes[NOTE.begunAt] !== begunAt) run.note(NOTE.begunAt, begunAt);
    if (!own.over || !state) {
      run.progress({ step: 'syncing', message: describeProgress(state) });
      return undefined;
    }
    const revisions = revisionsOf(state.syncResult);
    if (state.phase !== 'Succeeded') return this.failed(app, state);
    const wrong = this.wrongRevision(app, revisions);
    if (wrong) return { verb: 'failed', message: wrong, outputs: this.outputs(app, revisions) };
    const compared = run.notes[NOTE.rolledBackTo] === undefined && revisionsAreTheSpecs(config, app.spec);
    this.finish({ finishedAt: timeOf(state.finishedAt) ?? run.clock.now(), revisions, compared });
    return undefined;
  }

  private finish(seen: Omit<Finished, 'seenAt'>): void {
    const { run } = this.argo;
    const finished = { ...seen, seenAt: run.clock.now() };
    this.finished = finished;
    this.refreshAt = run.clock.monotonic() + REFRESH_MS.first;
    run.note(NOTE.finished, { ...finished, revisions: [...finished.revisions] });
  }

  private async failed(app: Application, state: OperationState): Promise<Outcome> {
    const { run } = this.argo;
    const said = cleanText(state.message ?? '', MESSAGE_LENGTH_MAX);
    if (run.notes[NOTE.stopped] === true) return { verb: 'cancelled', message: `the sync was terminated: ${said}` };
    const message = await this.explain((api) => describeFailedSync(api, app, state));
    return { verb: 'failed', message, links: { application: uiOf(this.argo, app) } };
  }

  /** A commit that was asked for by its hash is what must have been synced. */
  private wrongRevision(app: Application, revisions: readonly string[]): string | undefined {
    const { config } = this.argo;
    if (revisions.length === 0) return undefined;
    const wanted = specSources(app.spec).map(({ targetRevision }) => targetRevision);
    if (config.revision !== undefined) wanted[0] = config.revision;
    for (const { position, revision } of config.revisions ?? []) wanted[position - 1] = revision;
    const at = wanted.findIndex((one, index) => typeof one === 'string' && COMMIT.test(one) && revisions[index] !== one);
    if (at < 0 || this.argo.run.notes[NOTE.rolledBackTo] !== undefined) return undefined;
    return `the sync was to commit ${String(wanted[at])} and went to ${revisions[at] ?? 'nothing'}: the Application was changed meanwhile`;
  }

  /** Another operation took the place of ours before its end was seen; only the history tells of it, and only when it succeeded. */
  private replaced(app: Application): Outcome | undefined {
    const { run, config } = this.argo;
    const last = lastOperation(app);
    const by = last ? `one of ${initiatorOf(last.operation)}` : 'none';
    if (run.notes[NOTE.stopped] === true) return { verb: 'cancelled', message: 'the sync was terminated' };
    const begunAt = run.notes[NOTE.begunAt];
    const entry = app.status.history.findLast(({ deployStartedAt }) => typeof begunAt === 'number' && timeOf(deployStartedAt) === begunAt);
    if (!entry) {
      return {
        verb: 'unknown',
        message: `what became of the sync cannot be known: the Application's last operation is ${by}, and its history does not tell of ours`,
      };
    }
    this.finish({
      finishedAt: timeOf(entry.deployedAt) ?? run.clock.now(),
      revisions: revisionsOf(entry),
      compared: revisionsAreTheSpecs(config, app.spec),
    });
    return undefined;
  }

  private async followHealth(app: Application, finished: Finished): Promise<Outcome | undefined> {
    const { run, config } = this.argo;
    let answer: GateAnswer = judgeHealth(app, finished, config);
    if (answer.is === 'healthy' && config.children !== 'ignore') answer = await this.children.judge(app, finished);
    if (answer.is === 'healthy')
      return { verb: 'succeeded', outputs: this.outputs(app, finished.revisions), links: { application: uiOf(this.argo, app) } };
    if (run.ending.aborted) {
      const outputs = this.outputs(app, finished.revisions);
      return { verb: 'cancelled', message: 'the sync had succeeded; whether it becomes healthy was not waited for', outputs };
    }
    if (answer.is !== 'bad') this.badSince = undefined;
    const late = this.tooLate(answer, finished);
    if (late === undefined) {
      run.progress({ step: 'health', message: answer.because });
      if (answer.is === 'wait' && answer.stale) await this.refresh();
      return undefined;
    }
    const message = cleanText(`${late}${await this.explain((api) => describeDegraded(api, app))}`, MESSAGE_LENGTH_MAX);
    return { verb: 'failed', message, outputs: this.outputs(app, finished.revisions), links: { application: uiOf(this.argo, app) } };
  }

  /** Why it is not waited for any longer. */
  private tooLate(answer: Exclude<GateAnswer, { is: 'healthy' }>, { seenAt }: Finished): string | undefined {
    const { run, config } = this.argo;
    const { healthTimeout, degradedGrace = DEGRADED_GRACE_MS } = config;
    if (answer.is === 'bad') {
      this.badSince ??= run.clock.monotonic();
      if (run.clock.monotonic() - this.badSince >= degradedGrace)
        return `the sync succeeded, but ${answer.because} (for ${degradedGrace / 1_000} s)`;
    }
    const late = healthTimeout !== undefined && run.clock.now() - seenAt >= healthTimeout;
    return late ? `the sync succeeded, but was not healthy within ${healthTimeout / 1_000} s: ${answer.because}` : undefined;
  }

  /** What only explains a failure is not waited for any longer than this. */
  private async explain(tell: (api: ArgoCdApi) => Promise<string>): Promise<string> {
    const { run, api } = this.argo;
    const over = new AbortController();
    const stopTimer = run.timers.after(EXPLAIN_MS_MAX, () => over.abort());
    try {
      return await tell(api.within(AbortSignal.any([run.signal, over.signal])));
    } finally {
      stopTimer();
    }
  }

  private async refresh(): Promise<void> {
    const { run, api } = this.argo;
    if (run.clock.monotonic() < this.refreshAt) return;
    this.refreshAt = run.clock.monotonic() + REFRESH_MS.every;
    // What came of it is read; that it timed out, or was refused, says nothing of the Application.
    await api.refresh().catch(() => undefined);
  }

  private outputs(app: Application, revisions: readonly string[]): JsonObject {
    const [revision] = revisions;
    return {
      ...(revisions.length > 1 ? { revisions: [...revisions] } : revision === undefined ? {} : { revision }),
      health: app.status.health?.status ?? 'Unknown',
      sync: app.status.sync?.status ?? 'Unknown',
      images: (app.status.summary?.images ?? []).slice(0, 50),
      url: uiOf(this.argo, app),
    };
  }
}

function describeProgress(state: OperationState | undefined): string {
  if (!state) return 'the sync is requested';
  const results = state.syncResult?.resources ?? [];
  const done = results.filter(({ status, hookPhase }) => status === 'Synced' || status === 'Pruned' || hookPhase === 'Succeeded').length;
  const counted = results.length > 0 ? ` (${done} of ${results.length} resources)` : '';
  const retried = state.phase === 'Running' && state.finishedAt !== undefined ? 'failed, will be tried again: ' : '';
  return `${retried}${cleanText(state.message ?? state.phase ?? 'running', 300)}${counted}`;
}
