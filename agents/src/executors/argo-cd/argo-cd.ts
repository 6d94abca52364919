import { isDeepStrictEqual } from 'node:util';
import { argoCdExecutorSchema } from '@slipway/contracts';
import type { JobSpec } from '@slipway/core';
import { pause } from '../../timers.js';
import { Ambiguous } from '../../vendor/failures.js';
import type { VendorClients } from '../../vendor/vendor-clients.js';
import { type Executor, type Observation, type Outcome, type Reach, Refused, type Run } from '../executor.js';
import { ArgoCdApi, argoCdClient, ArgoCdError, CODE } from './api.js';
import { describeDiff } from './application-diff.js';
import { autoSyncs, lastOperation, revisionsOf, timeOf, type Application, type SeenOperation } from './application.js';
import { beganBefore, isAutoSyncOfSpec, isRollback, NOTE, ownOperation, type ArgoRun } from './argo-run.js';
import { Beginning, SHOWS_WITHIN_MS } from './beginning.js';
import { childrenOf } from './children.js';
import { Following } from './following.js';
import { judgeHealth } from './gate.js';
import { rollbackEntry } from './rollback.js';
import { wantedSpec } from './spec-changes.js';

/** From the order to stop until the operation is gone: hooks are taken away meanwhile. */
const STOPS_WITHIN_MS = 120_000;
const STOP_LOOK_EVERY_MS = 1_000;

/**
 * Creates or updates an Application, syncs it with the run's id in the operation's `info`, by which it is found again, and follows it until it has
 * been compared after the sync and is healthy. Nothing of a run is kept but at Argo CD.
 */
export class ArgoCdExecutor implements Executor {
  readonly type = 'argo-cd';

  constructor(private readonly clients: VendorClients) {}

  validate(config: JobSpec['executor']): string | undefined {
    const parsed = argoCdExecutorSchema.safeParse(config);
    return parsed.success ? undefined : parsed.error.issues.map((issue) => `executor.${issue.path.join('.')} ${issue.message}`).join('; ');
  }

  limitMs(config: JobSpec['executor']): number | undefined {
    return argoCdExecutorSchema.parse(config).timeout;
  }

  secretReferences(config: JobSpec['executor']): Record<string, string> {
    return { token: argoCdExecutorSchema.parse(config).token };
  }

  reaches(config: JobSpec['executor']): Reach {
    return { servers: [new URL(argoCdExecutorSchema.parse(config).server).origin] };
  }

  async observe(run: Run): Promise<Observation> {
    const argo = this.open(run, run.ending);
    let app: Application;
    try {
      app = await argo.api.read();
    } catch (error) {
      if (error instanceof ArgoCdError && error.code === CODE.notFound)
        return run.notes[NOTE.sent] === undefined ? 'notStarted' : 'unknown';
      throw error;
    }
    const own = ownOperation(argo, app);
    if (own?.over) return this.judge(argo, app, own);
    if (own || run.notes[NOTE.sent] === 'taken' || run.notes[NOTE.finished] !== undefined) return 'running';
    const last = lastOperation(app);
    if (!last || beganBefore(run, last)) return this.unlessUnderWay(argo);
    return this.standsForOurs(argo, app) ? 'running' : 'unknown';
  }

  async start(run: Run): Promise<void> {
    let argo: ArgoRun;
    try {
      argo = this.open(run, run.ending);
    } catch (error) {
      throw new Refused((error as Error).message);
    }
    return new Beginning(argo).go();
  }

  follow(run: Run): Promise<Outcome> {
    return new Following(this.open(run, run.signal)).go();
  }

  async cancel(run: Run): Promise<boolean> {
    const over = new AbortController();
    const stopTimer = run.timers.after(STOPS_WITHIN_MS, () => over.abort());
    try {
      return await this.stop(this.open(run, AbortSignal.any([run.signal, over.signal])), over.signal);
    } finally {
      stopTimer();
    }
  }

  async diff(run: Run): Promise<string> {
    const argo = this.open(run, run.ending);
    try {
      const app = await argo.api.read();
      const resources = await argo.api.managedResources();
      return describeDiff(app, rollbackEntry(argo, app) ? app.spec : wantedSpec(argo.config, app), resources);
    } catch (error) {
      if (error instanceof ArgoCdError && error.code === CODE.notFound && argo.config.template)
        return `the Application ${argo.config.application.name} does not exist yet and will be created`;
      throw error;
    }
  }

  private open(run: Run, signal: AbortSignal): ArgoRun {
    const config = argoCdExecutorSchema.parse(run.config);
    const waiting = (reason: string): void => run.progress({ message: `Argo CD does not answer: ${reason}` });
    const client = argoCdClient(this.clients, config, run.secrets['token'] ?? '');
    return { run, config, api: new ArgoCdApi(client, config.application, { signal, waiting }) };
  }

  /** What its operation came to; one that succeeded is not the end before the Application is healthy. */
  private judge({ config }: ArgoRun, app: Application, { state }: SeenOperation): Observation {
    if (state?.phase !== 'Succeeded') return 'failed';
    const finishedAt = timeOf(state.finishedAt) ?? Infinity;
    const seen = judgeHealth(app, { finishedAt, seenAt: 0, revisions: [], compared: false }, config);
    return seen.is === 'healthy' && (config.children === 'ignore' || childrenOf(app).length === 0) ? 'succeeded' : 'running';
  }

  /** A request to begin, sent by a life that ended before its answer, may still be on its way; after a while it is certain that it is not. */
  private async unlessUnderWay(argo: ArgoRun): Promise<Observation> {
    await pause(argo.run.timers, SHOWS_WITHIN_MS, argo.run.ending);
    return ownOperation(argo, await argo.api.read()) ? 'running' : 'notStarted';
  }

  /** Auto-sync of the wanted spec, or a rollback to the wanted version: neither can carry our id, and either is what this run is for. */
  private standsForOurs(argo: ArgoRun, app: Application): boolean {
    const { run, config } = argo;
    const last = lastOperation(app);
    if (!last || (last.over && last.state?.phase !== 'Succeeded')) return false;
    const entry = rollbackEntry(argo, app);
    const revisions = revisionsOf(last.operation.sync).join();
    if (entry && isRollback(last) && revisions === revisionsOf(entry).join()) {
      run.note(NOTE.rolledBackTo, revisions);
      return true;
    }
    if (!isAutoSyncOfSpec(last, app) || !isDeepStrictEqual(app.spec, wantedSpec(config, app))) return false;
    run.note(NOTE.accepted, revisions);
    return true;
  }

  /** True once nothing of the run goes on. */
  private async stop(argo: ArgoRun, over: AbortSignal): Promise<boolean> {
    const { run, api } = argo;
    const certainAt = run.clock.monotonic() + (run.notes[NOTE.sent] === 'sent' ? SHOWS_WITHIN_MS : 0);
    let asked = false;
    while (!over.aborted) {
      const app = await api.read().catch((error: unknown) => {
        if (error instanceof ArgoCdError && error.code === CODE.notFound) return undefined;
        throw error;
      });
      const own = app && (ownOperation(argo, app) ?? this.takenUpByAutoSync(argo, app));
      if (!own && app && this.leftToAutoSync(argo, app)) return false;
      if (!own || own.over) {
        if (own || run.clock.monotonic() >= certainAt) return true;
      } else if (!asked || own.state?.phase !== 'Terminating') {
        asked = true;
        run.note(NOTE.stopped, true);
        await this.terminate(argo);
      }
      await pause(run.timers, STOP_LOOK_EVERY_MS, over);
    }
    return false;
  }

  /** Auto-sync is bringing about the spec that this run wrote: that is stopped like an operation of its own. */
  private takenUpByAutoSync({ run }: ArgoRun, app: Application): SeenOperation | undefined {
    const last = lastOperation(app);
    if (run.notes[NOTE.written] !== true || !last || last.over || !isAutoSyncOfSpec(last, app)) return undefined;
    run.note(NOTE.accepted, revisionsOf(last.operation.sync).join());
    return last;
  }

  /** The spec that this run wrote is there and not deployed: auto-sync will do so when it may. */
  private leftToAutoSync({ run, config }: ArgoRun, app: Application): boolean {
    if (run.notes[NOTE.written] !== true || !autoSyncs(app.spec) || app.status.sync?.status === 'Synced') return false;
    return isDeepStrictEqual(app.spec, wantedSpec(config, app));
  }

  private async terminate({ api, run }: ArgoRun): Promise<void> {
    run.progress({ step: 'stopping', message: 'the operation is terminated' });
    try {
      await api.terminate();
    } catch (error) {
      // Whether it was carried out, or was over by then, is read next.
      if (!(error instanceof Ambiguous) && !(error instanceof ArgoCdError && error.code === CODE.invalid)) throw error;
    }
  }
}
