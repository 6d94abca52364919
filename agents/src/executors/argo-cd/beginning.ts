import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@slipway/core';
import { pause } from '../../timers.js';
import { Ambiguous, Interrupted, NotSent } from '../../vendor/failures.js';
import { Refused } from '../executor.js';
import { ArgoCdError, CODE, type SyncWindows } from './api.js';
import { autoSyncs, initiatorOf, lastOperation, revisionsOf, RUN_INFO, type Application } from './application.js';
import { isAutoSyncOfSpec, NOTE, ownOperation, type ArgoRun } from './argo-run.js';
import { Changes } from './changes.js';
import { explainRefusal, isSettledRefusal } from './refusals.js';
import { rollbackEntry } from './rollback.js';
import { explicitRevisions, manifestOf, revisionsAreTheSpecs, wantedSpec } from './spec-changes.js';

/** A request whose answer was lost shows within this, if it was carried out: what is read does not lag. */
export const SHOWS_WITHIN_MS = 4_000;
const LOOK_EVERY_MS = 1_000;
/** A closed window, or a Git server that does not answer, is asked about this often. */
const CLOSED_EVERY_MS = 30_000;
/** So often the server may fail at a sync before it is taken for a refusal. */
const FAULTS_MAX = 6;

/**
 * Brings the Application's spec to what is wanted and has it synced, once: returns when an operation of this run is there. Waits while
 * somebody else's operation goes on, while a sync window is closed, and while the server is down.
 */
export class Beginning {
  private readonly changes: Changes;
  private written = false;
  private faults = 0;

  constructor(private readonly argo: ArgoRun) {
    this.changes = new Changes(argo.api, argo.run);
  }

  async go(): Promise<void> {
    try {
      while (!(await this.step())) if (this.argo.run.ending.aborted) throw new Interrupted();
    } catch (error) {
      const refused = error instanceof Refused ? error : this.refused(error);
      if (!refused || this.argo.run.notes[NOTE.written] !== true) throw refused ?? error;
      throw new Error(`the sync was refused, but auto-sync may deploy the spec, which had been changed by then: ${refused.message}`);
    } finally {
      this.changes.close();
    }
  }

  /** True once it has begun. */
  private async step(): Promise<boolean> {
    const { run } = this.argo;
    const before = await this.read();
    if (before && ownOperation(this.argo, before)) return true;
    if (before?.metadata.deletionTimestamp) throw new Refused(`the Application ${this.name} is being deleted`);
    const last = before && lastOperation(before);
    if (last && !last.over && !isAutoSyncOfSpec(last, before)) {
      const since = last.state?.startedAt === undefined ? '' : ` since ${last.state.startedAt}`;
      run.progress({ step: 'waiting', message: `until another operation is over: one of ${initiatorOf(last.operation)} goes on${since}` });
      await this.changes.next(run.ending);
      return false;
    }
    const app = await this.write(before);
    const automated = lastOperation(app);
    if (automated && !automated.over && isAutoSyncOfSpec(automated, app) && revisionsAreTheSpecs(this.argo.config, app.spec)) {
      run.note(NOTE.accepted, revisionsOf(automated.operation.sync).join());
      run.progress({ step: 'syncing', message: 'auto-sync has begun it already' });
      return true;
    }
    return this.begin(app);
  }

  private get name(): string {
    return this.argo.config.application.name;
  }

  private async read(): Promise<Application | undefined> {
    try {
      return await this.argo.api.read();
    } catch (error) {
      if (error instanceof ArgoCdError && error.code === CODE.notFound && this.argo.config.template) return undefined;
      throw error;
    }
  }

  /** Make the spec what it is to be; only what differs is written, and by each life at most once. */
  private async write(before: Application | undefined): Promise<Application> {
    const { config } = this.argo;
    if (before && (this.written || this.rollsBackByHistory(before))) return before;
    const spec = wantedSpec(config, before);
    const differs = !before || !isDeepStrictEqual(before.spec, spec);
    const owner = before?.metadata.ownerReferences.find(({ kind }) => kind === 'ApplicationSet');
    if (owner && differs)
      throw new Refused(
        `the Application ${this.name} belongs to the ApplicationSet ${owner.name}, which would undo the change of its spec; change what the ` +
          'ApplicationSet generates, or sync with revision alone',
      );
    const manifest = config.template && (!owner || !before) ? manifestOf(config, before) : undefined;
    const app = manifest || differs ? await this.send(manifest, spec, differs) : before;
    this.written = true;
    return app!;
  }

  /** From here on auto-sync, where it is on, does what was asked, whatever becomes of the sync. */
  private async send(manifest: JsonObject | undefined, spec: JsonObject, differs: boolean): Promise<Application> {
    const { api, run } = this.argo;
    if (differs && autoSyncs(spec)) run.note(NOTE.written, true);
    try {
      return await (manifest ? api.upsert(manifest) : api.patch({ spec }));
    } catch (error) {
      if (error instanceof ArgoCdError && error.fromArgoCd && run.notes[NOTE.written] !== undefined) run.note(NOTE.written, false);
      throw error;
    }
  }

  private rollsBackByHistory(app: Application): boolean {
    return rollbackEntry(this.argo, app) !== undefined;
  }

  private async begin(app: Application): Promise<boolean> {
    const { run, api, config } = this.argo;
    const entry = rollbackEntry(this.argo, app);
    try {
      if (entry?.id !== undefined) {
        run.note(NOTE.rolledBackTo, revisionsOf(entry).join());
        await api.rollback(entry.id, config.prune ?? false);
      } else {
        const explicit = explicitRevisions(config);
        await api.sync({
          info: { name: RUN_INFO, value: run.id },
          ...(config.revision === undefined ? {} : { revision: config.revision }),
          ...(config.revisions ? { revisions: explicit } : {}),
          prune: config.prune,
          syncOptions: config.syncOptions,
        });
      }
      run.note(NOTE.sent, 'taken');
      return true;
    } catch (error) {
      // A page in the place of an answer says nothing of what came of it either.
      if (error instanceof Ambiguous || (error instanceof ArgoCdError && !error.fromArgoCd)) return this.lookUp(error);
      if (error instanceof ArgoCdError && (await this.worthWaiting(error))) return false;
      throw error;
    }
  }

  /** Whether it was carried out is seen in the Application, and certain after a while. */
  private async lookUp(lost: Error): Promise<boolean> {
    const { run } = this.argo;
    run.note(NOTE.sent, 'sent');
    run.progress({ step: 'syncing', message: `whether the sync was begun is looked up: ${lost.message}` });
    const until = run.clock.monotonic() + SHOWS_WITHIN_MS;
    while (run.clock.monotonic() < until) {
      await pause(run.timers, LOOK_EVERY_MS, run.ending);
      if (ownOperation(this.argo, await this.argo.api.read())) return true;
    }
    if (++this.faults >= FAULTS_MAX) throw new Refused(`the sync could not be begun in ${FAULTS_MAX} tries: ${lost.message}`);
    return false;
  }

  /** Whether a refusal will pass by itself; if so, waits a while. */
  private async worthWaiting(error: ArgoCdError): Promise<boolean> {
    const { run, api } = this.argo;
    if (error.code === CODE.precondition && error.message.includes('another operation is already in progress')) {
      await this.changes.next(run.ending);
      return true;
    }
    if (error.code === CODE.denied && error.message.includes('blocked by sync window')) {
      const windows = await api.windows().catch(() => ({}));
      run.progress({ step: 'waiting', message: `until a sync window allows it${describe(windows)}` });
      await pause(run.timers, CLOSED_EVERY_MS, run.ending);
      return true;
    }
    if (isSettledRefusal(error)) return false;
    run.progress({ step: 'waiting', message: `Argo CD cannot begin the sync now: ${error.message}` });
    await pause(run.timers, CLOSED_EVERY_MS, run.ending);
    return true;
  }

  private refused(error: unknown): Refused | undefined {
    if (error instanceof ArgoCdError) return new Refused(explainRefusal(error, this.argo.config));
    return error instanceof NotSent && error.lasting ? new Refused(error.message) : undefined;
  }
}

/** The project's windows: which are active, else which there are. */
function describe({ activeWindows, assignedWindows }: SyncWindows): string {
  const told = activeWindows?.length ? { what: 'active', windows: activeWindows } : { what: 'assigned', windows: assignedWindows ?? [] };
  if (told.windows.length === 0) return '';
  const each = told.windows
    .slice(0, 5)
    .map(({ kind, schedule, duration }) => `${kind ?? 'window'} "${schedule ?? ''}" for ${duration ?? ''}`);
  return `; ${told.what}: ${each.join(', ')}`;
}
